"""`siglum repro`: bring a pipeline up to date."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.core.errors import UsageError

if TYPE_CHECKING:
    from siglum.cli.explain import ReproExplainer
    from siglum.pipeline.definition.stages import Stage
    from siglum.workspace.repository import Repository


@command("repro")
@click.argument("targets", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="Run stages that did not change, too.")
@click.option("-i", "--interactive", is_flag=True, help="Ask before each stage.")
@click.option("-s", "--single-item", is_flag=True, help="Look at the named stages only, not at what they need.")
@click.option("-p", "--pipeline", "whole_pipelines", is_flag=True, help="Go through all stages connected to the named.")
@click.option("-P", "--all-pipelines", is_flag=True, help="Go through every dvc.yaml of the repository.")
@click.option("-R", "--recursive", is_flag=True, help="Let a folder stand for all stages in it.")
@click.option("--downstream", is_flag=True, help="Go through what needs the named stages, instead of what they need.")
@click.option("--force-downstream", is_flag=True, help="Run all that needs a stage that changed.")
@click.option("--pull", is_flag=True, help="Get what is missing from the default remote.")
@click.option("--allow-missing", is_flag=True, help="Do not count missing data as a change.")
@click.option("--dry", is_flag=True, help="Say what would run, and change nothing.")
@click.option("-k", "--keep-going", is_flag=True, help="Go on with stages that do not need one that failed.")
@click.option("--ignore-errors", is_flag=True, help="Go on with all stages, whatever fails.")
@click.option("--glob", is_flag=True, help="Let targets be patterns of stage names.")
@click.option("--no-commit", is_flag=True, help="Record hashes, but put no output into the cache.")
@click.option("--no-run-cache", is_flag=True, help="Restore no result of an earlier run with the same inputs.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Run N stages at once. Default: one for each core."
)
@click.option("--explain", is_flag=True, help="Say of each stage why it runs or is restored: what changed to what.")
@click.option("-v", "--verbose", is_flag=True, help="Name the log of each stage, and how long it ran.")
@click.option("--record/--no-record", default=True, help="Put what runs on record in the tracking store, or do not.")
@tracking_option
def repro(
    console: Console,
    targets: tuple[str, ...],
    force: bool,
    interactive: bool,
    single_item: bool,
    whole_pipelines: bool,
    all_pipelines: bool,
    recursive: bool,
    downstream: bool,
    force_downstream: bool,
    pull: bool,
    allow_missing: bool,
    dry: bool,
    keep_going: bool,
    ignore_errors: bool,
    glob: bool,
    no_commit: bool,
    no_run_cache: bool,
    jobs: int | None,
    explain: bool,
    verbose: bool,
    record: bool,
    tracking_uri: str | None,
) -> None:
    """Run what is out of date in a pipeline.

    TARGETS are stages, dvc.yaml files, .dvc files or outputs; by default all stages of the dvc.yaml here, or of all
    others when it has none. What they need is brought up to date first. Stages that do not need each other run at the
    same time. What runs becomes a run in the tracking store, with a run below it for each stage.
    """
    from siglum.cli.repro_recording import ReproRecording, is_wanted
    from siglum.cli.repro_report import ReproReport
    from siglum.pipeline.execution.repro import repro as run_repro
    from siglum.pipeline.execution.repro import result_values
    from siglum.pipeline.graph.targets import Selection
    from siglum.pipeline.inventory.selection import folder_of
    from siglum.workspace.repository import Repository

    if keep_going and ignore_errors:
        raise UsageError("--keep-going and --ignore-errors exclude each other.")
    repo = Repository.open()
    folder = folder_of(repo)
    shared = ExitStack()
    explainer = shared.enter_context(_explaining(repo, tracking_uri, dry=dry)) if explain else None
    report = ReproReport(
        console,
        folder,
        dry=dry,
        explainer=explainer,
        raises=not (keep_going or ignore_errors),
        verbose=verbose,
    )
    environment = _environment()
    recording = ReproRecording(
        console,
        repo,
        targets,
        environment,
        tracking_uri=tracking_uri,
        records=record and not dry and is_wanted(repo, environment),
        verbose=verbose,
    )
    with recording, shared:
        results = run_repro(
            repo,
            targets,
            folder=folder,
            recursive=recursive,
            glob=glob,
            selection=Selection(
                single=single_item,
                downstream=downstream,
                whole_pipelines=whole_pipelines,
                everything=all_pipelines,
            ),
            force=force,
            force_downstream=force_downstream,
            dry=dry,
            run_cache=not no_run_cache,
            commit=not no_commit,
            allow_missing=allow_missing,
            pull=pull,
            keep_going=keep_going,
            ignore_errors=ignore_errors,
            jobs=jobs,
            confirm=_ask(console, folder) if interactive else None,
            environment=environment,
            variables=recording.variables,
            on_event=recording.heard_by(report.on_event),
            on_output=report.on_output,
            on_plan=recording.on_plan,
            before_change=recording.before_change,
        )
    report.end(results)
    explained = {} if explainer is None else {each.address: explainer.value(each.address) for each in results}
    stages = [result_values(each) | explained.get(each.address, {}) for each in results]
    console.result({"stages": stages, "run_id": recording.run_id})


@contextmanager
def _explaining(repo: Repository, tracking_uri: str | None, *, dry: bool) -> Iterator[ReproExplainer]:
    """Yield what explains stages, and finds in the store the runs that made what is brought back."""
    from siglum.cli.explain import ReproExplainer
    from siglum.cli.run_finder import RunFinder

    with RunFinder(repo, tracking_uri) as run_of:
        yield ReproExplainer(repo, run_of, dry=dry)


def _environment() -> dict[str, str]:
    """Return the commands' environment. Where a person watches, Python is not to keep back what it prints."""
    unbuffered = {"PYTHONUNBUFFERED": "1"} if sys.stdout.isatty() else {}
    return {**unbuffered, **os.environ}


def _ask(console: Console, folder: str) -> Callable[[Stage], bool]:
    from siglum.pipeline.status.status import shown_address

    def confirm(stage: Stage) -> bool:
        if not sys.stdin.isatty():
            return False  # nobody to ask counts as a no, as in DVC
        return click.confirm(f"Go on with '{shown_address(stage, folder)}'?", err=console.json)

    return confirm
