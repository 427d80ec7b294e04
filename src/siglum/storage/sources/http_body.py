"""What headers say of a body: its length, its coding, its hash, and where a part of it begins."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from email.message import Message

from siglum.core.errors import NotSupportedError, UnavailableError

_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)\Z")


def length_of(headers: Message) -> int | None:
    """Return how many bytes the body has, None where that is not said or the body is coded for the way."""
    said = headers.get("Content-Length")
    if headers.get("Content-Encoding", "identity") not in ("identity", "") or said is None or not said.isdecimal():
        return None
    return int(said)


def starts_at(headers: Message) -> int | None:
    """Return at which byte a part begins."""
    match = _RANGE.match(headers.get("Content-Range", ""))
    return int(match[1]) if match is not None else None


def md5_of(headers: Message) -> str | None:
    """Return the MD5 that the server says the body has, in hex."""
    try:
        digest = base64.b64decode(headers.get("Content-MD5", ""), validate=True)
    except binascii.Error:
        return None
    return digest.hex() if len(digest) == 16 else None


class Decoder:
    """A body that a server compressed, although it was asked not to."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Bits 32: a header of zlib or of gzip, whichever is there.
        self._inner = zlib.decompressobj(zlib.MAX_WBITS | 32)

    @property
    def complete(self) -> bool:
        """Whether the end of the compressed data came."""
        return self._inner.eof

    def feed(self, block: bytes) -> bytes:
        """Return what the next bytes stand for."""
        try:
            return self._inner.decompress(block)
        except zlib.error:
            raise UnavailableError(f"{self._url}: its compressed body is damaged.", hint="Try again.") from None


def decoder_for(headers: Message, url: str) -> Decoder | None:
    """Return what undoes a body's coding, None where it has none. Raises NotSupportedError for an unknown one."""
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("identity", ""):
        return None
    if coding in ("gzip", "x-gzip", "deflate"):
        return Decoder(url)
    raise NotSupportedError(f"{url} comes in the coding {coding!r}, although none was asked for.")
