"""Dependencies that are no local paths: what a server says of a URL now, and what is recorded of a dataset."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.pipeline.definition.stages import DATASET, Dependency, Stage
from siglum.pipeline.records.lock import LockedPath
from siglum.workspace.documents import load_yaml_file
from siglum.workspace.import_url import source_of, with_facts
from siglum.workspace.pointers import DependencySpec
from siglum.workspace.repository import Repository

_DECLARED = ("name", "type", "url", "path", "rev")


def remote_state(repo: Repository, stage: Stage, dep: Dependency) -> LockedPath | None:
    """Return how a dependency would be recorded now, None when there is no such thing.

    A dataset is what its lock file says of it: it changes when somebody updates it. A URL is asked for what tells
    versions of its content apart (an ETag, say), and is not read. Raises UnavailableError for a server that does not
    answer, NotSupportedError for a URL that Siglum has no access to.
    """
    if dep.path.startswith(DATASET):
        recorded = _dataset(repo, stage, dep.path.removeprefix(DATASET))
        return None if recorded is None else LockedPath(dep.path, dataset=recorded)
    try:
        source = source_of(repo, DependencySpec(path=dep.path), os.path.join(repo.root, stage.wdir))
        found = with_facts(DependencySpec(path=dep.path), source.facts())
    except NotFoundError:
        return None
    return msgspec.convert(msgspec.to_builtins(found), LockedPath)


def _dataset(repo: Repository, stage: Stage, name: str) -> dict[str, Any] | None:
    """Return what the lock file has of a dataset, None when that is nothing, or not what `dvc.yaml` declares now."""
    declared = _named(repo, stage.file, name)
    if declared is None:
        raise NotFoundError(
            f"{repo.shown(stage.file)} has no dataset {name!r}, which stage '{stage.address}' depends on.",
            hint="Datasets stand in its section 'datasets'.",
        )
    recorded = _named(repo, stage.lock_path, name)
    same = recorded is not None and all(recorded.get(key) == declared.get(key) for key in _DECLARED)
    return recorded if same else None


def _named(repo: Repository, path: str, name: str) -> dict[str, Any] | None:
    shown = repo.shown(path)
    try:
        data = load_yaml_file(os.path.join(repo.root, path), shown)
    except NotFoundError:
        return None
    datasets = data.get("datasets") if isinstance(data, dict) else None
    if not isinstance(datasets, list | None):
        raise FileFormatError(shown, "datasets: expected a list")
    return next((each for each in datasets or () if isinstance(each, dict) and each.get("name") == name), None)
