"""`siglum runs export`, and runs as CSV: one row for each run, or one for each point that was logged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.cli.run_lookup import experiments_named, full_id, history, matching_runs, open_stores
from siglum.core.errors import UsageError
from siglum.core.text import count, timestamp

if TYPE_CHECKING:
    from siglum.tracking.entities import Run

_INFO = ("run_id", "name", "experiment", "status", "user", "started", "ended")


@command("export")
@click.argument("run_ids", metavar="[RUN_ID]...", nargs=-1)
@click.option("--experiment", metavar="NAME", help="The runs of this experiment; default: of all.")
@click.option("--filter", "filter_string", metavar="TEXT", default="", help='Such as "metrics.accuracy > 0.9".')
@click.option("--history", "points", is_flag=True, help="Every point of every metric in place of a row for each run.")
@click.option("--output", "-o", metavar="FILE", type=click.Path(dir_okay=False), help="Write to this file.")
@tracking_option
def export_runs(
    console: Console,
    run_ids: tuple[str, ...],
    experiment: str | None,
    filter_string: str,
    points: bool,
    output: str | None,
    tracking_uri: str | None,
) -> None:
    """Print runs as CSV: what they are, their parameters, metrics and tags; or all points of their metrics.

    With --json, the runs are printed with everything, or the points.
    """
    if run_ids and (experiment or filter_string):
        raise UsageError("Give either run ids, or --experiment and --filter.")
    with closing(open_stores(tracking_uri)) as stores:
        if run_ids:
            found = [stores.tracking.get_run(full_id(stores, each)) for each in run_ids]
        else:
            found = matching_runs(stores, experiment, filter_string, None)
        names = {each.experiment_id: each.name for each in experiments_named(stores, None)}
        rows: list[Mapping[str, Any]] = []
        for run in found if points else ():
            for key in sorted(run.data.metrics):
                rows += [
                    {"run_id": run.info.run_id, "key": key, "step": each.step, "timestamp": each.timestamp,
                     "value": each.value}
                    for each in history(stores, run.info.run_id, key)
                ]  # fmt: skip
    console.result(rows if points else found)
    text = _csv(("run_id", "key", "step", "timestamp", "value"), rows) if points else csv_of(found, names)
    if output is None:
        console.say(text.rstrip("\n"))
        return
    with open(output, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    console.say(f"Wrote {count(len(rows), 'point') if points else count(len(found), 'run')} to {output}")


def csv_of(runs: Sequence[Run], experiments: Mapping[str, str]) -> str:
    """Return runs as CSV: a column for each parameter, metric and tag, empty where a run does not have it."""
    groups = (
        ("params", [run.data.params for run in runs]),
        ("metrics", [run.data.metrics for run in runs]),
        ("tags", [run.data.tags for run in runs]),
    )
    columns = {f"{group}.{key}": None for group, each in groups for key in sorted({key for row in each for key in row})}
    rows: list[dict[str, Any]] = []
    for number, run in enumerate(runs):
        info = run.info
        ended = timestamp(info.end_time) if info.end_time else ""
        experiment = experiments.get(info.experiment_id, info.experiment_id)
        plain = (
            info.run_id, info.run_name, experiment, str(info.status), info.user_id, timestamp(info.start_time), ended,
        )  # fmt: skip
        row: dict[str, Any] = dict(zip(_INFO, plain, strict=True))
        for group, each in groups:
            row |= {f"{group}.{key}": value for key, value in each[number].items()}
        rows.append(row)
    return _csv((*_INFO, *columns), rows)


def _csv(header: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
