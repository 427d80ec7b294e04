"""What a pipeline says is to be plotted, as values: ids, files, fields and labels. No file is read here.

A plot is declared in two places: as an output of a stage (`stages.*.plots`), or beside the stages (top-level `plots`),
where one plot may take its lines from several files. Paths are posix and from the repository's root.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from siglum.core.errors import FileFormatError
from siglum.pipeline.definition.paths import is_outside, join
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.graph.load import Pipeline
from siglum.workspace.document import kind_of

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".bmp")


class Look(msgspec.Struct, frozen=True):
    """What decides how rows are shown; None is for "not said"."""

    title: str | None = None
    x_label: str | None = None
    y_label: str | None = None
    template: str | None = None
    header: bool = True


class PlotDefinition(msgspec.Struct, frozen=True):
    """One plot. `origin` is the `dvc.yaml` whose top level declares it, "" for a stage's or a file that was named.

    `files` maps each file or folder to the fields that are its y; none means the last one. `x` maps files to their x
    field; the key "" is for all files. Without x, rows are counted.
    """

    name: str
    origin: str
    files: dict[str, tuple[str, ...]]
    x: dict[str, str] = {}
    look: Look = Look()
    is_composed: bool = False
    """Whether it brings files together by name (`y: {file: field}`), so that folders and pictures have no meaning."""


class Overrides(msgspec.Struct, frozen=True):
    """What a command line says of all plots; it goes before what the definitions say."""

    x: str | None = None
    y: str | None = None
    title: str | None = None
    x_label: str | None = None
    y_label: str | None = None
    template: str | None = None
    no_header: bool = False


def definitions_of(pipeline: Pipeline) -> list[PlotDefinition]:
    """Return all plots of a pipeline: those beside the stages, file by file, then those of stages.

    Raises FileFormatError for a definition that cannot be.
    """
    found = []
    for file, top in pipeline.tops.items():
        for entry in top.plots:
            named = {entry: None} if isinstance(entry, str) else entry
            found += [_top_definition(file, name, settings or {}) for name, settings in named.items()]
    for stage in pipeline.stages.values():
        for out in stage.outs:
            if out.kind is OutputKind.PLOTS and not is_outside(out.key):
                found += [_stage_definition(out.key, settings) for settings in out.plot or ({},)]
    return found


def file_definition(path: str) -> PlotDefinition:
    """Return the plot of a file that nothing declares."""
    return PlotDefinition(path, "", {path: ()})


def overridden(definition: PlotDefinition, overrides: Overrides) -> PlotDefinition:
    """Return a definition with what a command line says."""
    look = definition.look
    return msgspec.structs.replace(
        definition,
        files=definition.files if overrides.y is None else dict.fromkeys(definition.files, (overrides.y,)),
        x=definition.x if overrides.x is None else {"": overrides.x},
        look=Look(
            title=_first(overrides.title, look.title),
            x_label=_first(overrides.x_label, look.x_label),
            y_label=_first(overrides.y_label, look.y_label),
            template=_first(overrides.template, look.template),
            header=look.header and not overrides.no_header,
        ),
    )


def merged(definitions: Sequence[PlotDefinition]) -> PlotDefinition:
    """Return what one plot is at all revisions: what the first says, and what only later ones say."""
    made = definitions[0]
    for each in definitions[1:]:
        if each.is_composed is not made.is_composed:
            continue
        look = made.look
        made = msgspec.structs.replace(
            made,
            files=made.files if any(made.files.values()) else each.files,
            x=made.x or each.x,
            look=Look(
                title=_first(look.title, each.look.title),
                x_label=_first(look.x_label, each.look.x_label),
                y_label=_first(look.y_label, each.look.y_label),
                template=_first(look.template, each.look.template),
                header=look.header and each.look.header,
            ),
        )
    return made


def shown_names(definitions: Iterable[PlotDefinition], shown: Callable[[str], str]) -> list[str]:
    """Return what each definition is called: its name, with the file that declares it where two use one name.

    `shown` makes a path from the root what people see.
    """
    listed = [(each, each.name if each.is_composed else shown(each.name)) for each in definitions]
    origins: dict[str, set[str]] = {}
    for definition, name in listed:
        origins.setdefault(name, set()).add(definition.origin)
    return [
        f"{shown(each.origin)}::{name}" if each.origin and len(origins[name]) > 1 else name for each, name in listed
    ]


def _first(*texts: str | None) -> str | None:
    return next((text for text in texts if text is not None), None)


def is_image(path: str) -> bool:
    """Return whether a file is a picture, by its name."""
    return path.lower().endswith(IMAGE_SUFFIXES)


def _top_definition(file: str, name: str, settings: Mapping[str, Any]) -> PlotDefinition:
    folder = posixpath.dirname(file)
    if not isinstance(name, str):
        raise FileFormatError(file, f"plots: the name {name!r} is not text", hint="Put it in quotes.")
    look = Look(
        title=_text(file, name, settings, "title"),
        x_label=_text(file, name, settings, "x_label"),
        y_label=_text(file, name, settings, "y_label"),
        template=_text(file, name, settings, "template"),
    )
    y, x = settings.get("y"), settings.get("x")
    if not isinstance(y, Mapping):
        path = join(folder, name)
        return PlotDefinition(path, file, {path: _fields(file, name, y)}, _x_fields(file, name, folder, x), look)
    files: dict[str, tuple[str, ...]] = {}
    for path, fields in y.items():
        if not isinstance(path, str):
            raise FileFormatError(file, f"plots: {name}: y: the path {path!r} is not text", hint="Put it in quotes.")
        key = join(folder, path)
        files[key] = files.get(key, ()) + _fields(file, name, fields)
    if not files:
        raise FileFormatError(file, f"plots: {name}: y names no file", hint="Write 'y: {file: field}'.")
    return PlotDefinition(name, file, files, _x_fields(file, name, folder, x), look, is_composed=True)


def _stage_definition(path: str, settings: Mapping[str, Any]) -> PlotDefinition:
    look = msgspec.convert({key: settings[key] for key in Look.__struct_fields__ if key in settings}, Look)
    y, x = settings.get("y"), settings.get("x")
    return PlotDefinition(path, "", {path: (y,) if y else ()}, {"": x} if x else {}, look)


def _text(file: str, name: str, settings: Mapping[str, Any], key: str) -> str | None:
    value = settings.get(key)
    if value is not None and not isinstance(value, str):
        raise FileFormatError(file, f"plots: {name}: {key}: expected text, not {kind_of(value)}")
    return value


def _fields(file: str, name: str, value: Any) -> tuple[str, ...]:
    listed: Sequence[Any] = [] if value is None else value if isinstance(value, list) else [value]
    for each in listed:
        if not isinstance(each, str):
            raise FileFormatError(
                file, f"plots: {name}: y: expected a field's name, not {kind_of(each)}", hint="Put it in quotes."
            )
    return tuple(listed)


def _x_fields(file: str, name: str, folder: str, value: Any) -> dict[str, str]:
    if value is None:
        return {}
    by_file = value if isinstance(value, Mapping) else {"": value}
    for path, field in by_file.items():
        if not isinstance(path, str) or not isinstance(field, str):
            raise FileFormatError(file, f"plots: {name}: x: expected a field, or {{file: field}} with one field each")
    return {path and join(folder, path): field for path, field in by_file.items()}
