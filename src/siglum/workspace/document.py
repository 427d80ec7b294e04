"""A parsed file that still knows its text, so that an error can name line, column and key."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
import yaml

from siglum.core.errors import FileFormatError

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value in a document: keys of mappings and indices of lists, from the top."""


class Document(msgspec.Struct, frozen=True):
    """A YAML file: its path as people should see it, its text, and the plain values read from it."""

    path: str
    text: str
    data: Any

    def problem(self, keys: KeyPath, problem: str, *, hint: str | None = None) -> FileFormatError:
        """Return the error for the value at `keys`, with its line and column.

        The text is parsed a second time to find the place; a file without errors never pays for that.
        """
        line, column = locate(self.text, keys)
        where = f"{show_keys(keys)}: " if keys else ""
        return FileFormatError(self.path, f"{where}{problem}", line=line, column=column, hint=hint)


def show_keys(keys: KeyPath) -> str:
    """Return a key path as people write it: `stages.train.deps[0]`."""
    shown = ""
    for key in keys:
        shown += f"[{key}]" if isinstance(key, int) else f".{key}" if shown else str(key)
    return shown


def locate(text: str, keys: KeyPath) -> tuple[int | None, int | None]:
    """Return line and column (from 1) of the deepest value on the way `keys` that exists in the YAML `text`."""
    return locate_in(compose(text), keys)


def compose(text: str) -> yaml.Node | None:
    """Return the YAML `text` as nodes that know their places; None where it is not YAML."""
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None
    return node


def locate_in(node: yaml.Node | None, keys: KeyPath) -> tuple[int | None, int | None]:
    """Do as `locate` for what `compose` returned."""
    mark = None if node is None else node.start_mark
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(key)), None)
            if found is None:
                break
            mark, node = found[0].start_mark, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            mark = node.start_mark
        else:
            break
    return (None, None) if mark is None else (mark.line + 1, mark.column + 1)


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "nothing"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a mapping"),
)


def kind_of(value: object) -> str:
    """Return what a value of a document is called in messages: `a list`, `text`, `nothing`."""
    return next((name for types, name in _KINDS if isinstance(value, types)), f"a {type(value).__name__}")
