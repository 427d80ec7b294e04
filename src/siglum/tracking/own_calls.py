"""Requests and answers of Siglum's own routes about runs, below `/api/siglum/1/`.

Numbers that JSON has none for are the strings "NaN", "Infinity" and "-Infinity", as in MLflow's messages.
"""

from __future__ import annotations

import math
from typing import cast

from siglum.storage.artifacts.replacing import Outcome
from siglum.tracking.calls import RunIdRequest
from siglum.tracking.messages import Int64, Message, Named
from siglum.tracking.table import Cell, DataVersion, RunTable, Window


class RunPage(Message, kw_only=True):
    """POST runs/page: a page of runs with these columns, such as `params.lr`, `min(metrics.loss)` or `start_time`."""

    experiment_ids: list[str]
    columns: list[str] = []
    filter: str | None = None
    order_by: list[str] = []
    view_type: Named | None = None
    max_results: Int64 | None = None
    page_token: str | None = None


class RunRow(Message, kw_only=True, omit_defaults=False):
    """One run: its id and its values, in the order of the columns."""

    run_id: str
    values: list[str | int | float | None]


class RunPageAnswer(Message, kw_only=True, omit_defaults=False):
    """A page of runs, and how many there are on all pages."""

    columns: list[str]
    runs: list[RunRow]
    total: int
    next_page_token: str | None = None


class ReplaceArtifact(Message, kw_only=True):
    """PUT artifacts: the body is stored under a path, unless the file is another one than the client has extended.

    `sha256` is that of the body, `expected` that of the file it replaces; none when there is to be no file yet. With a
    `writer` and its `number`, which grow, the same write is made once however often it is sent.
    """

    path: str
    sha256: str
    expected: str | None = None
    writer: str | None = None
    number: Int64 | None = None


class ReplaceAnswer(Message, kw_only=True, omit_defaults=False):
    """What became of it: `stored`, `repeated` (it was before), or `changed` (somebody else was faster)."""

    outcome: Outcome


class MetricWindow(RunIdRequest, kw_only=True):
    """GET metrics/window: points of one key between two steps, in as many ranges as a chart has pixels."""

    metric_key: str
    buckets: Int64 = 1_000
    start_step: Int64 | None = None
    end_step: Int64 | None = None


class MetricWindowAnswer(Message, kw_only=True, omit_defaults=False):
    """Ranges of steps in columns, or the points themselves when `exact` is set."""

    exact: bool
    count: int
    first_step: list[int]
    last_step: list[int]
    last_timestamp: list[int]
    last_value: list[float | str]
    min_value: list[float | str | None]
    max_value: list[float | str | None]
    points: list[int]


class MetricSeries(RunIdRequest, kw_only=True):
    """GET metrics/series: all points of one key, or those between two steps."""

    metric_key: str
    start_step: Int64 | None = None
    end_step: Int64 | None = None


class DataVersions(Message, kw_only=True):
    """GET data/versions: of these experiments (`experiment_id` repeats), or of all; of one path or name, or of all."""

    experiment_id: list[str] = []
    data_path: str | None = None
    name: str | None = None
    max_results: Int64 | None = None
    page_token: str | None = None


class DataVersionsAnswer(Message, kw_only=True, omit_defaults=False):
    """A page of versions of data, the latest used first."""

    versions: list[DataVersion] = []
    next_page_token: str | None = None


def write_number(value: float | None) -> float | str | None:
    """Return what to write for a number: itself, or the name that JSON has no number for."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def write_cell(cell: Cell) -> Cell:
    """Return what to write for a value of a table."""
    return write_number(cell) if isinstance(cell, float) else cell


def write_table(table: RunTable) -> RunPageAnswer:
    """Return a page of runs as a message."""
    return RunPageAnswer(
        columns=list(table.columns),
        runs=[RunRow(run_id=run_id, values=[write_cell(cell) for cell in cells]) for run_id, cells in table.rows],
        total=table.total,
        next_page_token=table.next_token,
    )


def read_table(message: RunPageAnswer, is_number: list[bool]) -> RunTable:
    """Return a message as a page of runs; `is_number` says of each column whether it holds a metric."""

    def read(cell: Cell, number: bool) -> Cell:
        return float(cell) if number and isinstance(cell, str) else cell

    return RunTable(
        columns=tuple(message.columns),
        rows=tuple((row.run_id, tuple(map(read, row.values, is_number))) for row in message.runs),
        total=message.total,
        next_token=message.next_page_token,
    )


def write_window(window: Window) -> MetricWindowAnswer:
    """Return a window as a message."""
    return MetricWindowAnswer(
        exact=window.exact,
        count=window.count,
        first_step=window.first_step,
        last_step=window.last_step,
        last_timestamp=window.last_timestamp,
        last_value=[cast("float | str", write_number(value)) for value in window.last_value],
        min_value=list(map(write_number, window.min_value)),
        max_value=list(map(write_number, window.max_value)),
        points=window.points,
    )


def read_window(message: MetricWindowAnswer) -> Window:
    """Return a message as a window."""
    return Window(
        exact=message.exact,
        count=message.count,
        first_step=message.first_step,
        last_step=message.last_step,
        last_timestamp=message.last_timestamp,
        last_value=list(map(float, message.last_value)),
        min_value=[None if value is None else float(value) for value in message.min_value],
        max_value=[None if value is None else float(value) for value in message.max_value],
        points=message.points,
    )
