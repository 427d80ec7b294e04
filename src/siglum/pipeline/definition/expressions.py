r"""The language inside `${…}`: names, attributes and indices; and what a value looks like as text.

`${train.layers[0].units}` descends; `\${` stays as it is, without the backslash; `${` without `}` is plain text.
Nothing here knows where values come from: `templates` resolves expressions against a `Context`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from siglum.core.errors import InvalidInputError

_EXPRESSION = re.compile(r"(?<!\\)\${(?P<inner>.*?)}")
_TOKEN = re.compile(r"(?P<first>[^.\[\]]+)|\.(?P<attribute>[^.\[\]]+)|\[(?P<index>[^.\[\]]+)\]")

Path: TypeAlias = tuple[str, ...]


class BoolStyle(StrEnum):
    """`parsing.bool`: how `false` becomes a flag."""

    STORE_TRUE = "store_true"
    BOOLEAN_OPTIONAL = "boolean_optional"


class ListStyle(StrEnum):
    """`parsing.list`: how a list becomes flags."""

    NARGS = "nargs"
    APPEND = "append"


class FlagStyle(msgspec.Struct, frozen=True):
    """The settings `parsing.bool` and `parsing.list` of `.dvc/config`."""

    bool: BoolStyle = BoolStyle.STORE_TRUE
    list: ListStyle = ListStyle.NARGS


def find_expressions(text: str) -> list[re.Match[str]]:
    """Return the `${…}` in `text`, escaped ones left out."""
    return list(_EXPRESSION.finditer(text))


def unescape(text: str) -> str:
    r"""Turn `\${` into `${`."""
    return text.replace(r"\${", "${")


def has_expression(value: Any) -> bool:
    """Return whether a `${…}` stands anywhere in `value`, keys included."""
    if isinstance(value, str):
        return _EXPRESSION.search(value) is not None
    if isinstance(value, Mapping):
        return any(has_expression(key) or has_expression(item) for key, item in value.items())
    return isinstance(value, list) and any(has_expression(item) for item in value)


def parse_expression(inner: str) -> Path:
    """Return the names that an expression descends through. Raises InvalidInputError that shows where it breaks."""
    path: list[str] = []
    position, end = 0, len(inner.rstrip())
    while position < end:
        token = _TOKEN.match(inner, position)
        kind = None if token is None else token.lastgroup
        if token is None or (kind == "first") != (position == 0) or not token[kind or 0].strip():
            break
        path.append(token[kind or 0].strip())
        position = token.end()
    if not path or position < end:
        raise InvalidInputError(
            f"'${{{inner}}}' is not an expression (see character {position + 3})",
            hint="Write ${name}, ${name.attribute} or ${name[0]}; write \\${ for a plain ${.",
        )
    return tuple(path)


def to_text(value: Any) -> str:
    """Return a scalar as it stands in a string: `true`, `None`, `0.001`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_flags(values: Mapping[str, Any], style: FlagStyle) -> str:
    """Return a mapping as command-line flags: `--x 1 --y.z 'b c' --on`."""
    flags: list[str] = []
    for name, value in _flatten(values, ""):
        if value is True:
            flags.append(f"--{name}")
        elif value is False:
            if style.bool is BoolStyle.BOOLEAN_OPTIONAL:
                flags.append(f"--no-{name}")
        elif isinstance(value, list | tuple | set):
            items = [_flag_item(name, item) for item in value]
            if style.list is ListStyle.APPEND:
                flags.extend(f"--{name} {item}" for item in items)
            elif items:
                flags.append(f"--{name} {' '.join(items)}")
        else:
            flags.append(f"--{name} {_quoted(value)}")
    return " ".join(flags)


def _flatten(values: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{name}.")
        else:
            yield name, value


def _flag_item(name: str, item: Any) -> str:
    if isinstance(item, list | tuple | set | Mapping):
        raise InvalidInputError(f"the list {name!r} holds a list or a mapping, which cannot be a command-line flag")
    return _quoted(item)


def _quoted(value: Any) -> str:
    return shlex.quote(value) if isinstance(value, str) else str(value)
