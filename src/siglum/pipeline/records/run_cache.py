"""The run cache: earlier results by command and inputs, in DVC's files: `<cache>/runs/<key[:2]>/<key>/<value>`.

A file holds a stage's lock entry. Its folder is named by the entry without what the outputs hashed to, its own name by
all of it. What is found here is still checked: only outputs whose objects are in the cache can be restored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.records.lock import StageLock, encode_entry, parse_entry
from siglum.pipeline.records.plain_entry import plain_entry
from siglum.storage.durability import temporary_name
from siglum.workspace.document import Document
from siglum.workspace.documents import dump_yaml, load_yaml, read_bytes

_MODE = 0o666
_NOT_HASHED = ("size", "nfiles")


def can_be_cached(stage: Stage) -> bool:
    """Return whether a stage's result follows from its command and inputs, all of them local and known."""
    if stage.runs_always or stage.command is None or not stage.outs or not (stage.deps or stage.params):
        return False
    if any(dep.is_remote for dep in stage.deps):
        return False
    return not any(out.is_outside or out.persist for out in stage.outs)


def may_be_saved(stage: Stage) -> bool:
    """Return whether a result may go into the run cache: a plain output that is not cached could not come back."""
    return can_be_cached(stage) and all(out.cache or out.kind is not OutputKind.OUTS for out in stage.outs)


def key_of(entry: dict[str, Any], out_paths: list[str]) -> str:
    """Return the key of an entry: command and inputs with their hashes, outputs by path only.

    Raises TypeError for parameters with a mapping whose keys are of kinds that have no order among each other.
    """
    return _digest({**entry, "outs": sorted(out_paths)})


def value_of(entry: dict[str, Any]) -> str:
    """Return the name of a whole entry."""
    return _digest(entry)


def _digest(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(_without_sizes(entry), sort_keys=True).encode()).hexdigest()


def _without_sizes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_sizes(item) for key, item in value.items() if key not in _NOT_HASHED}
    return [_without_sizes(item) for item in value] if isinstance(value, list) else value


class FoundRun(NamedTuple):
    """An earlier result, and the name of its file in the run cache (None for one that a lock file holds)."""

    lock: StageLock
    name: str | None


class RunCache:
    """The files below `root`. Entries are read newest first."""

    def __init__(self, root: str) -> None:
        self.root = root

    def save(self, lock: StageLock) -> None:
        """Keep an entry; one that is there already stays as it is.

        It is not flushed to the disk: one that a power cut tears is not what its name says, and is passed over.

        As in DVC, a parameters file in which nothing is set keeps a run out of it; and so do mappings in parameters
        that have keys of several kinds, for which DVC's names are not defined.
        """
        if not all(lock.params.values()):
            return
        entry = encode_entry(lock)
        try:
            folder = self._folder(key_of(entry, [out.path for out in lock.outs]))
        except TypeError:
            return
        path = f"{folder}/{value_of(entry)}"
        text = (plain_entry(entry) or dump_yaml(entry)).encode()
        if _size_of(path) == len(text):
            return
        os.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/{temporary_name()}"
        try:
            with open(temporary, "xb") as file:
                file.write(text)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def find(self, inputs: StageLock, out_paths: list[str]) -> Iterator[StageLock]:
        """Yield the entries with the command and inputs of `inputs`, newest first. Damaged files are passed over."""
        for found in self.find_named(inputs, out_paths):
            yield found.lock

    def find_named(self, inputs: StageLock, out_paths: list[str]) -> Iterator[FoundRun]:
        """Do as `find`; say of each entry what its file is called, too.

        DVC's names leave out everything that is called `size` or `nfiles`, parameters as well: an entry is compared,
        so that a stage with a parameter of that name is not given the result of another value.
        """
        try:
            folder = self._folder(key_of(encode_entry(inputs), out_paths))
            with os.scandir(folder) as found:
                files = sorted((-item.stat().st_mtime_ns, item.path) for item in found if not item.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError, TypeError):
            return
        for _, path in files:
            try:
                text = read_bytes(path)
                data = load_yaml(text, path)
                name = os.path.basename(path)
                if isinstance(data, dict) and value_of(data) == name:
                    entry = parse_entry(Document(path, text.decode(), data), (), data)
                    if _same_params(entry, inputs):
                        yield FoundRun(entry, name)
            except (FileFormatError, NotFoundError, UnicodeDecodeError, TypeError):
                continue

    def _folder(self, key: str) -> str:
        return f"{self.root}/{key[:2]}/{key}"


def _same_params(entry: StageLock, inputs: StageLock) -> bool:
    ours, theirs = (json.dumps(each.params, sort_keys=True, default=str) for each in (entry, inputs))
    return ours == theirs


def _size_of(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None
