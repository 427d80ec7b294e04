"""`siglum runs compare`: runs side by side, and what differs between them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import click
import msgspec

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.cli.run_lookup import full_id, open_stores
from siglum.core.errors import UsageError
from siglum.core.text import count, timestamp

if TYPE_CHECKING:
    from siglum.tracking.entities import Run

_MISSING = "-"
# What is different in any two runs, or as long as a file.
_NOT_COMPARED = ("mlflow.runName", "siglum.recipe", "siglum.run_id", "mlflow.log-model.history")


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


@command("compare")
@click.argument("run_ids", metavar="RUN_ID RUN_ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Also what is the same in all of them.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@tracking_option
def compare_runs(
    console: Console, run_ids: tuple[str, ...], everything: bool, as_csv: bool, tracking_uri: str | None
) -> None:
    """Show runs side by side: the parameters, metrics, inputs and tags in which they differ.

    Behind a metric stands by how much it is more or less than in the first run.
    """
    if len(run_ids) < 2:
        raise UsageError("A comparison takes at least two runs.", hint="See 'siglum runs list' for their ids.")
    with closing(open_stores(tracking_uri)) as stores:
        runs = [stores.tracking.get_run(full_id(stores, each)) for each in run_ids]
    rows = comparison(runs)
    shown = [row for row in rows if everything or row.differs]
    console.result({"runs": [run.info.run_id for run in runs], "rows": shown, "same": len(rows) - len(shown)})
    header = ["", *(f"{run.info.run_name} {run.info.run_id[:8]}" for run in runs)]
    if as_csv:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["section", "key", *(run.info.run_id for run in runs)])
        writer.writerows([row.section, row.key, *(value or "" for value in row.values)] for row in shown)
        console.say(text.getvalue().rstrip("\n"))
        return
    cells = []
    section = ""
    for row in shown:
        if row.section != section:
            cells.append([row.section, *("" for _ in runs)])
            section = row.section
        cells.append([f"  {row.key}", *_cells(row)])
    console.table(header, cells)
    if not everything and len(rows) > len(shown):
        console.say(f"{count(len(rows) - len(shown), 'more value')} are the same in all: see them with --all.")


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


def _cells(row: Row) -> list[str]:
    if not row.change:
        return [_MISSING if value is None else " ".join(value.split()) for value in row.values]
    cells = []
    for number, (value, change) in enumerate(zip(row.values, row.change, strict=True)):
        text = _MISSING if value is None else f"{float(value):.6g}"
        cells.append(f"{text} ({change:+.3g})" if number and change else text)
    return cells
