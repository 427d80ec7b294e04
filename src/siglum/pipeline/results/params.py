"""The parameters of a pipeline: of all files that stages, templates or `dvc.yaml` itself name."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Any, TypeAlias

from siglum.core.errors import NotFoundError, SiglumError
from siglum.pipeline.definition.files import open_files
from siglum.pipeline.definition.param_files import select
from siglum.pipeline.definition.paths import join
from siglum.pipeline.definition.templates import DEFAULT_PARAMS_FILE
from siglum.pipeline.graph.load import ParamsReader, Pipeline, flag_style, read_pipeline
from siglum.pipeline.results.history import History, StateName
from siglum.pipeline.results.value_files import FileValues, Records, StateValues, expand, read_values
from siglum.workspace.repository import Repository

_Names: TypeAlias = dict[str, None] | None


def read_params(repo: Repository, rev: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the values of every parameters file by its path from the root, in the workspace or at a Git revision.

    Whole files, nested. One that is not there is left out; one that cannot be read raises FileFormatError.
    """
    files = open_files(repo, rev)
    reader = ParamsReader(files)
    found = {path: reader.read(path) for path in params_paths(read_pipeline(files, flag_style(repo)))}
    return {path: values for path, values in found.items() if values is not None}


def params_at(
    repo: Repository, history: History, state: StateName, targets: Sequence[str] = (), *, deps: bool = False
) -> StateValues:
    """Return the parameters of a state: what stages and templates use, and the whole files that are declared.

    Declared are the root's params.yaml and what a dvc.yaml lists at its top. With `targets` (paths from the root),
    those files alone, whole; with `deps`, what stages and templates use alone. What cannot be read is told with the
    values.
    """
    files = history.files(state)
    try:
        pipeline = history.pipeline(files)
    except SiglumError as error:
        if deps or not targets:
            return StateValues(state.name, problem=error)
        pipeline = Pipeline({}, {}, {})
    records = Records(repo, pipeline, state)
    whole = [path for target in targets for path in expand(files, records, target)] or _declared_whole(pipeline)
    used = _used(pipeline)
    wanted = dict.fromkeys([*([] if deps else whole), *([] if targets and not deps else used)])
    if targets and deps:
        wanted = {path: None for path in wanted if path in whole}
    found: dict[str, FileValues] = {}
    for path in wanted:
        each = read_values(files, records, path)
        if isinstance(each.problem, NotFoundError) and path == DEFAULT_PARAMS_FILE and path not in targets:
            continue
        if deps or path not in whole:
            each = FileValues(_part(each.values, *used[path]), each.problem)
        found[path] = each
    return StateValues(state.name, found)


def _declared_whole(pipeline: Pipeline) -> list[str]:
    listed = [join(posixpath.dirname(file), path) for file, top in pipeline.tops.items() for path in top.params]
    return [DEFAULT_PARAMS_FILE, *listed]


def _part(values: dict[str, Any], names: _Names, templates: dict[str, Any]) -> dict[str, Any]:
    """Return what is used of a file's values: those of `names`, all of them for None; without any, what templates took.

    As in DVC, what templates took beside the keys that stages name does not count.
    """
    if names is None:
        return values
    return select(values, names) if names else templates


def _used(pipeline: Pipeline) -> dict[str, tuple[_Names, dict[str, Any]]]:
    """Return for each file the keys that stages depend on, None for the whole file, and what templates took of it."""
    names: dict[str, _Names] = {}
    templates: dict[str, dict[str, Any]] = {}
    for stage in pipeline.stages.values():
        for dep in stage.params:
            known = names.setdefault(dep.key, {})
            if known is not None and dep.names:
                known.update(dict.fromkeys(dep.names))
            else:
                names[dep.key] = None
        for path, values in stage.used_params.items():
            templates.setdefault(path, {}).update(values)
    return {path: (names.get(path, {}), templates.get(path, {})) for path in dict.fromkeys([*names, *templates])}


def params_paths(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the paths of all parameters files: those beside each `dvc.yaml`, then those that are named."""
    paths: dict[str, None] = {}
    for file, top in pipeline.tops.items():
        folder = posixpath.dirname(file)
        paths[join(folder, DEFAULT_PARAMS_FILE)] = None
        paths.update((join(folder, path), None) for path in top.params)
    for stage in pipeline.stages.values():
        paths.update((dep.key, None) for dep in stage.params)
        paths.update((path, None) for path in stage.used_params)
    return tuple(paths)


def stage_params(pipeline: Pipeline, address: str) -> dict[str, dict[str, Any]]:
    """Return the parameters that are recorded of a stage, by file and dotted key."""
    lock = pipeline.locks.get(address)
    return {} if lock is None else lock.params
