"""`siglum runs`: what was run, and what each run logged."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import click

from siglum.cli.chart_lines import can_print
from siglum.cli.command import group, tracking_option
from siglum.cli.console import Console, one_line
from siglum.cli.run_lookup import experiments_named, full_id, history, matching_runs, open_stores
from siglum.cli.runs_change import delete_runs, restore_runs, tag_run
from siglum.cli.runs_compare import compare_runs
from siglum.cli.runs_files import run_files
from siglum.cli.runs_gc import remove_deleted
from siglum.cli.runs_plot import plot_runs
from siglum.cli.runs_table import csv_of, export_runs
from siglum.cli.runs_watch import watch_run
from siglum.cli.sparkline import sparkline
from siglum.cli.tables import cut
from siglum.core.text import size, timestamp

if TYPE_CHECKING:
    from siglum.client.stores import Stores
    from siglum.lineage.stage_record import StageRow
    from siglum.tracking.entities import Metric, Run

_SHOWN_METRICS = 3
_SPARK = 30
_DRAWN = 50
"""Metrics whose series are read to be drawn, at most."""
_SHORT_ID = 12
_NESTED = 1000
"""Runs below one that are listed at most."""


@group("runs")
def runs() -> None:
    """List, show, compare, draw, watch, change and export runs."""


@runs.command("list")
@click.option("--experiment", metavar="NAME", help="Only this experiment; default: all of them.")
@click.option("--filter", "filter_string", metavar="TEXT", default="", help='Such as "metrics.accuracy > 0.9".')
@click.option("--order-by", metavar="TEXT", multiple=True, help='Such as "metrics.accuracy DESC".')
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="List at most so many.")
@click.option("--deleted", is_flag=True, help="Those that were deleted.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with all parameters, metrics and tags.")
@tracking_option
def list_runs(
    console: Console,
    experiment: str | None,
    filter_string: str,
    order_by: tuple[str, ...],
    limit: int,
    deleted: bool,
    as_csv: bool,
    tracking_uri: str | None,
) -> None:
    """List runs, the latest started first; those that are nested in another one, below it."""
    from siglum.cli.repro_recording import send_waiting
    from siglum.lineage.run_tree import as_tree
    from siglum.tracking.entities import ViewType

    with closing(open_stores(tracking_uri)) as stores:
        send_waiting(console, stores)
        experiments = {each.experiment_id: each.name for each in experiments_named(stores, experiment)}
        view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
        found = matching_runs(stores, experiment, filter_string, limit, order_by, view)
    console.result(found)
    if as_csv:
        console.say(csv_of(found, experiments).rstrip("\n"))
        return
    if not found:
        console.say("No runs match." if filter_string else "There are no runs yet.")
        return
    rows = [
        [
            run.info.run_id[:_SHORT_ID],
            "  " * depth + run.info.run_name,
            experiments[run.info.experiment_id],
            str(run.info.status),
            timestamp(run.info.start_time),
            _few_metrics(run),
        ]
        for depth, run in ([(0, run) for run in found] if order_by else as_tree(found))
    ]
    console.table(["run", "name", "experiment", "status", "started", "metrics"], rows)


@runs.command("show")
@click.argument("run_id")
@tracking_option
def show_run(console: Console, run_id: str, tracking_uri: str | None) -> None:
    """Show one run: parameters, metrics, tags, inputs, files and models.

    RUN_ID may be the beginning of it, where that is clear, or a name that only one run has.
    Of a `siglum repro`, it shows what became of each stage, and which run made its outputs.
    """
    from siglum.cli.repro_recording import send_waiting
    from siglum.client.artifact_folder import files_below
    from siglum.lineage.run_tree import stage_rows
    from siglum.lineage.stage_record import NOTE_TAG, STAGES_TAG
    from siglum.lineage.trace import PARENT_TAG

    with closing(open_stores(tracking_uri)) as stores:
        send_waiting(console, stores)
        run = stores.tracking.get_run(full_id(stores, run_id))
        files = list(files_below(stores.artifacts_for(run.info.artifact_uri)))
        models = [
            stores.tracking.get_logged_model(each.model_id, allow_deleted=True) for each in run.outputs.model_outputs
        ]
        nested = _nested(stores, run)
        series = {key: history(stores, run.info.run_id, key) for key in sorted(run.data.metrics)[:_DRAWN]}
    console.result({"run": run, "files": files, "models": models, "nested": [each.info.run_id for each in nested]})
    console.say(f"{console.style(one_line(run.info.run_name), 'bold')}  {run.info.run_id}")
    ended = timestamp(run.info.end_time) if run.info.end_time else "not ended"
    _rows(console, "run", [
        ("status", str(run.info.status)), ("started", timestamp(run.info.start_time)), ("ended", ended),
        ("user", run.info.user_id), ("experiment", run.info.experiment_id), ("files", run.info.artifact_uri),
        *([("nested in", run.data.tags[PARENT_TAG])] if PARENT_TAG in run.data.tags else []),
    ])  # fmt: skip
    stages = stage_rows(run)
    _rows(console, "stages", [(each.stage, _stage_text(each)) for each in stages])
    listed = {each.run_id for each in stages}
    others = [each for each in nested if each.info.run_id not in listed]
    _rows(console, "nested runs", [(each.info.run_name, f"{each.info.run_id}  {each.info.status}") for each in others])
    _rows(console, "parameters", sorted(run.data.params.items()), fitting=True)
    metrics = sorted(run.data.metrics.items())
    width = max((len(repr(value)) for _, value in metrics), default=0)
    drawn = [(key, f"{value!r:<{width}}  {_drawn(series.get(key))}".rstrip()) for key, value in metrics]
    _rows(console, "metrics", drawn)
    told = (STAGES_TAG, NOTE_TAG, PARENT_TAG) if stages else (PARENT_TAG,)
    tags = {key: value for key, value in run.data.tags.items() if key not in told}
    _rows(console, "tags", sorted(tags.items()), fitting=True)
    inputs = [(each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs]
    _rows(console, "inputs", sorted(inputs))
    _rows(console, "files", [(entry.path, size(entry.size or 0)) for entry in files])
    _rows(console, "models", [(model.name, f"{model.model_id}  {model.status.name}") for model in models])


for _command in (
    compare_runs, delete_runs, export_runs, plot_runs, remove_deleted, restore_runs, run_files, tag_run, watch_run,
):  # fmt: skip
    runs.add_command(_command)


def _rows(console: Console, title: str, rows: list[tuple[str, str]], *, fitting: bool = False) -> None:
    if rows:
        console.say(console.style(title, "bold"))
        width = max(len(key) for key, _ in rows)
        for key, value in rows:
            line = one_line(f"  {key:<{width}}  {value}".rstrip())
            console.say(cut(line, console.room) if fitting and console.room else line)


def _drawn(points: Sequence[Metric] | None) -> str:
    if points is None or len(points) < 2 or not can_print("▁█"):
        return ""
    return sparkline([point.value for point in points], _SPARK)


def _stage_text(row: StageRow) -> str:
    seconds = "" if row.seconds is None else f"{row.seconds:.1f} s"
    return f"{row.outcome:<9}  {seconds:>8}  {row.run_id or ''}".rstrip()


def _nested(stores: Stores, run: Run) -> list[Run]:
    """Return the runs that are nested in one, first begun first."""
    from siglum.client.paging import collect
    from siglum.lineage.trace import PARENT_TAG

    everywhere = [each.experiment_id for each in experiments_named(stores, None)]
    wanted = f"tags.`{PARENT_TAG}` = '{run.info.run_id}'"
    found = collect(
        lambda page, token: stores.tracking.search_runs(
            everywhere, filter_string=wanted, max_results=page, page_token=token
        ),
        _NESTED,
    )
    return sorted(found, key=lambda each: each.info.start_time)


def _few_metrics(run: Run) -> str:
    """Return the first few metrics that a run has of itself; those of its machine are with `runs show`."""
    shown = sorted((key, value) for key, value in run.data.metrics.items() if not key.startswith("system/"))
    text = ", ".join(f"{key} {value:.4g}" for key, value in shown[:_SHOWN_METRICS])
    return f"{text}, …" if len(shown) > _SHOWN_METRICS else text
