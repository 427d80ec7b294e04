"""The parameters of a pipeline: of all files that stages, templates or `dvc.yaml` itself name."""

from __future__ import annotations

import posixpath
from typing import Any

from siglum.pipeline.files import open_files
from siglum.pipeline.load import ParamsReader, Pipeline, flag_style, read_pipeline
from siglum.pipeline.paths import join
from siglum.pipeline.templates import DEFAULT_PARAMS_FILE
from siglum.workspace.repository import Repository


def read_params(repo: Repository, rev: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the values of every parameters file by its path from the root, in the workspace or at a Git revision.

    Whole files, nested. One that is not there is left out; one that cannot be read raises FileFormatError.
    """
    files = open_files(repo, rev)
    reader = ParamsReader(files)
    found = {path: reader.read(path) for path in params_paths(read_pipeline(files, flag_style(repo)))}
    return {path: values for path, values in found.items() if values is not None}


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
