"""The names of unfinished writes, Siglum's and DVC's: `.<22 url-safe characters>.tmp`."""

from __future__ import annotations

SUFFIX = ".tmp"
_LENGTH = 1 + 22 + len(SUFFIX)


def is_temporary(name: str) -> bool:
    """Whether a file's or folder's name is that of an unfinished write."""
    return name.startswith(".") and name.endswith(SUFFIX) and len(name) == _LENGTH


def above_temporary(path: str) -> str:
    """Return the folder that a path's unfinished write is in; the path itself when there is none in it."""
    parts = path.split("/")
    number = next((number for number, part in enumerate(parts) if is_temporary(part)), None)
    return path if not number else "/".join(parts[:number]) or "/"
