"""Series in as many ranges as a chart has room for."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siglum.tracking.segment import Segment, open_segment, pack
from siglum.tracking.series import Point
from siglum.tracking.windows import WindowBuilder, window

points = st.lists(
    st.tuples(st.integers(-500, 5_000), st.integers(0, 100), st.floats(allow_infinity=False).map(lambda v: v + 0.0)),
    max_size=60,
)


@settings(deadline=None)
@given(points, st.integers(1, 20), st.integers(-600, 5_100), st.integers(-600, 5_100))
def test_ranges_hold_what_the_points_are(
    series: list[tuple[int, int, float]], buckets: int, start: int, end: int
) -> None:
    found = window(series, buckets, start, end)
    inside = [p for p in series if start <= p[0] <= end]
    assert found.count == sum(found.points) == len(inside)
    assert len(found.points) <= buckets
    assert found.exact is (len(inside) <= buckets)
    numbers = [value for _, _, value in inside if not math.isnan(value)]
    assert min((low for low in found.min_value if low is not None), default=None) == min(numbers, default=None)
    assert max((high for high in found.max_value if high is not None), default=None) == max(numbers, default=None)
    for first, last, count, latest in zip(
        found.first_step, found.last_step, found.points, found.last_value, strict=True
    ):
        of_range = [p for p in inside if first <= p[0] <= last]
        assert found.exact or len(of_range) == count
        assert any(p[0] == last and (p[2] == latest or math.isnan(latest)) for p in of_range)


def test_ranges_are_equally_wide() -> None:
    found = window([(step, step, float(step)) for step in range(100)], 10)
    assert found.first_step == list(range(0, 100, 10))
    assert found.max_value == [float(step) for step in range(9, 100, 10)]
    assert found.points == [10] * 10


def test_few_points_are_themselves() -> None:
    found = window([(2, 7, math.nan), (1, 5, 3.0)], 2)
    assert found.exact
    assert found.first_step == found.last_step == [1, 2]
    assert found.min_value == [3.0, None]
    assert found.last_timestamp == [5, 7]


@settings(deadline=None)
@given(
    st.lists(points.filter(bool), max_size=4),
    points,
    st.integers(1, 20),
    st.integers(-600, 2_000),
    st.integers(0, 3_000),
)
def test_segments_are_the_same_as_points(
    segments: list[list[Point]], waiting: list[Point], buckets: int, first: int, length: int
) -> None:
    _compare(segments, waiting, buckets, first, first + length)


@pytest.mark.parametrize("seed", range(8))
def test_long_segments_are_the_same_as_points(seed: int) -> None:
    draw = random.Random(seed)
    wide, jitter = draw.choice((1, 3)), draw.choice((1, 4, 200))
    values = draw.choice(((math.nan, 1.0, 2.0), tuple(draw.random() for _ in range(5_000))))
    series = [(wide * i + draw.randrange(jitter), 7 * i + draw.randrange(9), draw.choice(values)) for i in range(5_000)]
    segments = [series[start : start + 1_000] for start in range(0, 4_000, 1_000)]
    for buckets in (1, 3, 7, 50, 999):
        first = draw.randrange(-10, 2_000)
        _compare(segments, series[4_000:], buckets, first, first + draw.randrange(100, 15_000))


def test_scattered_steps_are_not_looked_for_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("it takes longer than to read all points once")

    monkeypatch.setattr(Segment, "bounds", fail)
    draw = random.Random(5)
    _compare([[(draw.randrange(1_000_000), i, draw.random()) for i in range(1_000)]], [], 500, 0, 999_999)


def _compare(segments: Sequence[list[Point]], waiting: list[Point], buckets: int, first: int, last: int) -> None:
    """Take segments as a whole, or by what is known of them, and all points alone: it is the same window."""
    by_blocks, by_summaries, expected = (WindowBuilder(first, last, buckets) for _ in range(3))
    for segment in segments:
        packed = pack(segment)
        opened = open_segment(packed.data)
        by_blocks.add_segment(opened)
        if not by_summaries.add_whole(packed.first_step, packed.last, *packed.bounds, len(segment)):
            by_summaries.add_segment(opened, packed.last)
        expected.add_points(segment)
    for builder in (by_blocks, by_summaries, expected):
        builder.add_points(waiting)
    assert repr(by_blocks.build()) == repr(expected.build())  # as text, NaN is the same as NaN
    assert repr(by_summaries.build()) == repr(expected.build())
