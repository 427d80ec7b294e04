"""`siglum repro`: bring a pipeline up to date."""

from __future__ import annotations

import os
import posixpath

import click

from siglum.cli.command import command
from siglum.cli.console import Console


@command("repro")
@click.argument("targets", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="Run stages that did not change, too.")
@click.option("-s", "--single-item", is_flag=True, help="Look at the named stages only, not at what they need.")
@click.option("-p", "--pipeline", "whole_pipelines", is_flag=True, help="Go through all stages connected to the named.")
@click.option("-P", "--all-pipelines", is_flag=True, help="Go through every dvc.yaml of the repository.")
@click.option("-R", "--recursive", is_flag=True, help="Let a folder stand for all stages in it.")
@click.option("--downstream", is_flag=True, help="Go through what needs the named stages, instead of what they need.")
@click.option("--dry", is_flag=True, help="Say what would run, and change nothing.")
@click.option("-k", "--keep-going", is_flag=True, help="Go on with stages that do not need one that failed.")
@click.option("--no-run-cache", is_flag=True, help="Restore no result of an earlier run with the same inputs.")
@click.option("--no-commit", is_flag=True, help="Record hashes, but put no output into the cache.")
@click.option("--explain", is_flag=True, help="Say for every stage all reasons to run it.")
def repro(
    console: Console,
    targets: tuple[str, ...],
    force: bool,
    single_item: bool,
    whole_pipelines: bool,
    all_pipelines: bool,
    recursive: bool,
    downstream: bool,
    dry: bool,
    keep_going: bool,
    no_run_cache: bool,
    no_commit: bool,
    explain: bool,
) -> None:
    """Run what is out of date in a pipeline.

    TARGETS are stages, dvc.yaml files, .dvc files or outputs; by default all stages of the dvc.yaml here. What they
    need is brought up to date first.
    """
    from siglum.cli.repro_report import ReproReport
    from siglum.pipeline.repro import repro as run_repro
    from siglum.pipeline.repro import result_values
    from siglum.pipeline.targets import Selection
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    folder = os.path.relpath(os.path.realpath(os.getcwd()), os.path.realpath(repo.root)).replace(os.sep, "/")
    folder = "" if folder == posixpath.curdir else folder
    report = ReproReport(console, folder, dry=dry, explain=explain, keep_going=keep_going)
    results = run_repro(
        repo,
        targets,
        folder=folder,
        recursive=recursive,
        selection=Selection(
            single=single_item,
            downstream=downstream,
            whole_pipelines=whole_pipelines,
            everything=all_pipelines,
        ),
        force=force,
        dry=dry,
        run_cache=not no_run_cache,
        commit=not no_commit,
        keep_going=keep_going,
        output=2 if console.json else None,
        on_event=report.on_event,
    )
    report.end(results)
    console.result({"stages": [result_values(result) for result in results]})
