"""A private file of what can be computed again: pieces, each with a checksum. What is damaged in it counts as absent.

It is replaced whole by a rename, so that a reader sees the old one or the new one; what is little beside the rest is
appended, as a piece of its own. Neither is flushed to the disk: the checksums find what a power cut tears.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Callable

from siglum.storage.durability import discard, temporary_name, write_all

_LENGTH = struct.Struct("<Q")
_HEAD_SIZE = _LENGTH.size + hashlib.sha256().digest_size
# Up to this part of the first piece is appended: reading the file stays about as cheap as just after it was written.
_MOST_APPENDED = 4


class IndexFile:
    """One file, as one process reads it and writes it. `magic` names its kind and version.

    Others may write it at the same time: what one process adds then, another one may drop, which costs time only.
    """

    def __init__(self, path: str, magic: bytes) -> None:
        self._path = path
        self._magic = magic
        # The bytes that may be appended before it is better written anew.
        self._room = 0

    def read(self) -> bytes:
        """Return the pieces, one after the other; nothing where the file is not there or not sound from its start."""
        self._room = 0
        try:
            with open(self._path, "rb") as file:
                data = file.read()
        except OSError:
            return b""
        if not data.startswith(self._magic):
            return b""
        pieces, at = [], len(self._magic)
        while (piece := _piece_at(data, at)) is not None:
            pieces.append(piece)
            at += _HEAD_SIZE + len(piece)
        if at == len(data) and pieces:
            self._room = len(pieces[0]) // _MOST_APPENDED - sum(map(len, pieces[1:]))
        return b"".join(pieces)

    def has_room_for(self, size: int) -> bool:
        """Whether so many bytes are better appended than written with all others; also none are."""
        return size <= self._room

    def add(self, piece: bytes, everything: Callable[[], bytes | bytearray]) -> None:
        """Append a piece, or write `everything`, which has it in it; nothing for an empty one. Raises OSError."""
        if not piece:
            return
        if self.has_room_for(len(piece)):
            with contextlib.suppress(FileNotFoundError):
                self._append(piece)
                return
        self.write(everything())

    def write(self, body: bytes | bytearray) -> None:
        """Write the file anew, as one piece. Raises OSError."""
        folder = os.path.dirname(self._path)
        os.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/{temporary_name()}"
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            try:
                write_all(fd, self._magic + _head_of(body))
                write_all(fd, body)
            finally:
                os.close(fd)
            os.replace(temporary, self._path)
        except BaseException:
            discard(temporary)
            raise
        self._room = len(body) // _MOST_APPENDED

    def _append(self, piece: bytes) -> None:
        self._room -= len(piece)
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            write_all(fd, _head_of(piece) + piece)
        except BaseException:
            self._room = 0  # what is appended behind half a piece cannot be read
            raise
        finally:
            os.close(fd)


def _head_of(piece: bytes | bytearray) -> bytes:
    return _LENGTH.pack(len(piece)) + hashlib.sha256(piece).digest()


def _piece_at(data: bytes, at: int) -> bytes | None:
    """Return the piece that begins here; None at the end, and where it is not sound."""
    start = at + _HEAD_SIZE
    if start > len(data):
        return None
    (length,) = _LENGTH.unpack_from(data, at)
    piece = data[start : start + length]
    is_sound = len(piece) == length and hashlib.sha256(piece).digest() == data[at + _LENGTH.size : start]
    return piece if is_sound else None
