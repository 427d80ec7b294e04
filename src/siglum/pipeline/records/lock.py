"""`dvc.lock` (schema 2.0) as values: what each stage ran, on what, and what came of it. Pure.

An entry is also what the run cache keeps: its file holds the same mapping.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from siglum.core.hashes import DataHash
from siglum.workspace.document import Document, KeyPath, kind_of

SCHEMA = "2.0"
PARAMS_FILE = "params.yaml"
_FIELD = re.compile(r"\$\.(\w+)")
_OID = re.compile(r"[0-9a-fA-F]{32}(\.dir)?\Z")


class LockedPath(msgspec.Struct, frozen=True):
    """One dependency or output as recorded. `hash` is "md5", or None in entries that DVC 2 wrote."""

    path: str
    hash: str | None = None
    md5: str | None = None
    etag: str | None = None
    checksum: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool | None = None
    version_id: str | None = None
    cloud: dict[str, Any] | None = None
    files: list[Any] | None = None
    dataset: dict[str, Any] | None = None

    @property
    def data_hash(self) -> DataHash | None:
        """The address of its content, where it has one."""
        return None if self.md5 is None else DataHash(self.md5, legacy=self.hash is None)

    @property
    def token(self) -> str | None:
        """What tells it from other content: a hash, what a server says of it, or of a dataset all that is recorded."""
        if self.dataset is not None:
            return hashlib.md5(json.dumps(self.dataset, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
        return self.md5 or self.etag or self.checksum


class StageLock(msgspec.Struct, frozen=True):
    """One stage's entry. Parameters by file and dotted key."""

    command: str | tuple[str, ...]
    deps: tuple[LockedPath, ...] = ()
    params: dict[str, dict[str, Any]] = {}
    outs: tuple[LockedPath, ...] = ()

    def dep(self, path: str) -> LockedPath | None:
        """Return the dependency that was recorded under `path`."""
        return next((dep for dep in self.deps if dep.path == path), None)

    def out(self, path: str) -> LockedPath | None:
        """Return the output that was recorded under `path`."""
        return next((out for out in self.outs if out.path == path), None)


class LockFile(msgspec.Struct, frozen=True):
    """A lock file: its document, and its entries by stage name."""

    document: Document | None = None
    stages: dict[str, StageLock] = {}


def parse_lock(document: Document) -> LockFile:
    """Check and read a lock file. Raises FileFormatError with line, column and key path."""
    data = document.data
    if data is None:
        return LockFile(document)
    if not isinstance(data, dict):
        raise document.problem((), "not a lock file: expected keys and values", hint=_DAMAGED)
    if data.get("schema") != SCHEMA:
        found = data.get("schema")
        problem = "the lock file has no schema" if found is None else f"unknown schema {found!r}"
        raise document.problem(("schema",) if "schema" in data else (), f"{problem}; {SCHEMA!r} is known", hint=_OLD)
    for key in data:
        if key not in ("schema", "stages", "datasets"):
            raise document.problem((key,), "there is no such key in a lock file", hint=_DAMAGED)
    stages = data.get("stages") or {}
    if not isinstance(stages, dict):
        raise document.problem(("stages",), "expected stages by name", hint=_DAMAGED)
    return LockFile(document, {str(name): parse_entry(document, ("stages", name), e) for name, e in stages.items()})


_DAMAGED = "Restore dvc.lock from Git, or delete it and run 'siglum repro'."
_OLD = "It was written by another version; delete it and run 'siglum repro'."


def parse_entry(document: Document, keys: KeyPath, data: Any) -> StageLock:
    """Check and read one stage's entry, of a lock file or of the run cache."""
    if not isinstance(data, dict):
        raise document.problem(keys, "expected a stage's entry", hint=_DAMAGED)
    for key in data:
        if key not in ("cmd", "deps", "params", "outs"):
            raise document.problem((*keys, key), "there is no such key in a stage's entry", hint=_DAMAGED)
    command = data.get("cmd")
    if not isinstance(command, str | list):
        raise document.problem((*keys, "cmd") if "cmd" in data else keys, "the entry has no command", hint=_DAMAGED)
    params = data.get("params") or {}
    if not isinstance(params, dict) or not all(isinstance(values, dict) for values in params.values()):
        raise document.problem((*keys, "params"), "expected parameters by file", hint=_DAMAGED)
    return StageLock(
        command if isinstance(command, str) else tuple(command),
        _parse_paths(document, (*keys, "deps"), data.get("deps")),
        params,
        _parse_paths(document, (*keys, "outs"), data.get("outs")),
    )


def _parse_paths(document: Document, keys: KeyPath, entries: Any) -> tuple[LockedPath, ...]:
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise document.problem(keys, "expected a list", hint=_DAMAGED)
    return tuple(_parse_path(document, (*keys, i), entry) for i, entry in enumerate(entries))


def _parse_path(document: Document, keys: KeyPath, entry: Any) -> LockedPath:
    if not isinstance(entry, dict):
        raise document.problem(keys, "expected a path with its hash", hint=_DAMAGED)
    unknown = next((key for key in entry if key not in LockedPath.__struct_fields__), None)
    if unknown is not None:
        raise document.problem((*keys, unknown), "there is no such key here", hint=_DAMAGED)
    try:
        path = msgspec.convert(entry, LockedPath)
    except msgspec.ValidationError as error:
        named = _FIELD.search(str(error))
        if named is None or named[1] not in entry:
            raise document.problem(keys, "the entry has no path", hint=_DAMAGED) from None
        problem = f"{kind_of(entry[named[1]])} is not what belongs here"
        raise document.problem((*keys, named[1]), problem, hint=_DAMAGED) from None
    if path.md5 is not None and not _OID.match(path.md5):
        raise document.problem((*keys, "md5"), f"{path.md5!r} is not an MD5", hint=_DAMAGED)
    return path


def encode_entry(lock: StageLock) -> dict[str, Any]:
    """Return an entry as the mapping that is written, in DVC's order of keys."""
    entry: dict[str, Any] = {"cmd": lock.command if isinstance(lock.command, str) else list(lock.command)}
    if lock.deps:
        entry["deps"] = _encode_paths(lock.deps)
    if lock.params:
        entry["params"] = {path: dict(sorted(lock.params[path].items())) for path in _params_order(lock.params)}
    if lock.outs:
        entry["outs"] = _encode_paths(lock.outs)
    return entry


def _encode_paths(paths: Iterable[LockedPath]) -> list[dict[str, Any]]:
    fields = [name for name in LockedPath.__struct_fields__ if name != "path"]
    return [
        {"path": path.path} | {name: value for name in fields if (value := getattr(path, name)) is not None}
        for path in sorted(paths, key=lambda path: path.path)
    ]


def _params_order(params: Mapping[str, Any]) -> list[str]:
    return sorted(params, key=lambda path: (path != PARAMS_FILE, path))
