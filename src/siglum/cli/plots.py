"""`siglum plots`: curves, matrices and pictures that stages made, as a page, in the terminal and as Vega-Lite."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import F, group
from siglum.cli.console import Console
from siglum.cli.many_values import ManyValuesCommand

if TYPE_CHECKING:
    from siglum.workspace.repository import Repository


@group("plots")
def plots() -> None:
    """Show plots, compare them, and say how they look."""


def _gathered(name: str, *options: Callable[[F], F]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add options whose values a command gets as one mapping, its argument `name`."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def gather(*arguments: Any, **values: Any) -> Any:
            return function(*arguments, **{name: {each: values.pop(each) for each in names}}, **values)

        for option in reversed(options):
            option(gather)
        added: list[click.Parameter] = gather.__click_params__[-len(options) :]  # type: ignore[attr-defined]
        names = [each.name for each in added]
        return gather

    return add


_look = _gathered(
    "look",
    click.option("-t", "--template", metavar="NAME", help="Draw it so: a name of 'plots templates', or a JSON file."),
    click.option("-x", "x", metavar="FIELD", help="The field for the x axis. Default: rows are counted."),
    click.option("-y", "y", metavar="FIELD", help="The field for the y axis. Default: the last one."),
    click.option("--no-header", is_flag=True, help="The first line of a CSV or TSV file is data: fields are 0, 1, …"),
    click.option("--title", metavar="TEXT", help="What stands above it."),
    click.option("--x-label", metavar="TEXT", help="What the x axis is called."),
    click.option("--y-label", metavar="TEXT", help="What the y axis is called."),
)
_output = _gathered(
    "output",
    click.option("-o", "--out", metavar="PATH", help="The folder for the page. Default: plots.out_dir, or dvc_plots."),
    click.option("--text", is_flag=True, help="Draw here, in the terminal, and write no page."),
    click.option("--show-vega", is_flag=True, help="Print one plot as Vega-Lite, and write no page."),
    click.option("--split", is_flag=True, help="With --json, give data and labels apart from templates."),
    click.option("--open", "open_it", is_flag=True, help="Open the page in a browser."),
    click.option("--html-template", metavar="FILE", help="A page of your own, with {plot_divs} in it."),
)


@plots.command("show")
@click.argument("targets", nargs=-1)
@_look
@_output
def show(
    console: Console,
    targets: tuple[str, ...],
    look: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Show the plots of the workspace: all that are declared, or those that TARGETS name.

    A target is the name of a plot in dvc.yaml, or a file or folder, declared or not; files can be shown outside a
    repository, too. They are written into one HTML page that needs no network. The exit status is 1 when a file is
    damaged.
    """
    from siglum.cli.plots_report import Wish, report
    from siglum.pipeline.results.history import WORKSPACE
    from siglum.pipeline.results.plots.definitions import Overrides

    wish = Wish(targets, **output)
    wish.check(as_json=console.json)
    report(console, _repository_for(wish.targets), [WORKSPACE], wish, Overrides(**look))


@plots.command("diff", cls=ManyValuesCommand)
@click.argument("revisions", nargs=-1)
@click.option("--targets", multiple=True, metavar="NAME...", help="Show these plots only: names, files or folders.")
@_look
@_output
def diff(
    console: Console,
    revisions: tuple[str, ...],
    targets: tuple[str, ...],
    look: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Show the plots of several Git REVISIONS in one picture each.

    One revision is compared with the workspace; without any it is HEAD, as long as tracked files differ from it.
    """
    from siglum.cli.plots_report import Wish, report
    from siglum.pipeline.results.plots.collect import diff_revisions
    from siglum.pipeline.results.plots.definitions import Overrides
    from siglum.workspace.repository import Repository

    wish = Wish(targets, **output)
    wish.check(as_json=console.json)
    repo = Repository.open()
    report(console, repo, diff_revisions(repo, revisions), wish, Overrides(**look))


@plots.command("modify", cls=ManyValuesCommand)
@click.argument("target")
@_look
@click.option("--unset", multiple=True, metavar="PROPERTY...", help="Forget these: x, y, template, x_label, header, …")
def modify(
    console: Console,
    target: str,
    look: dict[str, Any],
    unset: tuple[str, ...],
) -> None:
    """Change in dvc.yaml how TARGET, an output of a stage, is plotted. One that is no plot becomes one.

    Comments and the rest of the file stay.
    """
    from siglum.cli.value_report import keys_of
    from siglum.pipeline.results.plots.modify import modify_plot
    from siglum.pipeline.results.plots.templates import find_template
    from siglum.workspace.repository import Repository

    in_order = ("template", "x", "y", "x_label", "y_label", "title")
    settings: dict[str, Any] = {name: look[name] for name in in_order if look[name] is not None}
    if look["no_header"]:
        settings["header"] = False
    repo = Repository.open()
    if "template" in settings:
        find_template(repo, settings["template"])
    [key] = keys_of(repo, [target])
    with repo.lock():
        done = modify_plot(repo, key, settings, [name.replace("-", "_") for name in unset])
    how = ", ".join(f"{name}: {_shown(value)}" for name, value in done.settings.items()) or "nothing is said of it"
    console.say(f"{repo.shown(done.path)} ({how}): {'changed in' if done.changed else 'it is so in'} {done.file}")
    console.result({"path": repo.shown(done.path), "file": repo.shown(done.file), "plot": done.settings})


@plots.command("templates")
@click.argument("name", required=False)
def templates(console: Console, name: str | None) -> None:
    """List the templates for plots, or print NAME as Vega-Lite, to be changed and put into .dvc/plots."""
    from siglum.core.errors import NotFoundError
    from siglum.pipeline.results.plots.templates import find_template, template_names
    from siglum.workspace.repository import Repository

    try:
        repo = Repository.open()
    except NotFoundError:  # outside a repository there are those that come with Siglum
        repo = None
    if name is None:
        names = template_names(repo)
        console.result(names)
        for each in names:
            console.say(each)
        return
    content = find_template(repo, name).content
    console.result(content)
    console.say(json.dumps(content, indent=2))


def _repository_for(targets: tuple[str, ...]) -> Repository:
    """Return the repository here; where there is none, one in which nothing is declared and every file is, by its path.

    Raises NotFoundError where there is none and no file is named.
    """
    from siglum.core.errors import NotFoundError
    from siglum.workspace.repository import Repository

    try:
        return Repository.open()
    except NotFoundError:
        if not targets:
            raise
        return Repository("/")


def _shown(value: Any) -> str:
    return "false" if value is False else str(value)
