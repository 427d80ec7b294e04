"""Imports in a run of a pipeline: one that is not frozen follows its source, one that was only promised is fetched."""

from __future__ import annotations

import os

from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.sources.update import UpdateOptions, update_one
from siglum.pipeline.status.staleness import Cause, Change, Reason
from siglum.workspace.import_status import import_changes
from siglum.workspace.pointers import Pointer, read_pointer
from siglum.workspace.repository import Repository


def why_renew(repo: Repository, stage: Stage) -> tuple[Reason, ...]:
    """Return why an import that is not frozen is to be taken from its source once more.

    Asks the source. Raises NotFoundError where it is gone, UnavailableError where it cannot be reached.
    """
    changes = import_changes(repo, [_pointer(repo, stage)]).get(stage.file)
    sources = {} if changes is None else changes.sources
    key = stage.deps[0].key if stage.deps else None
    return tuple(
        Reason(Cause.DEPENDENCY, key or source, Change.DELETED if change == "deleted" else Change.MODIFIED)
        for source, change in sources.items()
    )


def renew(repo: Repository, stage: Stage) -> None:
    """Bring an import to what its source has, or to what was promised: cache, `.dvc` file, workspace.

    Raises WouldLoseDataError for changes in the workspace that are in no cache, and what reaching the source raises.
    """
    update_one(repo, _pointer(repo, stage), UpdateOptions(latest=not stage.frozen))


def _pointer(repo: Repository, stage: Stage) -> Pointer:
    return Pointer(stage.file, read_pointer(os.path.join(repo.root, stage.file), stage.file))
