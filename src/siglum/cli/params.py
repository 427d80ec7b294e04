"""`siglum params`: parameters of two states, compared."""

from __future__ import annotations

import click

from siglum.cli.command import group
from siglum.cli.console import Console
from siglum.cli.many_values import ManyValuesCommand


@group("params")
def params() -> None:
    """Compare parameters."""


@params.command("diff", cls=ManyValuesCommand)
@click.argument("a_rev", required=False)
@click.argument("b_rev", required=False)
@click.option("--targets", multiple=True, metavar="PATH...", help="Compare these files only, whole, declared or not.")
@click.option("--all", "everything", is_flag=True, help="Show what did not change, too.")
@click.option("--deps", is_flag=True, help="Show only what stages and templates use.")
@click.option("--md", "--show-md", "markdown", is_flag=True, help="Print a Markdown table.")
@click.option("--no-path", is_flag=True, help="Leave out the column of files.")
def diff(
    console: Console,
    a_rev: str | None,
    b_rev: str | None,
    targets: tuple[str, ...],
    everything: bool,
    deps: bool,
    markdown: bool,
    no_path: bool,
) -> None:
    """Compare the parameters of two Git revisions, or of one (HEAD, if none is named) with the workspace.

    Those are all that stages and templates use, the whole params.yaml of the root, and files that a dvc.yaml lists.
    """
    from siglum.cli.value_report import finish, keys_of, say_diff, shown_from, two_states
    from siglum.pipeline.results.history import History
    from siglum.pipeline.results.params import params_at
    from siglum.pipeline.results.value_files import StateValues, compare_states
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    keys = keys_of(repo, targets)
    with History(repo) as history:
        old, new = (
            StateValues("HEAD") if state is None else params_at(repo, history, state, keys, deps=deps)
            for state in two_states(repo, a_rev, b_rev)
        )
    repo.index.save()
    changes = compare_states(old, new, everything=everything)
    header = ["Param", a_rev or "HEAD", b_rev or "workspace"]
    say_diff(console, header, changes, shown_from(repo), precision=None, path=not no_path, markdown=markdown)
    finish(console, [old, new], named=bool(targets))
