from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siglum.core.errors import IntegrityError
from siglum.tracking.series import (
    Point,
    decode_journal,
    decode_segment,
    encode_journal,
    encode_segment,
    point_bytes,
    point_order,
)

int64 = st.integers(-(2**63), 2**63 - 1)
# one NaN and one zero, as the stores make them
values = st.floats().map(lambda v: math.nan if math.isnan(v) else v + 0.0)
points = st.tuples(int64, int64, values)


def bits(series: list[Point]) -> list[bytes]:
    return [point_bytes(point) for point in series]


@given(st.lists(points, min_size=1, max_size=50))
def test_segments_give_back_what_they_were_given_sorted(series: list[Point]) -> None:
    assert bits(decode_segment(encode_segment(series))) == bits(sorted(series, key=point_order))


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), int64, int64, values), max_size=50))
def test_journal_entries_give_back_what_they_were_given(records: list[tuple[int, int, int, float]]) -> None:
    decoded = list(decode_journal(encode_journal(records)))
    assert [struct.pack("<Iqqd", *r) for r in decoded] == [struct.pack("<Iqqd", *r) for r in records]


def test_a_thousand_regular_points_take_less_than_twelve_bytes_each() -> None:
    series = [(i, 1_700_000_000_000 + 1000 * i + i * i % 13, math.sin(i)) for i in range(1000)]
    assert len(encode_segment(series)) <= 12_000


def test_a_constant_takes_next_to_nothing() -> None:
    assert len(encode_segment([(i, i * 1000, 0.001) for i in range(1000)])) < 200


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_every_flipped_bit_is_found(byte: int, bit: int) -> None:
    data = bytearray(encode_segment([(i, i * i, i / 7) for i in range(40)]))
    data[byte % len(data)] ^= 1 << bit
    with pytest.raises(IntegrityError):
        decode_segment(bytes(data))


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x02" * 40])
def test_what_is_no_segment(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        decode_segment(data)


def test_a_journal_entry_with_a_broken_record() -> None:
    with pytest.raises(IntegrityError):
        decode_journal(b"x" * 29)
