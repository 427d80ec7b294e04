"""The metrics of a pipeline: files that stages or `dvc.yaml` itself declare, read as nested values."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Sequence
from typing import Any

from siglum.core.errors import FileFormatError, SiglumError
from siglum.core.hashes import DataHash
from siglum.pipeline.definition.files import open_files
from siglum.pipeline.definition.param_files import parse_params, parse_value
from siglum.pipeline.definition.paths import is_outside, join
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.graph.load import Pipeline, flag_style, read_pipeline
from siglum.pipeline.results.history import History, StateFiles, StateName
from siglum.pipeline.results.value_files import FileValues, Records, StateValues, expand, read_values
from siglum.pipeline.results.values import metrics_in
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


def metrics_at(repo: Repository, history: History, state: StateName, targets: Sequence[str] = ()) -> StateValues:
    """Return the metrics of a state: of all files that are declared, or of `targets` (paths from the root) alone.

    A folder stands for all files in it and below. What cannot be read is told with the values.
    """
    problem: SiglumError | None = None
    pipeline: Pipeline | None = None
    files = history.files(state)
    try:
        pipeline = history.pipeline(files)
    except SiglumError as error:
        if not targets:
            return StateValues(state.name, problem=error)
        problem = error  # a target is read for itself
    records = Records(repo, pipeline, state)
    wanted = targets if pipeline is None or targets else list(metric_files(pipeline))
    found: dict[str, FileValues] = {}
    for target in wanted:
        for path in expand(files, records, target):
            each = read_values(files, records, path)
            if each.problem is not None and problem is not None and not each.is_damaged:
                each = FileValues({}, problem)  # it may be recorded in what cannot be read
            alone = _alone(files, records, path) if isinstance(each.problem, FileFormatError) else None
            found[path] = alone or FileValues(metrics_in(each.values), each.problem)
    return StateValues(state.name, found)


def _alone(files: StateFiles, records: Records, path: str) -> FileValues | None:
    """Return the value of a file that is one number or text alone, under no name, as DVC takes it; else None."""
    with contextlib.suppress(SiglumError):
        data = files.read(path)
        if data is None:
            data = records.read(path)
        value = None if data is None else parse_value(data, path)
        if isinstance(value, bool | int | float | str):
            return FileValues({"": value}, is_alone=True)
    return None


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
