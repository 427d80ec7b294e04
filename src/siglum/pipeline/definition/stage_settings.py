"""`meta.siglum` of a stage: what it needs to run, and what to do when it fails or takes too long. Pure.

`meta` is free-form for DVC, which leaves it alone, so that a pipeline that says these things still runs there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from siglum.core.text import did_you_mean
from siglum.workspace.document import Document, KeyPath, kind_of

SECTION = "siglum"
_MEMORY = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[kmgt]?)(?P<binary>i?)b?\Z", re.IGNORECASE)
_DURATION = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>s|m|min|h|d)?\Z", re.IGNORECASE)
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


class StageSettings(msgspec.Struct, frozen=True):
    """What a stage says of how it is to be run."""

    cores: int = 1
    memory: int = 0
    """Bytes."""
    gpus: int = 0
    mutex: tuple[str, ...] = ()
    """Stages that share a name here never run at the same time."""
    retries: int = 0
    """How many times to try again after a failure."""
    timeout: float | None = None
    """Seconds after which its commands are ended, each attempt for itself; None for never."""


DEFAULT = StageSettings()


def read_settings(document: Document, keys: KeyPath, meta: Any) -> StageSettings:
    """Read `meta.siglum` of the stage at `keys`. Raises FileFormatError with line, column and key path."""
    section = meta.get(SECTION) if isinstance(meta, Mapping) else None
    if section is None:
        return DEFAULT
    where = (*keys, "meta", SECTION)
    if not isinstance(section, Mapping):
        raise document.problem(where, f"expected a mapping, not {kind_of(section)}", hint=_known())
    values: dict[str, Any] = {}
    for key, value in section.items():
        reader = _READERS.get(key)
        if reader is None:
            raise document.problem(
                (*where, key), "there is no such key here", hint=did_you_mean(str(key), _READERS) or _known()
            )
        try:
            values[key] = reader(value)
        except ValueError as error:
            raise document.problem((*where, key), f"expected {error}, not {_shown(value)}") from None
    return StageSettings(**values)


def _known() -> str:
    return f"Known keys: {', '.join(_READERS)}."


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else kind_of(value)


def _count(least: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"a whole number, {least} or more")
        return value

    return read


def _memory(value: Any) -> int:
    match = _MEMORY.match(value.strip()) if isinstance(value, str) else None
    if match is not None:
        base = 1024 if match["binary"] else 1000
        return int(float(match["number"]) * base ** _POWERS[match["unit"].lower()])
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("bytes, or a text like '500MB' or '4GiB'")


def _mutex(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ValueError("a name or a list of names")
    return tuple(dict.fromkeys(names))


def _timeout(value: Any) -> float:
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    seconds = 0.0
    if match is not None:
        seconds = float(match["number"]) * _SECONDS[(match["unit"] or "").lower()]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    if not 0 < seconds < float("inf"):
        raise ValueError("seconds, or a text like '90s', '15m' or '2h'")
    return seconds


_READERS: dict[str, Callable[[Any], Any]] = {
    "cores": _count(1),
    "memory": _memory,
    "gpus": _count(0),
    "mutex": _mutex,
    "retries": _count(0),
    "timeout": _timeout,
}
