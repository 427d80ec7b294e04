"""Which data the workspace holds by a command's doing: so that it can go again when nothing tracks it any more.

After `git checkout` of a revision that does not track a file, `siglum checkout` removes it, as DVC does. The record is
private and a convenience: without it such files stay, and what is in no cache stays in any case.
"""

from __future__ import annotations

import os

import msgspec

from siglum.storage.durability import discard, temporary_name


class Placed:
    """Content that was put at paths of the workspace, or taken from there: oids by path from the root, posix."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[str, str] | None = None
        self._dirty = False

    def note(self, key: str, oid: str) -> None:
        """Remember what is at a path now."""
        if self._loaded().get(key) != oid:
            self._loaded()[key] = oid
            self._dirty = True

    def forget(self, key: str) -> None:
        """Leave what is at a path to the user from now on."""
        if self._loaded().pop(key, None) is not None:
            self._dirty = True

    def oids(self) -> dict[str, str]:
        """Return all that is known, by path."""
        return dict(self._loaded())

    def save(self) -> None:
        """Write the record when it changed."""
        if not self._dirty:
            return
        temporary = f"{os.path.dirname(self._path)}/{temporary_name()}"
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                file.write(msgspec.json.encode(self._loaded()))
            os.replace(temporary, self._path)
        except BaseException:
            discard(temporary)
            raise
        self._dirty = False

    def _loaded(self) -> dict[str, str]:
        if self._known is None:
            try:
                with open(self._path, "rb") as file:
                    self._known = msgspec.json.decode(file.read(), type=dict[str, str])
            except (OSError, msgspec.DecodeError, UnicodeDecodeError):
                self._known = {}
        return self._known
