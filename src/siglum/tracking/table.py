"""Runs as a table of chosen columns: what a web page shows, which wants neither all of a run nor to guess how many."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import msgspec

from siglum.tracking.series import Point

Cell = str | int | float | None
"""A value; None where the run has none. A metric may be NaN."""


class RunTable(msgspec.Struct, frozen=True, kw_only=True):
    """One page of runs. Each row has the values of `columns`, as they are named there, after the run's id.

    `total` is how many runs match on all pages.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    total: int
    next_token: str | None = None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Points of a series between two steps, in as many equal ranges of steps as there is room for, or one by one.

    All lists are as long; a range without points is left out. `min_value` and `max_value` leave NaN out and are None
    where there is nothing else. When `exact` is set, each range is one point.
    """

    exact: bool
    count: int
    first_step: list[int]
    last_step: list[int]
    last_timestamp: list[int]
    last_value: list[float]
    min_value: list[float | None]
    max_value: list[float | None]
    points: list[int]


class Columns(msgspec.Struct, frozen=True):
    """Points of a series, a column for each part of them, all as long."""

    steps: array[int]
    timestamps: array[int]
    values: array[float]

    @classmethod
    def of(cls, points: Iterable[Point]) -> Columns:
        """Return points as columns."""
        columns = cls(array("q"), array("q"), array("d"))
        for point in points:
            columns.add(point)
        return columns

    def add(self, point: Point) -> None:
        """Append a point."""
        self.steps.append(point[0])
        self.timestamps.append(point[1])
        self.values.append(point[2])

    @property
    def last(self) -> Point | None:
        """The last point; None without any."""
        return (self.steps[-1], self.timestamps[-1], self.values[-1]) if self.values else None

    def between(self, first: int | None, last: int | None) -> Columns:
        """Return the points whose step is not less than `first` and not above `last`."""
        if first is None and last is None:
            return self
        low, high = -(2**63) if first is None else first, 2**63 - 1 if last is None else last
        points = zip(self.steps, self.timestamps, self.values, strict=True)
        return Columns.of(point for point in points if low <= point[0] <= high)


class DataVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One content of one data set, and who read it. Times are those of the first and the last run's start.

    `path` is where it lies, or lay, for data that Siglum recorded; `models` are the registered versions,
    `name@version`, that runs made which read it, the first 100 by name.
    """

    name: str
    digest: str
    source_type: str
    path: str | None
    runs: int
    first_used: int
    last_used: int
    models: tuple[str, ...] = ()
