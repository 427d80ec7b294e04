"""Reading what is to be plotted: definitions, data files and pictures, of the workspace and of revisions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import msgspec

from siglum.core.errors import FileFormatError, InvalidInputError, NotFoundError, SiglumError
from siglum.core.text import did_you_mean
from siglum.pipeline.graph.load import load_pipeline
from siglum.pipeline.results.history import WORKSPACE, state_named
from siglum.pipeline.results.plots.built_in import DEFAULT_TEMPLATE
from siglum.pipeline.results.plots.choice import Target, choose
from siglum.pipeline.results.plots.definitions import (
    Overrides,
    PlotDefinition,
    definitions_of,
    is_image,
    merged,
    overridden,
    shown_names,
)
from siglum.pipeline.results.plots.fields import Line, PlotData, lines_of, plot_data, x_files
from siglum.pipeline.results.plots.source import PlotFiles
from siglum.pipeline.results.plots.table import Table
from siglum.pipeline.results.value_files import problem_value
from siglum.workspace.repository import Repository


class Picture(msgspec.Struct, frozen=True):
    """A picture file as it was at a revision. `path` is what people see."""

    path: str
    revision: str
    data: bytes


class Plot(msgspec.Struct, frozen=True):
    """One plot, or one picture at all revisions that have it; neither where none of them has."""

    name: str
    data: PlotData | None = None
    template: str = DEFAULT_TEMPLATE
    pictures: tuple[Picture, ...] = ()


class Problem(msgspec.Struct, frozen=True):
    """What could not be shown, and why: of a plot, or of a whole revision. `kind` is what DVC calls it."""

    revision: str
    kind: str
    error: SiglumError
    name: str | None = None
    file: str | None = None
    """The file at fault as people see it, if it is one."""
    is_absence: bool = False
    """Whether the file is simply not there, as in revisions from before it was made."""


class Plots(msgspec.Struct, frozen=True):
    """All that was asked for."""

    plots: tuple[Plot, ...]
    problems: tuple[Problem, ...]
    revisions: tuple[str, ...]


class _AtRevision(msgspec.Struct, frozen=True):
    """A plot as one revision declares it, and that revision's files."""

    revision: str
    definition: PlotDefinition
    files: PlotFiles


def collect_plots(
    repo: Repository,
    revisions: Sequence[str],
    targets: Sequence[Target] = (),
    overrides: Overrides | None = None,
    shown: Callable[[str], str] = str,
) -> Plots:
    """Read the plots of several revisions ("workspace" among them) so that each plot shows all of them.

    How a plot looks is what the first revision says, where it says anything. What cannot be read is among the
    problems; the rest is there nevertheless. `shown` makes a path from the root what people see.

    Raises:
        NotFoundError: A target is at no revision.
        FileFormatError: The workspace's `dvc.yaml` cannot be read; other revisions' are problems.
    """
    reading = _Reading(shown)
    declared: dict[tuple[str, int], list[_AtRevision]] = {}
    known: dict[str, None] = {}
    found: set[str] = set()
    for revision in revisions:
        files = PlotFiles(repo, None if revision == WORKSPACE else revision)
        declared_here = _declared(repo, revision, reading.problems)
        known |= dict.fromkeys(each.name if each.is_composed else shown(each.name) for each in declared_here)
        choice = choose(declared_here, files.files_of, targets, shown)
        found |= choice.found
        names = shown_names(choice.plots, shown)
        counts: dict[str, int] = {}
        for name, definition in zip(names, choice.plots, strict=True):
            counts[name] = counts.get(name, -1) + 1
            wanted = overridden(definition, overrides or Overrides())
            declared.setdefault((name, counts[name]), []).append(_AtRevision(revision, wanted, files))
    for target in targets:
        if target.text not in found and not reading.problems:
            hint = did_you_mean(target.text, known)
            raise NotFoundError(f"There is no plot and no file {target.text!r}.", hint=hint or "See: siglum plots show")
    plots = [reading.plot(name, states) for (name, _), states in declared.items()]
    return Plots(tuple(plots), tuple(reading.problems), tuple(revisions))


def diff_revisions(repo: Repository, revisions: Sequence[str]) -> list[str]:
    """Return what `plots diff` compares: the workspace with one revision, else the revisions, the workspace first.

    Without any it is the workspace with HEAD, as long as a file that Git tracks differs from that; before the first
    commit there is nothing.

    Raises NotFoundError for a revision that is not there, and without Git.
    """
    if repo.git is None:
        raise NotFoundError(f"{repo.root} is not in a Git repository that could hold revisions.")
    wanted = list(dict.fromkeys(revisions))
    for revision in wanted:
        if revision != WORKSPACE:
            state_named(repo, revision)
    if repo.git.head_commit() is None:
        return []
    if not wanted:
        return [WORKSPACE, "HEAD"] if repo.git.changes(untracked=False)[0] else [WORKSPACE]
    if len(wanted) == 1 or WORKSPACE in wanted:
        return [WORKSPACE, *(revision for revision in wanted if revision != WORKSPACE)]
    return wanted


def _declared(repo: Repository, revision: str, problems: list[Problem]) -> list[PlotDefinition]:
    """Return the plots that one revision declares. A pipeline that cannot be read is a new problem."""
    if not os.path.isdir(repo.dvc_dir):
        return []  # files are shown outside a repository, too; nothing there is to be kept in its `.dvc`
    try:
        return definitions_of(load_pipeline(repo, None if revision == WORKSPACE else revision))
    except FileFormatError as error:
        if revision == WORKSPACE:
            raise
        problems.append(Problem(revision, problem_value(error)["type"], error))
        return []


class _Reading:
    """Reads plots, and keeps what went wrong."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown
        self.problems: list[Problem] = []

    def plot(self, name: str, states: Sequence[_AtRevision]) -> Plot:
        """Return a plot with what all of its revisions have."""
        definition = merged([state.definition for state in states])
        if not definition.is_composed and is_image(definition.name):
            pictures = (self._picture(name, definition.name, state) for state in states)
            return Plot(name, pictures=tuple(each for each in pictures if each is not None))
        lines = [line for state in states for line in self._lines(name, definition, state)]
        if not lines:
            return Plot(name)
        data = plot_data(name, definition, lines, self._shown)
        return Plot(name, data, definition.look.template or DEFAULT_TEMPLATE)

    def _picture(self, name: str, path: str, state: _AtRevision) -> Picture | None:
        try:
            if state.files.files_of(path) is None:
                self._absent(name, path, state.revision)
                return None
            return Picture(self._shown(path), state.revision, state.files.read(path))
        except SiglumError as error:
            self._failed(name, state.revision, error, path)
            return None

    def _lines(self, name: str, definition: PlotDefinition, state: _AtRevision) -> list[Line]:
        tables: dict[str, Table] = {}
        own = {*state.definition.files, *x_files(state.definition)}
        for path in (*definition.files, *x_files(definition)):
            try:
                if state.files.files_of(path) is not None:
                    tables[path] = state.files.table(path, header=definition.look.header)
                elif path in own:
                    self._absent(name, path, state.revision)
            except SiglumError as error:
                self._failed(name, state.revision, error, path)
        try:
            return lines_of(definition, state.revision, tables)
        except SiglumError as error:
            self._failed(name, state.revision, error)
            return []

    def _absent(self, name: str, path: str, revision: str) -> None:
        error = NotFoundError(
            f"There is no file {self._shown(path)}{'' if revision == WORKSPACE else f' at {revision}'}.",
            hint="Run 'siglum repro' to make it." if revision == WORKSPACE else None,
        )
        self.problems.append(Problem(revision, "FileNotFoundError", error, name, self._shown(path), is_absence=True))

    def _failed(self, name: str, revision: str, error: SiglumError, path: str | None = None) -> None:
        file = None if path is None else self._shown(path)
        self.problems.append(Problem(revision, _kind(error), error, name, file))


_KINDS = {"cannot be plotted": "PlotMetricTypeError", "there is no field": "FieldNotFoundError"}


def _kind(error: SiglumError) -> str:
    """Return what DVC calls a problem."""
    if isinstance(error, FileFormatError):
        kind = next((kind for start, kind in _KINDS.items() if error.problem.startswith(start)), None)
        if kind is not None:
            return kind
        if error.path.endswith((".csv", ".tsv")) and error.problem != "not UTF-8":
            return "PlotDataStructureError"
    elif isinstance(error, InvalidInputError):
        return "DvcException"
    return problem_value(error)["type"]
