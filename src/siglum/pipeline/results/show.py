"""The parameters and metrics of a repository at one state, merged into one mapping: what `siglum.api` shows."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from siglum.core.errors import NotFoundError
from siglum.pipeline.definition.files import open_files
from siglum.pipeline.definition.param_files import parse_params, select
from siglum.pipeline.definition.paths import join
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.definition.templates import DEFAULT_PARAMS_FILE
from siglum.pipeline.graph.load import Pipeline, flag_style, read_pipeline
from siglum.pipeline.graph.targets import find_stages
from siglum.pipeline.results.metrics import metric_files
from siglum.pipeline.sources.reading import Source

Values = dict[str, dict[str, Any]]
"""Nested values by file (from the root)."""


def shown_params(
    source: Source,
    targets: Sequence[str] = (),
    *,
    stages: Sequence[str] | None = None,
    deps: bool = False,
    folder: str = "",
) -> dict[str, Any]:
    """Return parameters as one mapping; a key that several files have becomes `file:key`.

    `targets` are files, shown whole whatever declares them. Else what `dvc.yaml` files declare, `params.yaml` beside
    each of them whole, and what templates used; with `deps` or `stages` only what stages, or these ones, depend on.
    Raises NotFoundError for a file or stage that is not there, FileFormatError for a file that cannot be read.
    """
    if targets:
        return merged({source.key_of(path): _read(source, path) for path in targets})
    pipeline = _pipeline(source)
    chosen: Iterable[Stage] = pipeline.stages.values()
    if stages is not None:
        chosen = [pipeline.stage(address) for address in find_stages(pipeline, stages, folder)]
    values: Values = {}
    if not deps and stages is None:
        for path, needed in _declared(pipeline).items():
            found = _read(source, path) if needed else _read_if_there(source, path)
            if found is not None:
                values[path] = found
    whole = set(values)
    for stage in chosen:
        for dep in stage.params:
            if dep.key not in whole:
                _add(values.setdefault(dep.key, {}), _read(source, dep.key), dep.names)
    if stages is None:
        for stage in pipeline.stages.values():
            for path, used in stage.used_params.items():
                if path not in whole:
                    known = values.setdefault(path, {})
                    known.update({key: value for key, value in used.items() if not select(known, [key])})
    return merged(values)


def shown_metrics(source: Source, targets: Sequence[str] = ()) -> dict[str, Any]:
    """Return metrics as one mapping; a key that several files have becomes `file:key`.

    `targets` are files, whatever declares them; else all metrics that `dvc.yaml` files and stages declare. What Git
    does not have comes from the cache or a remote. Raises as `shown_params`.
    """
    paths = [source.key_of(path) for path in targets] if targets else list(metric_files(_pipeline(source)))
    return merged({path: _read(source, path) for path in paths})


def merged(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the top-level keys of all files in one mapping; one that stands in several files is `file:key`."""
    counts = Counter(key for keys in values.values() for key in keys)
    return {
        key if counts[key] == 1 else f"{path}:{key}": value
        for path, keys in values.items()
        for key, value in keys.items()
    }


def _pipeline(source: Source) -> Pipeline:
    return read_pipeline(open_files(source.repo, source.commit), flag_style(source.repo))


def _declared(pipeline: Pipeline) -> dict[str, bool]:
    """Return the files that are shown whole, and whether they have to be there."""
    paths = {DEFAULT_PARAMS_FILE: False}  # that of the root is one without any dvc.yaml, too
    for file, top in pipeline.tops.items():
        folder = posixpath.dirname(file)
        paths.setdefault(join(folder, DEFAULT_PARAMS_FILE), False)
        paths.update((join(folder, path), True) for path in top.params)
    for stage in pipeline.stages.values():
        for dep in stage.params:
            if not dep.names or dep.key in paths:
                paths[dep.key] = True
    return paths


def _read(source: Source, path: str) -> dict[str, Any]:
    opened = source.open(path)
    with opened.stream as stream:
        return parse_params(stream.read(), path)


def _read_if_there(source: Source, path: str) -> dict[str, Any] | None:
    try:
        return _read(source, path)
    except NotFoundError:
        return None


def _add(known: dict[str, Any], values: Mapping[str, Any], names: Sequence[str]) -> None:
    """Put the values of dotted keys where they stand in the file; all of them without names."""
    if not names:
        known.update(values)
        return
    for name, value in select(values, names).items():
        place, parts = known, name.split(".")
        for part in parts[:-1]:
            below = place.get(part)
            if not isinstance(below, dict):
                below = place[part] = {}
            place = below
        place[parts[-1]] = value
