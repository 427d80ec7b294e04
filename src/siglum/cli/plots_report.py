"""How plots are given out: a page, lines in the terminal, DVC's JSON, or one plot as Vega-Lite."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from siglum.cli.chart_lines import chart_width, say_chart
from siglum.cli.console import finite
from siglum.cli.value_report import shown_from
from siglum.core.errors import InvalidInputError, UsageError
from siglum.core.text import size
from siglum.pipeline.results.history import WORKSPACE
from siglum.pipeline.results.plots.choice import Target
from siglum.pipeline.results.plots.collect import Picture, Problem, collect_plots
from siglum.pipeline.results.plots.drawing import (
    Charts,
    Drawing,
    DrawnPlot,
    as_json,
    cards_of,
    charts_of,
    with_templates,
    worth_telling,
)
from siglum.pipeline.results.plots.page import filled_template, page
from siglum.pipeline.results.plots.templates import find_template
from siglum.pipeline.results.plots.terminal_words import cut
from siglum.workspace.documents import decoded, read_bytes, write_atomic
from siglum.workspace.repository import DVC_DIR, Repository

if TYPE_CHECKING:
    from siglum.cli.console import Console
    from siglum.pipeline.results.plots.definitions import Overrides

_DEFAULT_FOLDER = "dvc_plots"


class Wish(msgspec.Struct, frozen=True):
    """What a command line asks for."""

    targets: tuple[str, ...]
    out: str | None
    text: bool
    show_vega: bool
    split: bool
    open_it: bool
    html_template: str | None

    def check(self, *, as_json: bool) -> None:
        """Raise UsageError for what does not go together."""
        ways = [
            name
            for name, given in (("--json", as_json), ("--text", self.text), ("--show-vega", self.show_vega))
            if given
        ]
        if len(ways) > 1:
            raise UsageError(f"{ways[0]} and {ways[1]} exclude each other.")
        if self.split and not as_json:
            raise UsageError("--split says something together with --json only.")
        page_options = (("--open", self.open_it), ("--html-template", self.html_template is not None))
        for name, given in page_options if ways else ():
            if given:
                raise UsageError(f"{name} is about the page, which {ways[0]} does not write.")
        if self.out is not None and (self.text or self.show_vega):
            raise UsageError(f"--out is about the page, which {ways[0]} does not write.")
        if self.show_vega and len(self.targets) != 1:
            raise UsageError("--show-vega prints one plot.", hint="Name one.")


def report(console: Console, repo: Repository, revisions: Sequence[str], wish: Wish, overrides: Overrides) -> None:
    """Read plots and give them out.

    What could not be shown is told on standard error; for more than files that are not there the command ends with 1.
    Where targets are named and nothing of them can be shown, the first problem is raised.
    """
    if overrides.template is not None:
        find_template(repo, overrides.template)  # a typing error is one error, not one for each plot
    targets = [
        Target(text, repo.key_of(os.path.abspath(text)) if _is_inside(repo, text) else text) for text in wish.targets
    ]
    drawing = with_templates(repo, collect_plots(repo, revisions, targets, overrides, shown_from(repo)))
    repo.index.save()
    problems = drawing.problems
    if console.json:
        folder = os.path.abspath(_folder(repo, wish))
        console.result(as_json(drawing, lambda picture: _written(picture, folder), in_parts=wish.split))
    elif wish.show_vega:
        _say_vega(console, drawing)
    else:
        charts = charts_of(drawing)
        problems = charts.problems
        if targets and problems and not charts.shown:
            raise problems[0].error
        if wish.text:
            _say_charts(console, charts)
        elif charts.shown:
            _write_page(console, repo, wish, charts, drawing.revisions)
        if not charts.shown and not problems:
            console.say("There are no plots here.")
    _finish(console, problems, drawing.plots)


def _is_inside(repo: Repository, text: str) -> bool:
    """Whether a target may be a path of the repository: a name may look like one that leads out."""
    return not os.path.relpath(os.path.abspath(text), repo.root).startswith("..")


def _say_vega(console: Console, drawing: Drawing) -> None:
    for each in drawing.plots:
        if each.template is not None:
            console.say(msgspec.json.encode(finite(each.spec)).decode())
            return
    if drawing.problems:
        raise drawing.problems[0].error
    raise InvalidInputError("There is no Vega-Lite of a picture.", hint="Name a plot of data.")


def _say_charts(console: Console, charts: Charts) -> None:
    width = chart_width()
    for i, (each, chart) in enumerate(charts.shown):
        if i:
            console.say()
        if chart is not None:
            say_chart(console, chart, width)
            continue
        for picture in each.plot.pictures:
            where = "" if picture.revision == WORKSPACE else f" at {picture.revision}"
            words = f"{each.plot.name}{where}: a picture of {size(len(picture.data))}, to be seen in the page"
            console.say(cut(words, 10 * width))  # whole, but for what a terminal would act on


def _write_page(console: Console, repo: Repository, wish: Wish, charts: Charts, revisions: Sequence[str]) -> None:
    told = list(_told(charts.problems, charts.plots))
    cards = cards_of(charts)
    own = _own_page(repo, wish)
    if own is None:
        made = page("Plots", ", ".join(revisions), cards, told)
    else:
        made = filled_template(decoded(read_bytes(own, own), own), own, cards)
    folder = _folder(repo, wish)
    _make(folder)
    path = Path(folder).resolve() / "index.html"
    write_atomic(str(path), made.encode("utf-8", "replace"))
    console.say(path.as_uri())
    if console.interactive:
        console.notice("Use --text to see them here.")
    if (wish.open_it or repo.config.is_true("plots.auto_open")) and not webbrowser.open(path.as_uri()):
        console.warn("No browser could be opened.")


def _folder(repo: Repository, wish: Wish) -> str:
    return wish.out or repo.config.get("plots.out_dir") or _DEFAULT_FOLDER


def _make(folder: str) -> None:
    """Make the folder of the page. Git does not see the one that nobody named: what is drawn is no source."""
    if os.path.isdir(folder):
        return
    os.makedirs(folder)
    if os.path.basename(folder) == _DEFAULT_FOLDER:
        write_atomic(os.path.join(folder, ".gitignore"), b"*\n")


def _own_page(repo: Repository, wish: Wish) -> str | None:
    """Return the path of the user's own page, if there is one: an option's, or a setting's relative to `.dvc`."""
    if wish.html_template is not None:
        return wish.html_template
    set_to = repo.config.get("plots.html_template")
    return None if set_to is None else os.path.join(repo.root, DVC_DIR, set_to)


def _written(picture: Picture, folder: str) -> str:
    """Write a picture into the folder of the page, under a name of its revision and path, and return where it is."""
    _make(folder)
    path = os.path.join(folder, f"{picture.revision}_{picture.path}".replace("/", "_"))
    write_atomic(path, picture.data)
    return path


def _finish(console: Console, problems: Sequence[Problem], plots: Sequence[DrawnPlot]) -> None:
    for line in _told(problems, plots):
        console.warn(line)
    if any(not problem.is_absence for problem in problems):
        raise click.exceptions.Exit(1)


def _told(problems: Sequence[Problem], plots: Sequence[DrawnPlot]) -> dict[str, None]:
    """Return each problem as a line, once."""
    lines: dict[str, None] = {}
    for each in worth_telling(problems, plots):
        where = "" if each.revision == WORKSPACE else f"{each.revision}: "
        lines[f"{where}{each.error}"] = None
    return lines
