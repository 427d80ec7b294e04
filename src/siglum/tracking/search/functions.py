"""Functions that searches use in SQL, where the database is SQLite; PostgreSQL has the same in its own language.

A value that a function can make nothing of gives None, which no comparison matches.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import msgspec

from siglum.tracking.search.automaton import matcher

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_PLACES: Final = ("path", "uri", "url")


def fold(*values: Any) -> Any:
    """Return a text in lower case by Unicode's rules."""
    return values[0].lower() if isinstance(values[0], str) else values[0]


def number_of(*values: Any) -> float | None:
    """Return the number that a text is; None for another text, and for a number that no double can hold."""
    text = values[0]
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    vanished = number == 0 and any(digit in "123456789" for digit in text.lower().partition("e")[0])
    return None if vanished or math.isinf(number) else number


def rlike(*values: Any) -> bool | None:
    """Return whether a text has a match of a regular expression."""
    text, pattern = values
    return matcher(pattern).search(text) if isinstance(text, str) else None


def data_path(*values: Any) -> str | None:
    """Return where the source of a data set says that it is."""
    try:
        source = msgspec.json.decode(values[0], type=dict[str, Any])
    except (msgspec.MsgspecError, TypeError):
        return None
    places = [source[name] for name in _PLACES if source.get(name) is not None]
    return places[0] if places and isinstance(places[0], str) else None
