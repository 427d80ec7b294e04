"""What `dvc.yaml` may hold, as values. Checks shape only: templates are still unresolved here.

A stage is checked twice by the same rules: as written (`check_pipeline`), and once more after its templates
are resolved (`decode_stage`), since `${…}` may have put a number where a path belongs.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from siglum.core.text import did_you_mean
from siglum.pipeline.definition.annotations import with_words
from siglum.workspace.document import Document, KeyPath, kind_of

OUTPUT_FLAGS = ("cache", "persist", "checkpoint", "remote", "push", "desc", "type", "labels", "meta")
PLOT_FLAGS = ("template", "x", "y", "x_label", "y_label", "title", "header")
STAGE_KEYS = (
    "cmd", "wdir", "deps", "params", "vars", "frozen", "meta", "desc", "always_changed", "outs", "metrics", "plots",
)  # fmt: skip
TOP_KEYS = ("vars", "stages", "params", "metrics", "plots", "artifacts", "datasets")


class OutputKind(StrEnum):
    """The section of a stage that an output stands in."""

    OUTS = "outs"
    METRICS = "metrics"
    PLOTS = "plots"


class OutputDeclaration(msgspec.Struct, frozen=True):
    """One output as declared: its path as written, and its flags."""

    path: str
    kind: OutputKind
    cache: bool = True
    persist: bool = False
    remote: str | None = None
    push: bool = True
    annotations: dict[str, Any] = {}
    plot: tuple[dict[str, Any], ...] = ()


class ParamsDeclaration(msgspec.Struct, frozen=True):
    """The keys of one parameters file that a stage depends on; no names means the whole file."""

    path: str
    names: tuple[str, ...]


class StageDeclaration(msgspec.Struct, frozen=True):
    """One stage with its templates resolved."""

    command: str | tuple[str, ...]
    wdir: str | None = None
    deps: tuple[str, ...] = ()
    params: tuple[ParamsDeclaration, ...] = ()
    outs: tuple[OutputDeclaration, ...] = ()
    frozen: bool = False
    always_changed: bool = False
    desc: str | None = None
    meta: Any = None


class PlainTemplate(msgspec.Struct, frozen=True):
    """A stage as written."""

    stage: dict[str, Any]


class ForeachTemplate(msgspec.Struct, frozen=True):
    """`foreach: … do: …`: one stage for each element."""

    over: dict[Any, Any] | list[Any] | str
    stage: dict[str, Any]


class MatrixTemplate(msgspec.Struct, frozen=True):
    """`matrix: {name: values}`: one stage for each combination."""

    axes: dict[str, str | list[Any]]
    stage: dict[str, Any]


StageTemplate: TypeAlias = PlainTemplate | ForeachTemplate | MatrixTemplate


class PipelineFile(msgspec.Struct, frozen=True):
    """A `dvc.yaml` whose shape is right; `${…}` is still in it."""

    document: Document
    vars: tuple[str | dict[str, Any], ...] = ()
    stages: dict[str, StageTemplate] = {}
    params: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple[Any, ...] = ()
    artifacts: dict[str, Any] = {}
    datasets: tuple[Any, ...] = ()


def check_pipeline(document: Document) -> PipelineFile:
    """Check the shape of a `dvc.yaml` and split it into its parts.

    Raises FileFormatError with line, column and key path.
    """
    data = document.data
    if data is None:
        return PipelineFile(document)
    top = _mapping(document, (), data, TOP_KEYS)
    for key in ("params", "metrics"):
        _texts(document, (key,), top.get(key))
    return PipelineFile(
        document,
        vars=_check_vars(document, ("vars",), top.get("vars")),
        stages={
            _name(document, name): _check_stage(document, ("stages", name), body)
            for name, body in _mapping(document, ("stages",), top.get("stages")).items()
        },
        params=tuple(top.get("params") or ()),
        metrics=tuple(top.get("metrics") or ()),
        plots=check_top_plots(document, top.get("plots")),
        artifacts=check_artifacts(document, top.get("artifacts")),
        datasets=_check_datasets(document, top.get("datasets")),
    )


def decode_stage(document: Document, keys: KeyPath, data: Mapping[str, Any]) -> StageDeclaration:
    """Turn a stage's resolved mapping into a value. `keys` says where its template stands."""
    data = with_words(data, map(str, OutputKind))
    _check_stage_body(document, keys, data)
    command = data["cmd"]
    return StageDeclaration(
        command=command if isinstance(command, str) else tuple(command),
        wdir=data.get("wdir"),
        deps=tuple(data.get("deps") or ()),
        params=_merge_params(data.get("params") or []),
        outs=tuple(out for kind in OutputKind for out in _decode_outputs(kind, data.get(kind) or [])),
        frozen=data.get("frozen", False),
        always_changed=data.get("always_changed", False),
        desc=data.get("desc"),
        meta=data.get("meta"),
    )


def _name(document: Document, name: object) -> str:
    if not isinstance(name, str):
        raise document.problem(("stages",), f"the stage name {name!r} is not text", hint="Put it in quotes.")
    return name


def _check_stage(document: Document, keys: KeyPath, body: Any) -> StageTemplate:
    stage = _mapping(document, keys, body)
    if "foreach" in stage or "do" in stage:
        _mapping(document, keys, stage, ("foreach", "do"))
        for key in ("foreach", "do"):
            if stage.get(key) is None:
                raise document.problem(keys, f"'foreach' and 'do' belong together, and {key!r} is missing")
        over = stage["foreach"]
        if not isinstance(over, dict | list | str):
            raise document.problem((*keys, "foreach"), f"expected a list, a mapping or ${{…}}, not {kind_of(over)}")
        do = _check_stage_body(document, (*keys, "do"), stage["do"])
        return ForeachTemplate(over, do)
    if "matrix" in stage:
        axes = _mapping(document, (*keys, "matrix"), stage["matrix"])
        if not axes:
            raise document.problem((*keys, "matrix"), "the matrix is empty")
        for axis, values in axes.items():
            if not isinstance(axis, str):
                raise document.problem((*keys, "matrix"), f"the name {axis!r} is not text", hint="Put it in quotes.")
            if not isinstance(values, str | list):
                where = (*keys, "matrix", axis)
                raise document.problem(where, f"expected a list or ${{…}}, not {kind_of(values)}")
        rest = {key: value for key, value in stage.items() if key != "matrix"}
        return MatrixTemplate(axes, _check_stage_body(document, keys, rest))
    return PlainTemplate(_check_stage_body(document, keys, stage))


def _check_stage_body(document: Document, keys: KeyPath, body: Any) -> dict[str, Any]:
    stage = _mapping(document, keys, body, STAGE_KEYS)
    if "cmd" not in stage:
        raise document.problem(keys, "the stage has no 'cmd'")
    _check_command(document, (*keys, "cmd"), stage["cmd"])
    for key, wanted in (("wdir", str), ("desc", str), ("frozen", bool), ("always_changed", bool)):
        if key in stage and not isinstance(stage[key], wanted):
            what = "text" if wanted is str else "true or false"
            raise document.problem((*keys, key), f"expected {what}, not {kind_of(stage[key])}")
    _texts(document, (*keys, "deps"), stage.get("deps"))
    _check_vars(document, (*keys, "vars"), stage.get("vars"))
    _check_params(document, (*keys, "params"), stage.get("params"))
    for kind in OutputKind:
        _check_outputs(document, (*keys, str(kind)), kind, stage.get(kind))
    return stage


def _check_command(document: Document, keys: KeyPath, command: Any) -> None:
    if isinstance(command, list):
        for i, part in enumerate(command):
            if not isinstance(part, str):
                raise document.problem((*keys, i), f"expected a command as text, not {kind_of(part)}", hint=_QUOTES)
    elif not isinstance(command, str):
        raise document.problem(keys, f"expected a command or a list of commands, not {kind_of(command)}", hint=_QUOTES)
    if not command or not any(part.strip() for part in ([command] if isinstance(command, str) else command)):
        raise document.problem(keys, "the command is empty")


_QUOTES = "Text that YAML takes for something else needs quotes."


def _check_params(document: Document, keys: KeyPath, params: Any) -> None:
    for i, entry in enumerate(_sequence(document, keys, params)):
        if isinstance(entry, dict):
            for path, names in entry.items():
                if not isinstance(path, str):
                    raise document.problem((*keys, i), f"the file name {path!r} is not text")
                _texts(document, (*keys, i, path), names)
        elif not isinstance(entry, str):
            raise document.problem((*keys, i), f"expected a key or {{file: [keys]}}, not {kind_of(entry)}")


def _check_outputs(document: Document, keys: KeyPath, kind: OutputKind, outs: Any) -> None:
    allowed = OUTPUT_FLAGS + PLOT_FLAGS if kind is OutputKind.PLOTS else OUTPUT_FLAGS
    for i, entry in enumerate(_sequence(document, keys, outs)):
        if isinstance(entry, str):
            continue
        named = _mapping(document, (*keys, i), entry, empty=False, what="a path or {path: {flags}}")
        for path, flags in named.items():
            where = (*keys, i, path)
            if not isinstance(path, str):
                raise document.problem((*keys, i), f"the path {path!r} is not text", hint="Put it in quotes.")
            is_list = kind is OutputKind.PLOTS and isinstance(flags, list)
            for each in flags if is_list else [flags]:
                _check_flags(document, where, _mapping(document, where, each, allowed, empty=False))


def _check_flags(document: Document, keys: KeyPath, flags: Mapping[str, Any]) -> None:
    for flag, value in flags.items():
        if flag in ("cache", "persist", "checkpoint", "push", "header"):
            if not isinstance(value, bool):
                raise document.problem((*keys, flag), f"expected true or false, not {kind_of(value)}")
        elif flag == "labels":
            _texts(document, (*keys, flag), value)
        elif flag != "meta" and not isinstance(value, str):
            raise document.problem((*keys, flag), f"expected text, not {kind_of(value)}")


def _check_vars(document: Document, keys: KeyPath, entries: Any) -> tuple[str | dict[str, Any], ...]:
    for i, entry in enumerate(_sequence(document, keys, entries)):
        if not isinstance(entry, str | dict):
            raise document.problem((*keys, i), f"expected a file or a mapping, not {kind_of(entry)}")
    return tuple(entries or ())


def check_top_plots(document: Document, plots: Any) -> tuple[Any, ...]:
    """Check the plots beside the stages, as written or resolved, and return them as a list."""
    allowed = ("x", "y", "x_label", "y_label", "title", "template")
    # A mapping of ids is accepted beside the list, as older files have it.
    entries = [{key: value} for key, value in plots.items()] if isinstance(plots, dict) else plots
    for i, entry in enumerate(_sequence(document, ("plots",), entries)):
        if isinstance(entry, str):
            continue
        ids = _mapping(document, ("plots", i), entry, empty=False, what="a path or {id: {settings}}")
        for name, settings in ids.items():
            _mapping(document, ("plots", i, name), settings, allowed)
    return tuple(entries or ())


def check_artifacts(document: Document, artifacts: Any) -> dict[str, Any]:
    """Check the artifacts, as written or resolved, and return them by name."""
    checked = _mapping(document, ("artifacts",), artifacts)
    for name, body in checked.items():
        keys = ("artifacts", name)
        artifact = _mapping(document, keys, body, ("path", "desc", "type", "labels", "meta"))
        if not isinstance(artifact.get("path"), str):
            raise document.problem(keys, "the artifact has no 'path'")
    return checked


def _check_datasets(document: Document, datasets: Any) -> tuple[Any, ...]:
    for i, entry in enumerate(_sequence(document, ("datasets",), datasets)):
        dataset = _mapping(document, ("datasets", i), entry)
        for key in ("name", "type"):
            if not isinstance(dataset.get(key), str):
                raise document.problem(("datasets", i), f"the dataset has no {key!r}")
    return tuple(datasets or ())


def _mapping(
    document: Document,
    keys: KeyPath,
    data: Any,
    allowed: tuple[str, ...] | None = None,
    *,
    empty: bool = True,
    what: str = "a mapping",
) -> dict[Any, Any]:
    if data is None and empty:
        return {}
    if not isinstance(data, dict):
        raise document.problem(keys, f"expected {what}, not {kind_of(data)}")
    if allowed is not None:
        for key in data:
            if key not in allowed:
                hint = did_you_mean(str(key), allowed) or f"Known keys: {', '.join(allowed)}."
                raise document.problem((*keys, key), "there is no such key here", hint=hint)
    return data


def _sequence(document: Document, keys: KeyPath, data: Any) -> list[Any]:
    if data is None:
        return []
    if not isinstance(data, list):
        raise document.problem(keys, f"expected a list, not {kind_of(data)}")
    return data


def _texts(document: Document, keys: KeyPath, data: Any) -> None:
    for i, entry in enumerate(_sequence(document, keys, data)):
        if not isinstance(entry, str):
            raise document.problem((*keys, i), f"expected text, not {kind_of(entry)}", hint="Put it in quotes.")


def _decode_outputs(kind: OutputKind, entries: list[Any]) -> list[OutputDeclaration]:
    merged: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        for path, flags in ({entry: {}} if isinstance(entry, str) else entry).items():
            merged.setdefault(path, []).extend(flags if isinstance(flags, list) else [flags])
    return [_decode_output(path, kind, flags) for path, flags in merged.items()]


def _decode_output(path: str, kind: OutputKind, settings: list[dict[str, Any]]) -> OutputDeclaration:
    flags: dict[str, Any] = {}
    for each in settings:
        flags.update(each)
    plots = ({key: each[key] for key in PLOT_FLAGS if key in each} for each in settings)
    return OutputDeclaration(
        path,
        kind,
        cache=flags.get("cache", True),
        persist=flags.get("persist", False),
        remote=flags.get("remote"),
        push=flags.get("push", True),
        annotations={key: flags[key] for key in ("desc", "type", "labels", "meta") if key in flags},
        plot=tuple(plot for plot in plots if plot),
    )


def _merge_params(entries: list[Any], default: str = "params.yaml") -> tuple[ParamsDeclaration, ...]:
    """Bring the entries together by file, in order of first mention; a file named without keys is meant wholly."""
    pairs: list[tuple[str, list[str] | None]] = []
    for entry in entries:
        pairs.extend([(default, [entry])] if isinstance(entry, str) else entry.items())
    whole = {path for path, names in pairs if not names}
    names_of: dict[str, list[str]] = {}
    for path, names in pairs:
        known = names_of.setdefault(path, [])
        if path not in whole:
            known.extend(name for name in names or () if name not in known)
    return tuple(ParamsDeclaration(path, tuple(names)) for path, names in names_of.items())
