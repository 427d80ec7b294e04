"""What is out of date in a pipeline, in the shape that `dvc status --json` prints."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence
from typing import Any

from siglum.pipeline.definition.files import WorkspaceFiles
from siglum.pipeline.definition.paths import is_outside
from siglum.pipeline.definition.stages import PIPELINE_FILE, Stage
from siglum.pipeline.graph.load import ParamsReader, Pipeline, load_pipeline
from siglum.pipeline.graph.targets import find_stages
from siglum.pipeline.inventory.selection import folder_of, select
from siglum.pipeline.status.observe import observe_inputs, recorded_lock, why_inputs, why_outputs
from siglum.pipeline.status.staleness import Cause, Reason
from siglum.workspace.repository import Repository
from siglum.workspace.status import outputs_status
from siglum.workspace.targets import all_outputs


def stage_reasons(repo: Repository, pipeline: Pipeline, addresses: Iterable[str]) -> dict[str, tuple[Reason, ...]]:
    """Return for each stage with a command all reasons why it is out of date, those of its outputs included."""
    params = ParamsReader(WorkspaceFiles(repo))
    found = {}
    for address in addresses:
        stage = pipeline.stages[address]
        if stage.is_data:
            continue
        lock = recorded_lock(pipeline.locks, stage)
        inputs = observe_inputs(repo, stage, params, lock)
        always = (Reason(Cause.ALWAYS),) if stage.frozen and stage.runs_always else ()
        found[address] = (*why_inputs(stage, lock, inputs), *always, *why_outputs(repo, stage, lock))
    return found


def pipeline_status(repo: Repository, targets: Sequence[str] = (), *, folder: str = "") -> dict[str, list[Any]]:
    """Return what changed, by stage; stages that did not change are left out, as are `.dvc` files.

    Stages and paths are named as seen from `folder` (posix, from the root), in which `targets` are written too. No
    targets means all stages.
    """
    pipeline = load_pipeline(repo)
    addresses = find_stages(pipeline, targets, folder) if targets else tuple(pipeline.stages)
    reasons = stage_reasons(repo, pipeline, addresses)
    repo.index.save()
    return {
        shown_address(pipeline.stages[address], folder): status_entries(why, repo.root, folder)
        for address, why in reasons.items()
        if why
    }


def project_status(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    updates: bool = True,
    with_deps: bool = False,
    recursive: bool = False,
) -> dict[str, list[Any]]:
    """Return what changed of `.dvc` files and stages, of all or what `targets` mean (see `selection.select`).

    Names and paths are as seen from the current folder; the order is that of the files, folder by folder, or with
    `with_deps` that of the pipeline. With `updates`, sources of imports are asked for what they have now. Raises
    NotFoundError for a target that is neither data nor a stage, and what `import_changes` raises. Of a stage that an
    output stands for, that output alone is looked at, as in DVC.
    """
    pipeline = load_pipeline(repo)
    folder = folder_of(repo)
    chosen = select(repo, pipeline, targets, with_deps=with_deps, recursive=recursive)
    stages = list({each.stage.address: each.stage for each in chosen}.values())
    parts = {stage.address: [each.part for each in chosen if each.stage == stage] for stage in stages}
    wanted = [out for out in all_outputs(repo) if _is_meant(out.key, parts.get(out.pointer.path, ()))]
    data = outputs_status(repo, wanted, updates=updates)
    reasons = {
        address: [r for r in found if r.cause is not Cause.OUTPUT or _is_meant(r.path or "", parts[address])]
        for address, found in stage_reasons(repo, pipeline, list(parts)).items()
    }
    repo.index.save()
    found: dict[str, list[Any]] = {}
    for stage in stages:
        entries = (
            data.get(repo.shown(stage.file))
            if stage.is_data
            else status_entries(reasons[stage.address], repo.root, folder)
        )
        if entries:
            found[shown_address(stage, folder)] = entries
    return found


def _is_meant(key: str, parts: Iterable[str]) -> bool:
    """Whether an output is, or holds, one of the parts that a target named; "" names all outputs."""
    return any(not part or part == key or part.startswith(f"{key}/") for part in parts)


def status_entries(reasons: Sequence[Reason], root: str, folder: str = "") -> list[Any]:
    """Return reasons as DVC prints them: changed dependencies, changed outputs, then single words."""
    deps: dict[str, Any] = {}
    outs: dict[str, Any] = {}
    for reason in reasons:
        path = shown_path(reason.path or "", root, folder)
        if reason.cause is Cause.OUTPUT:
            outs[path] = str(reason.change)
        elif reason.cause is Cause.DEPENDENCY or (reason.cause is Cause.PARAMETER and reason.name is None):
            deps[path] = str(reason.change)
        elif reason.cause is Cause.PARAMETER:
            deps.setdefault(path, {})[reason.name] = str(reason.change)
    causes = {reason.cause for reason in reasons}
    entries: list[Any] = [{"changed deps": deps}] if deps else []
    entries += [{"changed outs": outs}] if outs else []
    entries += ["always changed"] if Cause.ALWAYS in causes else []
    entries += ["changed command"] if Cause.COMMAND in causes else []
    return entries


def shown_path(key: str, root: str, folder: str) -> str:
    """Return a path as seen from `folder`; what lies outside the repository is shown whole."""
    if is_outside(key):
        return key if "://" in key else os.path.normpath(os.path.join(root, key))
    return posixpath.relpath(key or ".", folder or ".")


def shown_address(stage: Stage, folder: str) -> str:
    """Return a stage's address as seen from `folder`."""
    file = posixpath.relpath(stage.file, folder or ".")
    if stage.is_data:
        return file
    return stage.name if file == PIPELINE_FILE else f"{file}:{stage.name}"
