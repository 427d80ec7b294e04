"""A private file of what can be computed again: a checksum, then a body. Damaged or of another kind, it is empty.

It is replaced whole by a rename, so that a reader sees the old one or the new one. It is not flushed to the disk: the
checksum finds what a power cut tears.
"""

from __future__ import annotations

import hashlib
import os

from siglum.storage.durability import discard, temporary_name, write_all

_CHECKSUM_SIZE = 32


def read_body(path: str, magic: bytes) -> bytes:
    """Return a file's body, nothing where it is not there or not sound. `magic` names its kind and version."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return b""
    start = len(magic) + _CHECKSUM_SIZE
    body = data[start:]
    if not data.startswith(magic) or hashlib.sha256(body).digest() != data[len(magic) : start]:
        return b""
    return body


def write_body(path: str, magic: bytes, body: bytes) -> None:
    """Write the file. Raises OSError."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    temporary = f"{folder}/{temporary_name()}"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            write_all(fd, magic + hashlib.sha256(body).digest() + body)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        discard(temporary)
        raise
