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
from typing import Any

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.pipeline.lock import StageLock, encode_entry, parse_entry
from siglum.pipeline.schema import OutputKind
from siglum.pipeline.stages import Stage
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
    """Return the key of an entry: command and inputs with their hashes, outputs by path only."""
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


class RunCache:
    """The files below `root`. Entries are read newest first."""

    def __init__(self, root: str) -> None:
        self.root = root

    def save(self, lock: StageLock) -> None:
        """Keep an entry; one that is there already stays as it is."""
        entry = encode_entry(lock)
        folder = self._folder(key_of(entry, [out.path for out in lock.outs]))
        path = f"{folder}/{value_of(entry)}"
        if os.path.exists(path):
            return
        os.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/{temporary_name()}"
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(dump_yaml(entry))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def find(self, inputs: StageLock, out_paths: list[str]) -> Iterator[StageLock]:
        """Yield the entries with the command and inputs of `inputs`, newest first. Damaged files are passed over."""
        folder = self._folder(key_of(encode_entry(inputs), out_paths))
        try:
            with os.scandir(folder) as found:
                files = sorted((-item.stat().st_mtime_ns, item.path) for item in found if not item.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return
        for _, path in files:
            try:
                text = read_bytes(path)
                data = load_yaml(text, path)
                yield parse_entry(Document(path, text.decode(), data), (), data)
            except (FileFormatError, NotFoundError, UnicodeDecodeError):
                continue

    def _folder(self, key: str) -> str:
        return f"{self.root}/{key[:2]}/{key}"
