"""`siglum metrics`: what stages measured, shown and compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import group
from siglum.cli.console import Console
from siglum.cli.many_values import ManyValuesCommand

if TYPE_CHECKING:
    from siglum.pipeline.results.value_files import FileValues, StateValues

_PRECISION = 5
# DVC reads folders without it, too; scripts that say it go on working.
_recursive = click.option(
    "-R",
    "--recursive",
    is_flag=True,
    expose_value=False,
    help="Let a folder stand for all files below it: it does so anyway.",
)


@group("metrics")
def metrics() -> None:
    """Show metrics, and compare them."""


@metrics.command("show")
@click.argument("targets", nargs=-1)
@click.option("-a", "--all-branches", is_flag=True, help="Show those of all branches.")
@click.option("-T", "--all-tags", is_flag=True, help="Show those of all tags.")
@click.option("-A", "--all-commits", is_flag=True, help="Show those of all commits.")
@_recursive
@click.option("--md", "markdown", is_flag=True, help="Print a Markdown table.")
@click.option("--precision", type=int, default=_PRECISION, show_default=True, metavar="N", help="Digits to show.")
def show(
    console: Console,
    targets: tuple[str, ...],
    all_branches: bool,
    all_tags: bool,
    all_commits: bool,
    markdown: bool,
    precision: int,
) -> None:
    """Show the metrics of the workspace, or of revisions: all that are declared, or those in TARGETS.

    A file that is not there has an empty row. The exit status is 1 when a file is damaged.
    """
    from siglum.cli.value_report import finish, keys_of, say_table, shown_from
    from siglum.pipeline.results.history import History, states
    from siglum.pipeline.results.metrics import metrics_at
    from siglum.pipeline.results.values import flat, show_rows
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    shown, keys = shown_from(repo), keys_of(repo, targets)
    with History(repo) as history:
        listed = states(repo, branches=all_branches, tags=all_tags, commits=all_commits)
        found = [metrics_at(repo, history, state, keys) for state in listed]
    found = _without_repeated_workspace(found, repo.git.branch() if repo.git is not None else None)
    repo.index.save()
    console.result({each.name: _value(each, shown) for each in found})
    header, rows = show_rows(
        ((each.name, {path: flat(values.values) for path, values in each.files.items()}) for each in found),
        precision,
        shown,
    )
    say_table(console, header, rows, markdown=markdown)
    finish(console, found, named=bool(targets), missing=True)


@metrics.command("diff", cls=ManyValuesCommand)
@click.argument("a_rev", required=False)
@click.argument("b_rev", required=False)
@click.option("--targets", multiple=True, metavar="PATH...", help="Compare these files only, declared or not.")
@_recursive
@click.option("--all", "everything", is_flag=True, help="Show what did not change, too.")
@click.option("--md", "markdown", is_flag=True, help="Print a Markdown table.")
@click.option("--no-path", is_flag=True, help="Leave out the column of files.")
@click.option("--precision", type=int, default=_PRECISION, show_default=True, metavar="N", help="Digits to show.")
def diff(
    console: Console,
    a_rev: str | None,
    b_rev: str | None,
    targets: tuple[str, ...],
    everything: bool,
    markdown: bool,
    no_path: bool,
    precision: int,
) -> None:
    """Compare the metrics of two Git revisions, or of one (HEAD, if none is named) with the workspace.

    A file that is damaged in one of them is left out, and the exit status is 1.
    """
    from siglum.cli.value_report import finish, keys_of, say_diff, shown_from, two_states
    from siglum.pipeline.results.history import History
    from siglum.pipeline.results.metrics import metrics_at
    from siglum.pipeline.results.value_files import StateValues, compare_states
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    keys = keys_of(repo, targets)
    with History(repo) as history:
        old, new = (
            StateValues("HEAD") if state is None else metrics_at(repo, history, state, keys)
            for state in two_states(repo, a_rev, b_rev)
        )
    repo.index.save()
    changes = compare_states(old, new, everything=everything)
    say_diff(
        console,
        ["Metric", a_rev or "HEAD", b_rev or "workspace", "Change"],
        changes,
        shown_from(repo),
        precision=precision,
        path=not no_path,
        markdown=markdown,
    )
    finish(console, [old, new], named=bool(targets))


def _without_repeated_workspace(found: list[StateValues], branch: str | None) -> list[StateValues]:
    """Leave the workspace out where it is as its branch, which is shown: as DVC does."""
    own = next((each for each in found[1:] if each.name == branch), None)
    if own is None or own.problem is not None or found[0].problem is not None:
        return found
    said = [{path: (each.values, str(each.problem)) for path, each in state.files.items()} for state in (own, found[0])]
    return found[1:] if said[0] == said[1] else found


def _value(state: StateValues, shown: Callable[[str], str]) -> dict[str, Any]:
    """Return a state in the shape of DVC's `metrics show --json`."""
    from siglum.pipeline.results.value_files import problem_value

    if state.problem is not None:
        return {"error": problem_value(state.problem)}
    return {"data": {shown(path): _file_value(each) for path, each in state.files.items()}}


def _file_value(found: FileValues) -> dict[str, Any]:
    from siglum.pipeline.results.value_files import problem_value

    if found.problem is not None:
        return {"error": problem_value(found.problem)}
    return {"data": found.values[""] if found.is_alone else found.values}
