"""Points packed by columns and blocks."""

from __future__ import annotations

import itertools
import math
import random
import struct
import zlib
from array import array
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siglum.core.errors import IntegrityError
from siglum.tracking.packed_column import BLOCK, encode_column, open_column
from siglum.tracking.packed_values import encode_values
from siglum.tracking.segment import decode_segment, encode_segment, open_segment
from siglum.tracking.series import Point, point_bytes, point_order, step_order

int64 = st.integers(-(2**63), 2**63 - 1)
# one NaN and one zero, as the stores make them
values = st.floats().map(lambda v: math.nan if math.isnan(v) else v + 0.0)
points = st.tuples(int64, int64, values)

# the steps and values of long series, of which most are cut in the middle of some block
STEPS: dict[str, Callable[[int, random.Random], int]] = {
    "regular": lambda i, _: 5 * i,
    "all the same": lambda _, __: 7,
    "growing": lambda i, draw: 3 * i + draw.randrange(3),
    "with repeats": lambda i, draw: i // 4 + (1000 if i > 400 else 0),
    "going back": lambda i, draw: i + draw.randrange(-30, 30),
    "far apart": lambda i, draw: draw.randrange(-(2**63), 2**63),
}
VALUES: dict[str, Callable[[random.Random], float]] = {
    "any": lambda draw: draw.gauss(0, 1e9),
    "deflated": lambda draw: float(draw.randrange(20)),
    "with NaN": lambda draw: math.nan if draw.random() < 0.4 else draw.random(),
    "nothing but NaN": lambda _: math.nan,
    "of single precision": lambda draw: array("f", [draw.random()])[0],
    "near each other": lambda draw: 1.5 + draw.random() / 100,
    "infinite": lambda draw: draw.choice((math.inf, -math.inf, 1.0)),
}
LENGTHS = (1, BLOCK - 1, BLOCK, BLOCK + 1, 300, 1000)


def series(steps: str, kind: str, count: int, draw: random.Random) -> list[Point]:
    return [(STEPS[steps](i, draw), 10 * i + draw.randrange(40), VALUES[kind](draw)) for i in range(count)]


def bits(series: Sequence[Point]) -> list[bytes]:
    return [point_bytes(point) for point in series]


def naive_bounds(of: Sequence[Point]) -> tuple[float | None, float | None]:
    numbers = [value for _, _, value in of if not math.isnan(value)]
    return min(numbers, default=None), max(numbers, default=None)


@given(st.lists(points, min_size=1, max_size=50))
def test_segments_give_back_what_they_were_given_sorted(series: list[Point]) -> None:
    assert bits(decode_segment(encode_segment(series))) == bits(sorted(series, key=point_order))


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("steps", STEPS)
def test_any_part_of_a_segment(steps: str, kind: str) -> None:
    draw = random.Random(f"{steps} {kind}")
    for count in LENGTHS:
        given_points = series(steps, kind, count, draw)
        segment = open_segment(encode_segment(given_points))
        ordered = sorted(given_points, key=step_order)
        assert bits(segment.points()) == bits(sorted(given_points, key=point_order))
        assert bits(list(zip(*segment.columns(), strict=True))) == bits(segment.points())
        numbers = [step for step, _, _ in ordered]
        for _ in range(40):
            begin = draw.randrange(count)
            end = draw.randrange(begin, count) + 1
            assert segment.bounds(begin, end) == naive_bounds(ordered[begin:end])
            assert bits([segment.at(begin), segment.at(end - 1)]) == bits([ordered[begin], ordered[end - 1]])
            wanted = draw.choice(numbers) + draw.randrange(-1, 2)
            found = next((place for place in range(begin, end) if numbers[place] >= wanted), end)
            assert segment.steps.find(wanted, begin, end) == found


@pytest.mark.parametrize("steps", STEPS)
def test_segments_of_the_first_version(steps: str) -> None:
    draw = random.Random(steps)
    given_points = sorted(series(steps, "with NaN", 200, draw), key=point_order)
    numbers, times, doubles = zip(*given_points, strict=True)
    columns = [b"\xff" + struct.pack("<200q", *numbers), b"\xff" + struct.pack("<200q", *times)]
    if steps == "growing":  # as differences, of at least -30
        offsets = bytes(b - a + 30 for a, b in itertools.pairwise(numbers))
        columns[0] = struct.pack("<Bqq", 1, numbers[0], -30) + offsets
    plain = struct.pack("<200d", *doubles)
    for packed in (b"\x00" + plain, b"\x01" + zlib.compress(plain)):
        body = struct.pack("<I", 200) + b"".join(columns) + packed
        segment = open_segment(struct.pack("<BI", 1, zlib.crc32(body)) + body)
        assert bits(segment.points()) == bits(given_points)
        assert segment.bounds(10, 150) == naive_bounds(sorted(given_points, key=step_order)[10:150])


@pytest.mark.parametrize("kind", ["deflated", "with NaN"])
def test_segments_of_the_second_version(kind: str) -> None:
    given_points = series("regular", kind, 200, random.Random(kind))
    body = encode_segment(given_points)[5:]
    plain = struct.pack("<200d", *(value for _, _, value in given_points))
    blocks = [plain[start : start + 8 * BLOCK] for start in range(0, len(plain), 8 * BLOCK)]
    packed = [min(zlib.compress(block, 1, -15), block, key=len) for block in blocks]
    old = b"\x01" + struct.pack("<4H", *map(len, packed)) + b"".join(packed)
    body = body.replace(encode_values([value for _, _, value in given_points]), old)
    segment = open_segment(struct.pack("<BI", 2, zlib.crc32(body)) + body)
    assert bits(segment.points()) == bits(sorted(given_points, key=point_order))
    assert segment.bounds(10, 150) == naive_bounds(sorted(given_points, key=step_order)[10:150])


def test_a_thousand_regular_points_take_less_than_nine_bytes_each() -> None:
    series = [(i, 1_700_000_000_000 + 1000 * i + i * i % 13, 1 + math.sin(i) / 9) for i in range(1000)]
    assert len(encode_segment(series)) <= 7_900


def test_a_constant_takes_next_to_nothing() -> None:
    assert len(encode_segment([(i, i * 1000, 0.001) for i in range(1000)])) < 400


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_every_flipped_bit_is_found(byte: int, bit: int) -> None:
    data = bytearray(encode_segment([(i, i * i, i / 7) for i in range(40)]))
    data[byte % len(data)] ^= 1 << bit
    with pytest.raises(IntegrityError):
        decode_segment(bytes(data))


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x04" * 40, b"\x05" + zlib.crc32(bytes(40)).to_bytes(4, "little") + bytes(40)]
)
def test_what_is_no_segment(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        decode_segment(data)


@pytest.mark.parametrize("numbers", [range(0, 900, 3), range(900, 0, -3), [5] * 300, [i * i for i in range(300)]])
def test_a_column_of_a_segment(numbers: Sequence[int]) -> None:
    packed = b"before" + encode_column(numbers) + array("d", [0.5]).tobytes()
    column, end = open_column(packed, 6, 300)
    assert list(column.numbers()) == [column.at(place) for place in range(300)] == list(numbers)
    assert end == len(packed) - 8
