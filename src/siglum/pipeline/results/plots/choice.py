"""Which plots are meant: those that targets name, folders taken apart into their files.

`FolderOf` stands for what is there at a revision: the files that a path stands for, itself or those in a folder, None
when nothing is there. Otherwise pure.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence

import msgspec

from siglum.pipeline.results.plots.definitions import PlotDefinition, file_definition

FolderOf = Callable[[str], list[str] | None]


class Target(msgspec.Struct, frozen=True):
    """What a command line names: as it was written, and as a path from the root."""

    text: str
    key: str


class Choice(msgspec.Struct, frozen=True):
    """Plots of single files, or composed ones, and the targets that named any."""

    plots: tuple[PlotDefinition, ...]
    found: frozenset[str]


def choose(
    declared: Sequence[PlotDefinition],
    files: FolderOf,
    targets: Sequence[Target],
    shown: Callable[[str], str] = str,
) -> Choice:
    """Return the plots that targets name, all that are declared without any.

    A target is a plot's name, a file or a folder, declared or not; else a pattern (as DVC's) for the start of names.
    `shown` makes a path from the root what people see.
    """
    singles = _apart(declared, files)
    if not targets:
        return Choice(tuple(singles), frozenset())
    wanted: dict[int, None] = {}
    added: list[PlotDefinition] = []
    found = set()
    for target in targets:
        mine = [i for i, each in enumerate(singles) if _is_named(each, target, shown)]
        others = [] if mine else _undeclared(target, files)
        if not (mine or others):
            mine = _like(singles, target, shown)
        wanted |= dict.fromkeys(mine)
        added += others
        if mine or others:
            found.add(target.text)
    return Choice((*(singles[i] for i in sorted(wanted)), *added), frozenset(found))


def _apart(declared: Sequence[PlotDefinition], files: FolderOf) -> list[PlotDefinition]:
    """Return plots with one for each file of a folder. Of several folders of one dvc.yaml, the nearest one counts."""
    paths: dict[str, set[str]] = {}
    for each in declared:
        if not each.is_composed:
            paths.setdefault(each.origin, set()).add(each.name)
    singles = []
    for each in declared:
        inside = None if each.is_composed else files(each.name)
        if inside is None or inside == [each.name]:
            singles.append(each)
        else:
            near = paths[each.origin]
            singles += [_of_file(each, path) for path in inside if _holder(path, near) == each.name]
    return singles


def _of_file(folder: PlotDefinition, path: str) -> PlotDefinition:
    [fields] = folder.files.values()
    x = {"" if file in ("", folder.name) else file: field for file, field in folder.x.items()}
    return msgspec.structs.replace(folder, name=path, files={path: fields}, x=x)


def _holder(path: str, folders: set[str]) -> str | None:
    while path and path not in folders:
        path = posixpath.dirname(path)
    return path or None


def _is_named(plot: PlotDefinition, target: Target, shown: Callable[[str], str]) -> bool:
    if target.text in _names(plot, shown):
        return True
    if plot.is_composed:
        return False
    return not target.key or plot.name == target.key or plot.name.startswith(f"{target.key}/")


def _undeclared(target: Target, files: FolderOf) -> list[PlotDefinition]:
    return [file_definition(path) for path in files(target.key) or ()]


def _like(plots: Sequence[PlotDefinition], target: Target, shown: Callable[[str], str]) -> list[int]:
    try:
        pattern = re.compile(target.text)
    except re.error:
        return []
    return [i for i, each in enumerate(plots) if any(map(pattern.match, _names(each, shown)))]


def _names(plot: PlotDefinition, shown: Callable[[str], str]) -> tuple[str, str]:
    """Return the name of a plot, and that with the file that declares it."""
    name = plot.name if plot.is_composed else shown(plot.name)
    return name, f"{shown(plot.origin)}::{name}" if plot.origin else name
