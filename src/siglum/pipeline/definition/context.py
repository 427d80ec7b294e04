"""The values that `${…}` can name: merged from params.yaml, `vars` files and inline `vars`, each with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.core.text import did_you_mean
from siglum.pipeline.definition.expressions import Path

LoadParams: TypeAlias = Callable[[str], dict[str, Any] | None]
"""Reads a parameters file by its posix path from the root; None when there is none."""


class Source(msgspec.Struct, frozen=True):
    """Where a value comes from: a parameters file, or an inline `vars` entry, and the path inside."""

    name: str
    path: Path
    is_file: bool


class Found(msgspec.Struct, frozen=True):
    """A value that an expression names; `source` is None for what the pipeline itself made up (`key`)."""

    value: Any
    source: Source | None


class Context:
    """Nested values by name. Merging never redefines: that is an error which names both places."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        # The source of each subtree that came in as one; found again by the longest prefix of a path.
        self._sources: dict[Path, Source] = {}
        # Which files were loaded: None wholly, else the keys that were asked for.
        self._loaded: dict[str, list[str] | None] = {}
        self._reserved: frozenset[str] = frozenset()

    def copy(self) -> Context:
        """Return a context whose merges do not reach this one."""
        twin = Context()
        twin._values = _copy_mappings(self._values)
        twin._sources = dict(self._sources)
        twin._loaded = {path: keys if keys is None else list(keys) for path, keys in self._loaded.items()}
        twin._reserved = self._reserved
        return twin

    def binding(self, values: Mapping[str, Found]) -> Context:
        """Return a context where `values` stand on top and may not be redefined. Costs one shallow copy."""
        twin = Context()
        twin._values = self._values | {name: found.value for name, found in values.items()}
        twin._sources = {path: source for path, source in self._sources.items() if path[0] not in values}
        twin._sources |= {(name,): found.source for name, found in values.items() if found.source is not None}
        twin._loaded = self._loaded
        twin._reserved = self._reserved | values.keys()
        return twin

    def find(self, path: Path, written: str) -> Found:
        """Return the value at `path`. Raises InvalidInputError naming what is missing, with near names.

        `written` is the expression as the file has it, for the error.
        """
        value: Any = self._values
        for depth, name in enumerate(path):
            if isinstance(value, Mapping) and name in value:
                value = value[name]
            elif isinstance(value, list) and _is_index(name, len(value)):
                value = value[int(name)]
            else:
                known = [str(key) for key in value] if isinstance(value, Mapping) else []
                at = f" in '{'.'.join(path[:depth])}'" if depth else ""
                hint = did_you_mean(name, known) or "It can come from params.yaml or 'vars'."
                raise InvalidInputError(f"'{written}' is not defined: there is no {name!r}{at}", hint=hint)
        return Found(value, self._source_of(path))

    def load(self, entry: str, path: str, load: LoadParams) -> None:
        """Merge a file, or of it the keys in `entry` after a colon. `path` is the file's path from the root."""
        wanted = [key for key in entry.partition(":")[2].split(",") if key] or None
        if path in self._loaded:
            before = self._loaded[path]
            if before is None and wanted is None:
                return
            if before is None:
                raise InvalidInputError(f"cannot load {entry!r} in part: the whole file is loaded already")
            if wanted is None or set(wanted) & set(before):
                raise InvalidInputError(f"cannot load {entry!r}: a part of it is loaded already")
        data = load(path)
        if data is None:
            raise InvalidInputError(f"the file {path!r} does not exist")
        for key in wanted or ():
            if key not in data:
                raise InvalidInputError(f"there is no {key!r} in {path!r}", hint=did_you_mean(key, map(str, data)))
        self.merge(data if wanted is None else {key: data[key] for key in wanted}, path, is_file=True)
        before = self._loaded.get(path)
        self._loaded[path] = wanted if before is None else [*before, *(wanted or ())]

    def merge(self, values: Mapping[Any, Any], source: str, *, is_file: bool = False) -> None:
        """Merge mappings into each other; a value that is there already is an error."""
        for name in values:
            if name in self._reserved:
                raise InvalidInputError(f"{source!r} may not redefine {name!r}, which stands for the stage's element")
        self._merge(self._values, values, (), source, is_file)

    def _merge(self, into: dict[str, Any], values: Mapping[Any, Any], at: Path, source: str, is_file: bool) -> None:
        for key, value in values.items():
            if not isinstance(key, str):
                continue  # an expression could not name it
            path = (*at, key)
            if isinstance(into.get(key), dict) and isinstance(value, Mapping):
                self._merge(into[key], value, path, source, is_file)
            elif key in into:
                before = self._source_of(path)
                raise InvalidInputError(
                    f"cannot redefine '{'.'.join(path)}' from {source!r}: it is in {before.name if before else '?'!r}"
                )
            else:
                into[key] = _copy_mappings(value)
                self._sources[path] = Source(source, path, is_file)

    def _source_of(self, path: Path) -> Source | None:
        for length in range(len(path), 0, -1):
            source = self._sources.get(path[:length])
            if source is not None:
                return Source(source.name, source.path + path[length:], source.is_file)
        return None


def _copy_mappings(value: Any) -> Any:
    """Copy mappings, since merging changes them, without the keys that no expression can name."""
    if isinstance(value, Mapping):
        return {key: _copy_mappings(item) for key, item in value.items() if isinstance(key, str)}
    return value


def _is_index(name: str, length: int) -> bool:
    digits = name.removeprefix("-")
    return digits.isdecimal() and -length <= int(name) < length
