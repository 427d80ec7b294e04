"""From `dvc.yaml` as written to stages without templates: vars, `foreach`, `matrix` and `${…}`. Pure.

A name that this module gives a generated stage (`train@cnn-0`) is DVC's, letter by letter, since lock files hold it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from siglum.core.errors import FileFormatError, InvalidInputError
from siglum.pipeline.definition.context import Context, Found, LoadParams, Source
from siglum.pipeline.definition.expressions import (
    FlagStyle,
    find_expressions,
    has_expression,
    parse_expression,
    to_flags,
    to_text,
    unescape,
)
from siglum.pipeline.definition.paths import join
from siglum.pipeline.definition.schema import (
    ForeachTemplate,
    MatrixTemplate,
    PipelineFile,
    PlainTemplate,
    StageDeclaration,
    check_artifacts,
    check_top_plots,
    decode_stage,
)
from siglum.workspace.document import Document, KeyPath, kind_of

DEFAULT_PARAMS_FILE = "params.yaml"


class ResolvedStage(msgspec.Struct, frozen=True):
    """A stage without templates, its name, and the values of parameters files that its templates used."""

    name: str
    declaration: StageDeclaration
    used: dict[str, dict[str, Any]]


class ResolvedTop(msgspec.Struct, frozen=True):
    """The sections of a `dvc.yaml` beside its stages, without templates."""

    params: tuple[str, ...]
    metrics: tuple[str, ...]
    plots: tuple[Any, ...]
    artifacts: dict[str, Any]
    datasets: tuple[Any, ...]


class Resolver:
    """Resolves one `dvc.yaml` that stands in `folder` (posix, from the root, "" for the root itself)."""

    def __init__(self, file: PipelineFile, folder: str, load: LoadParams, style: FlagStyle | None = None) -> None:
        self._file = file
        self._folder = folder
        self._load = load
        self._style = style or FlagStyle()
        self._context = Context()
        default = join(folder, DEFAULT_PARAMS_FILE)
        if load(default) is not None:
            self._context.load(DEFAULT_PARAMS_FILE, default, load)
        self._load_vars(self._context, ("vars",), file.vars, folder, "")

    def stages(self) -> Iterator[ResolvedStage]:
        """Yield every stage, generated ones included, in the order of the file."""
        for name, template in self._file.stages.items():
            keys: KeyPath = ("stages", name)
            match template:
                case PlainTemplate(stage):
                    yield self._resolve_stage(self._context, keys, name, stage)
                case ForeachTemplate(over, stage):
                    for key, bound in self._foreach(keys, over):
                        context = self._context.binding(bound)
                        yield self._resolve_stage(context, (*keys, "do"), f"{name}@{key}", stage)
                case MatrixTemplate(axes, stage):
                    for key, bound in self._matrix(keys, axes):
                        yield self._resolve_stage(self._context.binding(bound), keys, f"{name}@{key}", stage)

    def top(self) -> ResolvedTop:
        """Resolve what stands beside the stages."""
        file = self._file

        def resolved(key: str, value: Any) -> Any:
            return self._resolve(self._context, (key,), value, {}, whole=True)

        for key in ("params", "metrics"):
            for i, path in enumerate(resolved(key, list(getattr(file, key)))):
                if not isinstance(path, str):
                    raise file.document.problem((key, i), "expected a path")
        return ResolvedTop(
            params=tuple(resolved("params", list(file.params))),
            metrics=tuple(resolved("metrics", list(file.metrics))),
            plots=check_top_plots(file.document, resolved("plots", list(file.plots))),
            artifacts=check_artifacts(file.document, resolved("artifacts", file.artifacts)),
            datasets=tuple(resolved("datasets", list(file.datasets))),
        )

    def _resolve_stage(self, context: Context, keys: KeyPath, name: str, body: Mapping[str, Any]) -> ResolvedStage:
        used: dict[str, dict[str, Any]] = {}
        definition = dict(body)
        variables = definition.pop("vars", None)
        if "wdir" in definition:
            wdir = self._resolve(context, (*keys, "wdir"), definition["wdir"], used)
            definition["wdir"] = "." if wdir is None else to_text(wdir)
        if variables:
            context = context.copy()
            folder = join(self._folder, definition.get("wdir") or "")
            self._load_vars(context, (*keys, "vars"), variables, folder, f"{name}.")
        resolved = {
            key: value if key == "wdir" else self._resolve(context, (*keys, key), value, used, is_command=key == "cmd")
            for key, value in definition.items()
        }
        return ResolvedStage(name, decode_stage(self._file.document, keys, resolved), used)

    def _load_vars(self, context: Context, keys: KeyPath, entries: Sequence[Any], folder: str, owner: str) -> None:
        for i, entry in enumerate(entries):
            if has_expression(entry):
                raise self._problem((*keys, i), "templates are not allowed in 'vars'")
            try:
                if isinstance(entry, str):
                    context.load(entry, join(folder, entry.partition(":")[0]), self._load)
                else:
                    context.merge(entry, f"{owner}vars[{i}]")
            except FileFormatError:
                raise
            except InvalidInputError as error:
                raise self._problem((*keys, i), error.message, error.hint) from None

    def _foreach(self, keys: KeyPath, over: Any) -> Iterator[tuple[str, dict[str, Found]]]:
        keys = (*keys, "foreach")
        data, origin = self._iterable(keys, over)
        if isinstance(data, Mapping):
            for key, value in data.items():
                name = to_text(key if origin is not None else self._resolve_key(self._context, keys, key, {}))
                yield name, {"item": self._element(keys, value, origin, name), "key": Found(name, None)}
            return
        if not isinstance(data, Sequence) or isinstance(data, str):
            raise self._problem(keys, f"expected a list or a mapping, not {kind_of(data)}")
        elements = [self._element((*keys, i), value, origin, str(i)) for i, value in enumerate(data)]
        by_index = any(isinstance(found.value, Mapping | list | tuple) for found in elements)
        # As in DVC, of equal names the last one counts, at the place of the first.
        named = {str(i) if by_index else _name_part(found): found for i, found in enumerate(elements)}
        for name, found in named.items():
            yield name, {"item": found}

    def _matrix(self, keys: KeyPath, axes: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Found]]]:
        columns: list[list[tuple[str, Found]]] = []
        for axis, values in axes.items():
            where = (*keys, "matrix", axis)
            data, origin = self._iterable(where, values)
            if not isinstance(data, list | tuple | Mapping):  # of a mapping, which only `${…}` can be: its keys
                raise self._problem(where, f"expected a list, not {kind_of(data)}")
            found = [self._element((*where, i), value, origin, str(i)) for i, value in enumerate(data)]
            parts = (
                f"{axis}{i}" if isinstance(f.value, Mapping | list | tuple) else _name_part(f)
                for i, f in enumerate(found)
            )
            columns.append(list(zip(parts, found, strict=True)))
        combined: dict[str, dict[str, Any]] = {}
        for combination in itertools.product(*columns):
            key = "-".join(part for part, _ in combination)
            combined[key] = {axis: found.value for axis, (_, found) in zip(axes, combination, strict=True)}
        for key, item in combined.items():
            yield key, {"key": Found(key, None), "item": Found(item, None)}

    def _iterable(self, keys: KeyPath, over: Any) -> tuple[Any, Source | None]:
        """Return what is iterated over, and where it comes from when it is one `${…}` as a whole."""
        if isinstance(over, str):
            found = self._resolve_text(self._context, keys, over)
            return found.value, found.source
        return over, None

    def _element(self, keys: KeyPath, value: Any, origin: Source | None, name: str) -> Found:
        if origin is not None:
            return Found(value, Source(origin.name, (*origin.path, name), origin.is_file))
        if isinstance(value, str):
            return self._resolve_text(self._context, keys, value)
        return Found(self._resolve(self._context, keys, value, {}, whole=True), None)

    def _resolve(
        self,
        context: Context,
        keys: KeyPath,
        value: Any,
        used: dict[str, dict[str, Any]],
        *,
        is_command: bool = False,
        whole: bool = False,
    ) -> Any:
        """Resolve all text in a value. With `whole`, an expression may stand for a list or a mapping."""
        if isinstance(value, str):
            return self._resolve_text(context, keys, value, used, is_command=is_command, one_value=not whole).value
        if isinstance(value, Mapping):
            return {
                self._resolve_key(context, (*keys, str(key)), key, used): self._resolve(
                    context, (*keys, str(key)), item, used, is_command=is_command, whole=whole
                )
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self._resolve(context, (*keys, i), item, used, is_command=is_command, whole=whole)
                for i, item in enumerate(value)
            ]
        return value

    def _resolve_key(self, context: Context, keys: KeyPath, key: Any, used: dict[str, dict[str, Any]]) -> Any:
        return self._resolve_text(context, keys, key, used, one_value=True).value if isinstance(key, str) else key

    def _resolve_text(
        self,
        context: Context,
        keys: KeyPath,
        text: str,
        used: dict[str, dict[str, Any]] | None = None,
        *,
        is_command: bool = False,
        one_value: bool = False,
    ) -> Found:
        r"""Resolve one string. Exactly one expression gives the value as it is; among other text, it becomes text.

        As in DVC, `\${` is an escape also where a value brought it, but not when nothing else stands there.
        """
        matches = find_expressions(text)
        if not matches:
            return Found(unescape(text), None)
        try:
            if len(matches) == 1 and matches[0].group() == text:
                found = context.find(parse_expression(matches[0]["inner"]), text)
                if is_command:
                    _remember(used, found)
                    return Found(self._as_text(text, found.value, is_command), None)
                if one_value and isinstance(found.value, Mapping | list | tuple):
                    raise InvalidInputError(f"'{text}' is {_kind(found.value)}, where one value is needed")
                _remember(used, found)
                return found
            pieces, end = [], 0
            for match in matches:
                found = context.find(parse_expression(match["inner"]), match.group())
                pieces += [text[end : match.start()], self._as_text(match.group(), found.value, is_command)]
                _remember(used, found)
                end = match.end()
        except InvalidInputError as error:
            raise self._problem(keys, error.message, error.hint) from None
        return Found(unescape("".join([*pieces, text[end:]])), None)

    def _as_text(self, expression: str, value: Any, is_command: bool) -> str:
        if isinstance(value, Mapping) and is_command:
            return to_flags(value, self._style)
        if isinstance(value, Mapping | list | tuple):
            raise InvalidInputError(f"'{expression}' is {_kind(value)}, which cannot stand inside text")
        return to_text(value)

    def _problem(self, keys: KeyPath, problem: str, hint: str | None = None) -> FileFormatError:
        return self._file.document.problem(keys, problem, hint=hint)


def place_of(document: Document, name: str) -> KeyPath:
    """Return where the stage `name`, generated or not, is written."""
    stages = document.data.get("stages", {})
    return ("stages", name if name in stages else name.rpartition("@")[0])


def _name_part(found: Found) -> str:
    # DVC's quirk: a `true` out of a `${…}` is named as Python writes it, an inline one as YAML does.
    return str(found.value) if found.source is not None else to_text(found.value)


def _remember(used: dict[str, dict[str, Any]] | None, found: Found) -> None:
    if used is not None and found.source is not None and found.source.is_file:
        used.setdefault(found.source.name, {})[".".join(found.source.path)] = found.value


def _kind(value: Any) -> str:
    return "a mapping" if isinstance(value, Mapping) else "a list"
