"""The metrics of a pipeline: files that stages or `dvc.yaml` itself declare, read as nested values."""

from __future__ import annotations

import posixpath
from typing import Any

from siglum.core.errors import SiglumError
from siglum.core.hashes import DataHash
from siglum.pipeline.files import open_files
from siglum.pipeline.load import Pipeline, flag_style, read_pipeline
from siglum.pipeline.param_files import parse_params
from siglum.pipeline.paths import is_outside, join
from siglum.pipeline.schema import OutputKind
from siglum.workspace.repository import Repository


def read_metrics(repo: Repository, rev: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the content of every metrics file by its path from the root, in the workspace or at a Git revision.

    A file that Git does not hold is read from the cache. What is not there, or in a format that is not JSON, YAML,
    TOML or Python, is left out.
    """
    files = open_files(repo, rev)
    pipeline = read_pipeline(files, flag_style(repo))
    found: dict[str, dict[str, Any]] = {}
    for path, recorded in metric_files(pipeline).items():
        data = files.read(path)
        if data is None and recorded is not None:
            data = _from_cache(repo, recorded)
        if data is None:
            continue
        try:
            found[path] = parse_params(data, path)
        except SiglumError:
            continue
    return found


def metric_files(pipeline: Pipeline) -> dict[str, DataHash | None]:
    """Return the paths of all metrics files, with the hash that is recorded for each."""
    paths: dict[str, DataHash | None] = {}
    for address, stage in pipeline.stages.items():
        lock = pipeline.locks.get(address)
        for out in stage.outs:
            if out.kind is OutputKind.METRICS and not is_outside(out.key):
                recorded = None if lock is None else lock.out(out.path)
                paths[out.key] = None if recorded is None else recorded.data_hash
    for file, top in pipeline.tops.items():
        for path in top.metrics:
            paths.setdefault(join(posixpath.dirname(file), path), None)
    return paths


def _from_cache(repo: Repository, recorded: DataHash) -> bytes | None:
    if recorded.is_dir or not repo.cache.has(recorded.oid):
        return None
    with open(repo.cache.verify(recorded.oid), "rb") as file:
        return file.read()
