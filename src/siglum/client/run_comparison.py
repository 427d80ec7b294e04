"""Runs side by side, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from siglum.client.notebook_view import charts_of
from siglum.core.html import escaped, table
from siglum.core.text import timestamp
from siglum.tracking.entities import Run

# What is different in any two runs, or as long as a file.
_NOT_COMPARED = ("mlflow.runName", "siglum.recipe", "siglum.run_id", "mlflow.log-model.history")
_MISSING = "-"
_CELL_CHARACTERS = 40
"""Of a value in a notebook's table, so that several runs fit beside each other."""


class Row(msgspec.Struct, frozen=True):
    """One line of a comparison: a value of each run, None where a run has none. `change` is from the first run on."""

    section: str
    key: str
    values: tuple[str | None, ...]
    change: tuple[float | None, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether not all runs have the same."""
        return len(set(self.values)) > 1

    def cells(self) -> list[str]:
        """Return the values as people read them; behind a metric, by how much it is more or less than the first."""
        if not self.change:
            return [_MISSING if value is None else " ".join(value.split()) for value in self.values]
        found = []
        for number, (value, change) in enumerate(zip(self.values, self.change, strict=True)):
            text = _MISSING if value is None else f"{float(value):.6g}"
            found.append(f"{text} ({change:+.3g})" if number and change else text)
        return found


class RunComparison:
    """Several runs, and what they have in rows of values side by side; in a notebook, a table with charts."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.rows = comparison(runs)

    @property
    def differing(self) -> list[Row]:
        """The rows in which not all runs have the same."""
        return [row for row in self.rows if row.differs]

    def header(self) -> list[str]:
        """Return the name and the beginning of the id of each run."""
        return [f"{run.info.run_name} {run.info.run_id[:8]}" for run in self.runs]

    def __repr__(self) -> str:
        lines = [f"{row.section} {row.key}: {' | '.join(row.cells())}" for row in self.differing]
        return "\n".join([f"RunComparison of {', '.join(self.header())}", *lines])

    def _repr_html_(self) -> str:
        same = len(self.rows) - len(self.differing)
        rows = [[row.section, row.key, *map(_short, row.cells())] for row in self.differing]
        note = f"<div>{same} more values are the same in all.</div>" if same else ""
        title = f"<div><strong>{escaped(f'{len(self.runs)} runs compared')}</strong></div>"
        return f"<div>{title}{charts_of(self.runs)}{table(['', '', *self.header()], rows)}{note}</div>"


def _short(cell: str) -> str:
    return cell if len(cell) <= _CELL_CHARACTERS else f"{cell[: _CELL_CHARACTERS - 1]}…"


def comparison(runs: Sequence[Run]) -> list[Row]:
    """Return what runs have, side by side: section by section, by key."""
    rows = [
        Row("run", "status", tuple(str(run.info.status) for run in runs)),
        Row("run", "started", tuple(timestamp(run.info.start_time) for run in runs)),
        Row("run", "seconds", tuple(_seconds(run) for run in runs)),
        Row("run", "user", tuple(run.info.user_id for run in runs)),
    ]
    rows += _rows("parameters", [run.data.params for run in runs])
    metrics = [run.data.metrics for run in runs]
    for row in _rows("metrics", [{key: f"{value:.6g}" for key, value in each.items()} for each in metrics]):
        first = metrics[0].get(row.key)
        others = [each.get(row.key) for each in metrics]
        change = tuple(None if first is None or other is None else other - first for other in others)
        exact = tuple(None if other is None else repr(other) for other in others)
        rows.append(Row("metrics", row.key, exact, change))
    rows += _rows(
        "inputs", [{each.dataset.name: each.dataset.digest for each in run.inputs.dataset_inputs} for run in runs]
    )
    return rows + _rows(
        "tags", [{key: v for key, v in run.data.tags.items() if key not in _NOT_COMPARED} for run in runs]
    )


def _rows(section: str, values: Sequence[Mapping[str, str]]) -> list[Row]:
    keys = sorted({key for each in values for key in each})
    return [Row(section, key, tuple(each.get(key) for each in values)) for key in keys]


def _seconds(run: Run) -> str | None:
    return None if run.info.end_time is None else f"{(run.info.end_time - run.info.start_time) / 1000:.1f}"
