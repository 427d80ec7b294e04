"""Runs as a table of chosen columns: what a web page shows, which wants neither all of a run nor to guess how many."""

from __future__ import annotations

import msgspec

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
