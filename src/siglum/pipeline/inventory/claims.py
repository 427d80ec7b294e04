"""Which paths are a stage's to write: nobody else may record them."""

from __future__ import annotations

import os
from collections.abc import Iterable

from siglum.core.errors import ConflictError
from siglum.pipeline.definition.stages import PIPELINE_FILE
from siglum.pipeline.graph.load import load_pipeline
from siglum.workspace.repository import Repository


def check_unclaimed(repo: Repository, targets: Iterable[str]) -> None:
    """Raise ConflictError for a target that is, contains, or lies in what a stage writes.

    Targets are paths relative to the current folder. Recording such a path in a `.dvc` file would give it two owners,
    and stop every later `repro`. Nothing is read in a repository without pipelines.
    """
    if not any(os.path.basename(path) == PIPELINE_FILE for path in repo.metafiles()):
        return
    stages = [stage for stage in load_pipeline(repo).stages.values() if not stage.is_data]
    owners = {out.key: stage.address for stage in stages for out in stage.outs}
    for target in targets:
        path = os.path.abspath(target)
        key = os.path.relpath(path, repo.root).replace(os.sep, "/")
        for owned, address in owners.items():
            if key == owned or key.startswith(owned + "/") or owned.startswith(key + "/"):
                what = "is" if key == owned else "lies in" if key.startswith(owned + "/") else "contains"
                raise ConflictError(
                    f"{os.path.relpath(path)} {what} an output of the stage '{address}'.",
                    hint=f"'siglum repro' records it. To track it on its own, take it out of {PIPELINE_FILE} first.",
                )
