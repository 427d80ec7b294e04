"""The YAML text of a lock entry, written directly where nothing in it needs quotes, anchors or folding. Pure.

Byte for byte what `dump_yaml` gives (a test holds the two equal) at a fiftieth of its cost; None where it is not sure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Begins with a letter, `_`, `/` or `./`, has single blanks inside, and nothing that YAML gives a meaning.
_PLAIN = re.compile(r"(?:\.{0,2}/|[A-Za-z_])(?: ?[A-Za-z0-9_./+=@%,>&|<;()$*^~!?\[\]{}'\"\\-])*\Z")
# Digits alone, or with an `e`, are numbers.
_OID = re.compile(r"(?=[0-9a-f]*[a-df])[0-9a-f]{32}(?:\.dir)?\Z")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"})
_FLOAT = re.compile(r"-?\d+\.\d+\Z")
_WIDTH = 70


def plain_entry(entry: Mapping[str, Any], indent: str = "") -> str | None:
    """Return the lines of an entry (see `lock.encode_entry`), each behind `indent`; None when that is not so simple."""
    command = entry["cmd"]
    if isinstance(command, str):
        text = _scalar(command)
        lines = None if text is None else [f"{indent}cmd: {text}"]
    else:
        lines = _list(indent, "cmd", command) if command else None
    if lines is None:
        return None
    for section in ("deps", "params", "outs"):
        if section not in entry:
            continue
        value = entry[section]
        if not value:
            return None
        added = _params(indent, value) if section == "params" else _paths(indent, section, value)
        if added is None:
            return None
        lines += added
    return "\n".join(lines) + "\n"


def plain_key(name: str) -> str | None:
    """Return how a stage's name is written as a key, None where that is not sure."""
    return (
        name if _PLAIN.match(name) and name.lower() not in _WORDS and " " not in name and len(name) < _WIDTH else None
    )


def _list(indent: str, key: str, values: list[Any]) -> list[str] | None:
    lines = [f"{indent}{key}:"]
    for value in values:
        text = _scalar(value)
        if text is None:
            return None
        lines.append(f"{indent}- {text}")
    return lines


def _paths(indent: str, section: str, paths: list[dict[str, Any]]) -> list[str] | None:
    lines = [f"{indent}{section}:"]
    for path in paths:
        first = f"{indent}- "
        for key, value in path.items():
            text = value if key == "md5" and _OID.match(value) else _scalar(value)
            if text is None:
                return None
            lines.append(f"{first}{key}: {text}")
            first = f"{indent}  "
    return lines


def _params(indent: str, params: Mapping[str, Mapping[str, Any]]) -> list[str] | None:
    lines = [f"{indent}params:"]
    for file, values in params.items():
        key = plain_key(file)
        if key is None or not values:
            return None
        lines.append(f"{indent}  {key}:")
        for name, value in values.items():
            key, text = plain_key(name) if isinstance(name, str) else None, _scalar(value)
            if key is None or text is None:
                return None
            lines.append(f"{indent}    {key}: {text}")
    return lines


def _scalar(value: Any) -> str | None:
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        return text if _FLOAT.match(text) else None
    if isinstance(value, str) and len(value) < _WIDTH and _PLAIN.match(value) and value.lower() not in _WORDS:
        return value
    return None
