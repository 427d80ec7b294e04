"""Series in as many ranges as a chart has room for."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from siglum.tracking.windows import window

points = st.lists(
    st.tuples(st.integers(-500, 5_000), st.integers(0, 100), st.floats(allow_infinity=False)), max_size=60
)


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
