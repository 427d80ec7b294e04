"""Columns of numbers as PostgreSQL's binary arrays.

psycopg takes a list value by value, which lasts longer than the statement that it is for.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD: Final = struct.Struct(">iiIii")
"""Dimensions, whether a value may be NULL, type of a value; then length and first number of the one dimension."""
_NULL: Final = struct.pack(">i", -1)
_BYTES: Final = 8


class BigintArray(bytes):
    """A BIGINT[] as it is sent."""


class DoubleArray(bytes):
    """A DOUBLE PRECISION[] as it is sent."""


class _AsItIs(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        return obj


class BigintArrayDumper(_AsItIs):
    """Sends a BigintArray."""

    oid = 1016


class DoubleArrayDumper(_AsItIs):
    """Sends a DoubleArray."""

    oid = 1022


def array_of(sql_type: str, values: Sequence[Any]) -> object:
    """Return what a column of values, of which all have this type or are None, is bound as; NaN becomes NULL.

    Raises OverflowError for a number that does not fit.
    """
    try:
        if sql_type == "BIGINT":
            return BigintArray(_packed("q", 20, values))
        if sql_type == "DOUBLE PRECISION":
            return DoubleArray(_packed("d", 701, [None if value != value else value for value in values]))
    except struct.error as error:
        raise OverflowError(str(error)) from error
    return list(values)


def _packed(code: str, element_oid: int, values: Sequence[Any]) -> bytes:
    head = _HEAD.pack(1, 1, element_oid, len(values), 1)
    if None in values:
        one = struct.Struct(f">i{code}")
        return head + b"".join([_NULL if value is None else one.pack(_BYTES, value) for value in values])
    fields: list[Any] = [_BYTES] * (2 * len(values))
    fields[1::2] = values
    return head + struct.pack(f">{f'i{code}' * len(values)}", *fields)
