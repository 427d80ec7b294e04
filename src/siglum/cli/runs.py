"""`siglum runs`: what was run, and what each run logged."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from siglum.cli.command import group, tracking_option
from siglum.cli.console import Console
from siglum.cli.runs_gc import remove_deleted
from siglum.core.errors import NotFoundError
from siglum.core.text import count, did_you_mean, near_names, size, timestamp

if TYPE_CHECKING:
    from siglum.client.stores import Stores
    from siglum.lineage.stage_record import StageRow
    from siglum.tracking.entities import Experiment, Run

_SHOWN_METRICS = 3
_SHORT_ID = 12
_NESTED = 1000
"""Runs below one that are listed at most."""


@group("runs")
def runs() -> None:
    """List and show runs, and remove deleted ones for good."""


@runs.command("list")
@click.option("--experiment", metavar="NAME", help="Only this experiment; default: all of them.")
@click.option("--filter", "filter_string", metavar="TEXT", default="", help='Such as "metrics.accuracy > 0.9".')
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="List at most so many.")
@tracking_option
def list_runs(
    console: Console, experiment: str | None, filter_string: str, limit: int, tracking_uri: str | None
) -> None:
    """List runs, the latest started first; those that are nested in another one, below it."""
    from siglum.cli.repro_recording import send_waiting
    from siglum.client.paging import collect
    from siglum.lineage.run_tree import as_tree

    with closing(_open(tracking_uri)) as stores:
        send_waiting(console, stores)
        experiments = {each.experiment_id: each for each in _experiments(stores, experiment)}
        found = collect(
            lambda page, token: stores.tracking.search_runs(
                list(experiments), filter_string=filter_string, max_results=page, page_token=token
            ),
            limit,
        )
    console.result(found)
    if not found:
        console.say("No runs match." if filter_string else "There are no runs yet.")
        return
    rows = [
        [
            run.info.run_id[:_SHORT_ID],
            "  " * depth + run.info.run_name,
            experiments[run.info.experiment_id].name,
            str(run.info.status),
            timestamp(run.info.start_time),
            _few_metrics(run),
        ]
        for depth, run in as_tree(found)
    ]
    console.table(["run", "name", "experiment", "status", "started", "metrics"], rows)


@runs.command("show")
@click.argument("run_id")
@tracking_option
def show_run(console: Console, run_id: str, tracking_uri: str | None) -> None:
    """Show one run: parameters, metrics, tags, inputs, files and models. RUN_ID may be cut off where it is clear.

    Of a `siglum repro`, it shows what became of each stage, and which run made its outputs.
    """
    from siglum.cli.repro_recording import send_waiting
    from siglum.client.artifact_folder import files_below
    from siglum.lineage.run_tree import stage_rows
    from siglum.lineage.stage_record import NOTE_TAG, STAGES_TAG
    from siglum.lineage.trace import PARENT_TAG

    with closing(_open(tracking_uri)) as stores:
        send_waiting(console, stores)
        run = stores.tracking.get_run(_full_id(stores, run_id))
        files = list(files_below(stores.artifacts_for(run.info.artifact_uri)))
        models = [
            stores.tracking.get_logged_model(each.model_id, allow_deleted=True) for each in run.outputs.model_outputs
        ]
        nested = _nested(stores, run)
    console.result({"run": run, "files": files, "models": models, "nested": [each.info.run_id for each in nested]})
    console.say(f"{console.style(run.info.run_name, 'bold')}  {run.info.run_id}")
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
    _rows(console, "parameters", sorted(run.data.params.items()))
    _rows(console, "metrics", [(key, repr(value)) for key, value in sorted(run.data.metrics.items())])
    told = (STAGES_TAG, NOTE_TAG, PARENT_TAG) if stages else (PARENT_TAG,)
    tags = {key: value.replace("\n", " ")[:120] for key, value in run.data.tags.items() if key not in told}
    _rows(console, "tags", sorted(tags.items()))
    inputs = [(each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs]
    _rows(console, "inputs", sorted(inputs))
    _rows(console, "files", [(entry.path, size(entry.size or 0)) for entry in files])
    _rows(console, "models", [(model.name, f"{model.model_id}  {model.status.name}") for model in models])


runs.add_command(remove_deleted)


def _rows(console: Console, title: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        console.say(console.style(title, "bold"))
        width = max(len(key) for key, _ in rows)
        for key, value in rows:
            console.say(f"  {key:<{width}}  {value}")


def _stage_text(row: StageRow) -> str:
    seconds = "" if row.seconds is None else f"{row.seconds:.1f} s"
    return f"{row.outcome:<9}  {seconds:>8}  {row.run_id or ''}".rstrip()


def _nested(stores: Stores, run: Run) -> list[Run]:
    """Return the runs that are nested in one, first begun first."""
    from siglum.client.paging import collect
    from siglum.lineage.trace import PARENT_TAG

    everywhere = [each.experiment_id for each in _experiments(stores, None)]
    wanted = f"tags.`{PARENT_TAG}` = '{run.info.run_id}'"
    found = collect(
        lambda page, token: stores.tracking.search_runs(
            everywhere, filter_string=wanted, max_results=page, page_token=token
        ),
        _NESTED,
    )
    return sorted(found, key=lambda each: each.info.start_time)


def _few_metrics(run: Run) -> str:
    shown = sorted(run.data.metrics.items())
    text = ", ".join(f"{key} {value:.4g}" for key, value in shown[:_SHOWN_METRICS])
    return f"{text}, …" if len(shown) > _SHOWN_METRICS else text


def _experiments(stores: Stores, name: str | None) -> list[Experiment]:
    from siglum.client.paging import collect

    everything = collect(
        lambda page, token: stores.tracking.search_experiments(max_results=page, page_token=token), None
    )
    if name is None:
        return everything
    found = [each for each in everything if each.name == name]
    if not found:
        known = [each.name for each in everything]
        there = f"There is: {', '.join(sorted(known)[:8])}."
        raise NotFoundError(f"There is no experiment {name!r}.", hint=did_you_mean(name, known) or there)
    return found


def _full_id(stores: Stores, given: str) -> str:
    """Return the id of the one run that `given` names or begins the id of."""
    from siglum.client.paging import collect
    from siglum.tracking.entities import ViewType

    try:
        return stores.tracking.get_run(given).info.run_id
    except NotFoundError as missing:
        everywhere = [each.experiment_id for each in _experiments(stores, None)]
        known = [
            run.info.run_id
            for run in collect(
                lambda page, token: stores.tracking.search_runs(
                    everywhere, view_type=ViewType.ALL, max_results=page, page_token=token
                ),
                10_000,
            )
        ]
        matching = [run_id for run_id in known if run_id.startswith(given.lower())] if len(given) >= 4 else []
        if len(matching) == 1:
            return matching[0]
        if matching:
            hint = f"{count(len(matching), 'run')} begin with it: {', '.join(matching[:3])}."
        else:
            near = near_names(given, known) or [each for each in known if each[:4] == given[:4].lower()][:3]
            hint = f"Did you mean {' or '.join(near)}?" if near else "See 'siglum runs list' for the runs there are."
        raise NotFoundError(f"There is no run {given!r}.", hint=hint) from missing


def _open(tracking_uri: str | None) -> Stores:
    from siglum.client.stores import open_stores

    return open_stores(tracking_uri, create=False)
