"""From what was read to what is given out: plots with their templates, as DVC's JSON, as charts, as cards of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from siglum.core.errors import NotFoundError, SiglumError
from siglum.pipeline.results.plots.chart import Chart, kind_of_template
from siglum.pipeline.results.plots.charting import chart_of
from siglum.pipeline.results.plots.collect import Picture, Plot, Plots, Problem
from siglum.pipeline.results.plots.page import ChartCard, PictureCard
from siglum.pipeline.results.plots.templates import Template, find_template
from siglum.pipeline.results.plots.vega import check_template, fill, split
from siglum.workspace.repository import Repository

_MOST_ROWS_IN_PAGE = 20_000


class DrawnPlot(msgspec.Struct, frozen=True):
    """A plot and its template. No template: a picture, or nothing that could be drawn."""

    plot: Plot
    template: Template | None = None

    @property
    def spec(self) -> Any:
        """The plot as Vega-Lite. It has a template."""
        assert self.template is not None
        assert self.plot.data is not None
        return fill(self.template.content, self.plot.data)


class Drawing(msgspec.Struct, frozen=True):
    """All plots, and what could not be shown."""

    plots: tuple[DrawnPlot, ...]
    problems: tuple[Problem, ...]
    revisions: tuple[str, ...]


class Charts(msgspec.Struct, frozen=True):
    """What can be seen, in order: charts and pictures; and what cannot."""

    shown: tuple[tuple[DrawnPlot, Chart | None], ...]
    problems: tuple[Problem, ...]
    plots: tuple[DrawnPlot, ...]


def with_templates(repo: Repository, plots: Plots) -> Drawing:
    """Find the template of each plot. One that is not there or damaged is a problem of its plots."""
    problems = list(plots.problems)
    known: dict[str, Template | SiglumError] = {}
    drawn = []
    for plot in plots.plots:
        template: Template | None = None
        if plot.data is not None:
            if plot.template not in known:
                known[plot.template] = _template_or_error(repo, plot.template)
            found = known[plot.template]
            if isinstance(found, Template):
                template = found
            else:
                kind = "TemplateNotFoundError" if isinstance(found, NotFoundError) else "BadTemplateError"
                problems.append(Problem(plot.data.revisions[0], kind, found, plot.name))
        drawn.append(DrawnPlot(plot, template))
    return Drawing(tuple(drawn), tuple(problems), plots.revisions)


def as_json(drawing: Drawing, url_of: Callable[[Picture], str], *, in_parts: bool = False) -> dict[str, Any]:
    """Return all plots in the shape of DVC's `plots show --json`; `in_parts` as with its `--split`.

    `url_of` says where a picture can be found.
    """
    data: dict[str, list[dict[str, Any]]] = {}
    for each in drawing.plots:
        entries = data.setdefault(each.plot.name, [])
        entries += (
            {"type": "image", "revisions": [picture.revision], "url": url_of(picture)} for picture in each.plot.pictures
        )
        if each.template is None or each.plot.data is None:
            continue
        shown = {"type": "vega", "revisions": list(each.plot.data.revisions)}
        if in_parts:
            content, parts = split(each.template.content, each.plot.data)
            entries.append(shown | {"content": content, "anchor_definitions": parts})
        else:
            entries.append(shown | {"content": each.spec})
    errors = [_error(problem) for problem in drawing.problems]
    return {key: value for key, value in (("errors", errors), ("data", data)) if value}


def charts_of(drawing: Drawing) -> Charts:
    """Return what can be seen: charts first, then pictures, those of a folder in the order of their numbers."""
    shown: list[tuple[DrawnPlot, Chart | None]] = []
    pictures: list[DrawnPlot] = []
    problems = list(drawing.problems)
    for each in drawing.plots:
        if each.plot.pictures:
            pictures.append(each)
        elif each.template is not None and each.plot.data is not None:
            kind = kind_of_template(each.template.name, each.template.content, built_in=each.template.built_in)
            try:
                shown.append((each, chart_of(each.plot.data, kind)))
            except SiglumError as error:
                problems.append(Problem(each.plot.data.revisions[0], type(error).__name__, error, each.plot.name))
    shown += ((each, None) for each in sorted(pictures, key=_by_number))
    return Charts(tuple(shown), tuple(problems), drawing.plots)


def cards_of(charts: Charts) -> list[ChartCard | PictureCard]:
    """Return the cards of a page. The Vega-Lite of a chart comes along where that is not too much for a browser."""
    cards: list[ChartCard | PictureCard] = []
    for each, chart in charts.shown:
        if chart is None:
            files = tuple((picture.revision, picture.path, picture.data) for picture in each.plot.pictures)
            cards.append(PictureCard(each.plot.name, files))
        else:
            assert each.plot.data is not None
            rows = sum(len(line.table) for line in each.plot.data.lines)
            cards.append(ChartCard(each.plot.name, chart, each.spec if rows <= _MOST_ROWS_IN_PAGE else None))
    return cards


def worth_telling(problems: Iterable[Problem], plots: Sequence[DrawnPlot]) -> list[Problem]:
    """Return the problems; of files that are not there only those that no revision has, each once."""
    somewhere = {each.plot.name for each in plots if each.plot.pictures or each.plot.data is not None}
    told: dict[object, Problem] = {}
    for i, each in enumerate(problems):
        if not each.is_absence or each.name not in somewhere:
            told.setdefault((each.name, each.file) if each.is_absence else i, each)
    return list(told.values())


def _by_number(each: DrawnPlot) -> tuple[str, int, str]:
    folder, _, file = each.plot.name.rpartition("/")
    stem = file.rpartition(".")[0]
    return folder, int(stem) if stem.isdecimal() else -1, file


def _template_or_error(repo: Repository, name: str) -> Template | SiglumError:
    try:
        found = find_template(repo, name)
        check_template(found.content, name)
    except SiglumError as error:
        return error
    return found


def _error(problem: Problem) -> Mapping[str, Any]:
    value = {"name": problem.name, "rev": problem.revision, "source": problem.file, "type": problem.kind}
    return {key: each for key, each in value.items() if each is not None} | {"msg": problem.error.message}
