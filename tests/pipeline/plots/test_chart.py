"""What is drawn of rows: points, bars and matrices, thinned out where there are many."""

from __future__ import annotations

import math
import random

import pytest
from tests.pipeline.plots.samples import csv, sample

from siglum.core.errors import FileFormatError
from siglum.pipeline.results.plots.built_in import TEMPLATES
from siglum.pipeline.results.plots.chart import ChartKind, kind_of_template
from siglum.pipeline.results.plots.charting import MAX_CATEGORIES, MAX_POINTS, chart_of
from siglum.pipeline.results.plots.scales import axis_of, number
from siglum.pipeline.results.plots.thinning import loess, thinned


def test_kinds_of_templates() -> None:
    kinds = {name: kind_of_template(name, make(), built_in=True) for name, make in TEMPLATES.items()}
    assert kinds["linear"] is kinds["simple"] is ChartKind.LINES
    assert kinds["scatter_jitter"] is ChartKind.POINTS
    assert kinds["bar_horizontal_sorted"] is ChartKind.SORTED_BARS
    for template, kind in (
        ({"mark": "bar"}, ChartKind.BARS),
        ({"layer": [{"mark": {"type": "rect"}}]}, ChartKind.MATRIX),
        ({"layer": [{"mark": "line"}, {"mark": "point"}]}, ChartKind.LINES),
        ({"spec": {"mark": {"type": "circle"}}}, ChartKind.POINTS),
        ({}, ChartKind.LINES),
    ):
        assert kind_of_template("mine", template, built_in=False) is kind


def test_lines_break_off_where_there_is_no_number() -> None:
    data = sample(csv("s", "l", rows=[(0, 1), (1, "nan"), (2, ""), (3, "inf"), (4, 2), ("x", 9)]), x="s")
    chart = chart_of(data, ChartKind.LINES)
    [series] = chart.series
    assert [point for point in series.points if not math.isnan(point[1])] == [(0, 1), (4, 2)]
    assert len(series.points) == 5, "what has no x is nowhere"
    assert chart.notes == ("Not shown, because not a finite number: 4 values.",)


def test_y_without_a_number() -> None:
    data = sample(csv("s", "l", rows=[(0, "high"), (1, "low")]))
    with pytest.raises(FileFormatError) as caught:
        chart_of(data, ChartKind.LINES)
    assert str(caught.value).startswith("f.csv: the field 'l' has no number to draw. Name another one")


def test_a_line_without_a_number_hides_no_other() -> None:
    chart = chart_of(sample(csv("l", rows=[("nan",)]), csv("l", rows=[(1,), (2,)])), ChartKind.LINES)
    assert [each.name for each in chart.series] == ["v1"]
    assert chart.notes == ("Nothing is drawn of v0: it has no finite number.",)
    bars = csv("v", "n", rows=[("x", "a")]), csv("v", "n", rows=[(1, "a")])
    assert [each.name for each in chart_of(sample(*bars, x="v", y=["n"]), ChartKind.BARS).series] == ["v1"]


def test_x_may_be_names() -> None:
    chart = chart_of(sample(csv("d", "l", rows=[("mon", 1), ("tue", 2), ("mon", 3)]), x="d"), ChartKind.LINES)
    assert chart.x_names == ("mon", "tue")
    assert chart.series[0].points == ((0, 1), (1, 2), (0, 3))


def test_names_of_lines() -> None:
    two = {"a.csv": "l\n1\n", "b.csv": "l\n2\n"}
    assert [each.name for each in chart_of(sample(two, y=["l"]), ChartKind.LINES).series] == ["a.csv", "b.csv"]
    chart = chart_of(sample(two, two, y=["l"]), ChartKind.LINES)
    assert [(each.name, each.revision, each.group) for each in chart.series] == [
        ("v0, a.csv", 0, 0), ("v0, b.csv", 0, 1), ("v1, a.csv", 1, 0), ("v1, b.csv", 1, 1),
    ]  # fmt: skip


def test_no_spike_is_lost_when_points_are_thinned_out() -> None:
    rng = random.Random(7)
    values = [rng.random() for _ in range(100_000)]
    for place, value in ((0, -5.0), (33_333, 99.0), (66_666, -99.0), (99_999, 7.0)):
        values[place] = value
    chart = chart_of(sample(csv("l", rows=[(value,) for value in values])), ChartKind.LINES)
    points = chart.series[0].points
    assert len(points) <= MAX_POINTS
    assert {(0, -5), (33_333, 99), (66_666, -99), (99_999, 7)} <= set(points)
    assert list(points) == sorted(points)
    assert chart.notes[0].startswith("Thinned out: ")
    assert chart.notes[0].endswith("of 100,000 points are drawn, highs and lows among them.")


def test_a_gap_stays_a_gap_when_points_are_thinned_out() -> None:
    ys = [math.nan if 4_000 <= i < 6_000 else 1.0 for i in range(10_000)]
    kept = thinned(range(10_000), ys, 100)
    assert any(math.isnan(y) for x, y in kept if 4_000 <= x < 6_000)
    assert not any(math.isnan(y) for x, y in kept if not 4_000 <= x < 6_000)


def test_a_smoothed_line_follows_what_it_is_made_from() -> None:
    straight = loess([(float(i), 2.0 * i + 1) for i in range(50)])
    assert all(y == pytest.approx(2 * x + 1) for x, y in straight)
    chart = chart_of(sample(csv("l", rows=[(i % 2,) for i in range(400)])), ChartKind.SMOOTH)
    [series] = chart.series
    assert len(series.faint) == 400
    assert all(0.4 < y < 0.6 for _, y in series.points)
    assert loess([(0, 1), (1, 2)]) == [(0, 1), (1, 2)]
    assert loess([(1.0, 1.0), (1.0, 3.0), (1.0, 5.0)]) == [(1.0, 3.0)]


def test_bars() -> None:
    old, new = csv("v", "n", rows=[(1, "b"), (3, "a"), ("x", "c")]), csv("v", "n", rows=[(9, "b")])
    chart = chart_of(sample(old, new, x="v", y=["n"]), ChartKind.BARS)
    assert chart.y_names == ("a", "b")
    assert [each.points for each in chart.series] == [((3, 0), (1, 1)), ((9, 1),)]
    assert chart_of(sample(old, new, x="v", y=["n"]), ChartKind.SORTED_BARS).y_names == ("b", "a")
    many = chart_of(sample(csv("v", "n", rows=[(i, f"n{i:03}") for i in range(200)]), x="v", y=["n"]), ChartKind.BARS)
    assert len(many.y_names or ()) == MAX_CATEGORIES
    assert many.notes == ("Only the first 60 of 200 values of 'n' are shown.",)


def test_matrices_have_the_same_names_at_all_revisions() -> None:
    old = csv("actual", "pred", rows=[("cat", "cat"), ("cat", "dog"), ("cat", "cat")])
    new = csv("actual", "pred", rows=[("dog", "fox")])
    chart = chart_of(sample(old, new, x="pred", y=["actual"]), ChartKind.MATRIX)
    assert (chart.x_names, chart.y_names) == (("cat", "dog", "fox"), ("cat", "dog"))
    assert [(each.name, each.cells) for each in chart.matrices] == [
        ("v0", ((2, 1, 0), (0, 0, 0))),
        ("v1", ((0, 0, 0), (0, 0, 1))),
    ]
    assert chart.matrices[0].shares(by_row=True) == [[2 / 3, 1 / 3, 0], [0, 0, 0]]
    assert chart.matrices[0].shares(by_row=False) == [[1, 0.5, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 100.0], ["0", "50", "100"]),
        ([1.0, 3.0], ["1", "2", "3"]),
        ([0.12, 0.98], ["0", "0.5", "1.0"]),
        ([5.0, 5.0], ["4", "5", "6"]),
        ([0.001, 0.0025], ["0.001", "0.002", "0.003"]),
        ([], ["0", "1"]),
        ([math.nan, math.inf], ["0", "1"]),
        ([1e9, 3e9], ["1e9", "2e9", "3e9"]),
    ],
)
def test_ticks_are_round(values: list[float], labels: list[str]) -> None:
    assert list(axis_of(values, 2).labels) == labels


def test_axes_of_odd_numbers_hold_them() -> None:
    for values in ([-1e308, 1e308], [5e-324, 1e-323], [1.0, 1.0 + 2**-52], [1e15, 1e15 + 1], [-3.0, -1.0]):
        axis = axis_of(values, 5)
        assert axis.low < axis.high
        assert all(0 <= axis.place(value) <= 1 for value in values)
        assert len(axis.ticks) == len(axis.labels)
    assert axis_of([5.0, 9.0], 4, zero=True).low == 0


def test_numbers_are_short() -> None:
    assert [number(value) for value in (0, 1, 0.123456789, 1e22, 1.5e-7)] == ["0", "1", "0.123457", "1e22", "1.5e-7"]
