"""Pages by keyset: a page token holds the sort keys of the last row, so that inserts in between move nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.tracking.search.compile import Fragment, SortKey


class _Token(msgspec.Struct, array_like=True):
    """What a token says: whose query it belongs to, and where that query goes on."""

    query: bytes
    values: list[int | float | str | None]


def query_digest(*parts: Any) -> bytes:
    """Return a short digest of a query, so that a token of another one is recognised."""
    return hashlib.sha256(msgspec.msgpack.encode(parts)).digest()[:9]


def encode_token(query: bytes, values: Sequence[Any]) -> str:
    """Return an opaque token. MessagePack, unlike JSON, keeps infinities."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(_Token(query, list(values)))).decode("ascii").rstrip("=")


def decode_token(token: str, query: bytes, length: int) -> list[Any]:
    """Return the values of a token of this query. Raises InvalidInputError for any other."""
    try:
        data = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        decoded = msgspec.msgpack.decode(data, type=_Token)
    except (UnicodeEncodeError, binascii.Error, ValueError, msgspec.MsgspecError):
        raise InvalidInputError("Invalid page token.", hint="Pass the token of the page before, unchanged.") from None
    if decoded.query != query or len(decoded.values) != length:
        raise InvalidInputError(
            "Invalid page token: it belongs to another search.", hint="Repeat the search with the same arguments."
        )
    return decoded.values


def after(keys: Sequence[SortKey], values: Sequence[Any]) -> Fragment:
    """Return the condition for rows that come after the one whose sort keys are `values`."""
    condition, bound = "1 = 0", ()
    for key, value in zip(reversed(keys), reversed(values), strict=True):
        sign = "<" if key.descending else ">"
        condition = f"({key.expression} {sign} ? OR ({key.expression} = ? AND {condition}))"
        bound = (*key.values, value, *key.values, value, *bound)
    return condition, bound
