"""What a scratch checkout needs before its stage runs, and what is found in it afterwards."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from typing import Any

from siglum.core.errors import NotFoundError
from siglum.lineage.history import History, read_outputs
from siglum.lineage.placing import Placement
from siglum.lineage.record import VersionRecord
from siglum.lineage.scratch import Scratch
from siglum.lineage.trace import Project, RecordSource, record_of
from siglum.lineage.verdict import FileComparison
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import load_pipeline
from siglum.registry.entities import ModelVersion
from siglum.tracking.entities import Run
from siglum.workspace.documents import load_yaml, load_yaml_file
from siglum.workspace.repository import Repository


def prepare_repository(scratch: Scratch) -> None:
    """Give the checkout a cache of its own, so that what it makes stays out of the project's."""
    settings = os.path.join(scratch.root, ".dvc")
    if os.path.isdir(settings):
        with open(os.path.join(settings, "config.local"), "w", encoding="utf-8") as file:
            file.write(f"[cache]\n    dir = {scratch.cache}\n")


def tracked_sources(scratch: Scratch, stage: str | None, recorded: Sequence[Placement]) -> tuple[Placement, ...]:
    """Return what is to be placed: the recorded data that no stage makes, and what else the stages' pointers name.

    Data that the run did not read itself (a stage before it did) is on record through its pointer in the commit.
    """
    if stage is None:
        return tuple(recorded)
    stages = needed_stages(scratch, stage)
    made = {output.key for each in stages if not each.is_data for output in each.outs}
    wanted = {placement.path: placement for placement in recorded if not _is_made(placement.path, made)}
    for each in stages:
        for output in each.outs if each.is_data else ():
            if output.recorded is not None and not output.is_outside:
                wanted.setdefault(output.key, Placement(output.key, output.recorded, each.file))
    return tuple(wanted[path] for path in sorted(wanted))


def needed_stages(scratch: Scratch, stage: str) -> tuple[Stage, ...]:
    """Return a stage of the checkout's pipeline and all that it needs, `.dvc` files included.

    Raises:
        NotFoundError: The commit has no such stage.
    """
    pipeline = load_pipeline(Repository.open(scratch.root))
    if stage not in pipeline.stages:
        raise NotFoundError(f"The recorded commit has no stage {stage!r} in its pipeline.")
    return tuple(pipeline.stages[address] for address in sorted(pipeline.graph.closure([stage])))


def find_rebuilt(source: RecordSource, recorded: VersionRecord) -> VersionRecord:
    """Return the record of the version, or at least the run, that the scratch store holds now.

    Raises:
        NotFoundError: The run logged nothing there.
    """
    stage = recorded.run.stage if recorded.run else None
    runs = {run.info.run_id: run for run in _all_runs(source) if run.data.tags.get("siglum.stage") == stage}
    for version in source.registry.search_model_versions().items:
        if version.name == recorded.name and version.run_id in runs:
            return record_of(source, None, version)
    for run in runs.values():  # the model was registered later, by somebody or something else
        return record_of(source, None, _unregistered(recorded, run))
    raise NotFoundError(
        "The recorded code ran to its end, but logged no run to the scratch store.",
        hint="It may log with another client, or only under conditions that do not hold here.",
    )


def compare_outputs(project: Project, scratch: Scratch, commit: str, stage: str) -> tuple[FileComparison, ...]:
    """Compare what the stages made with the lock files in Git that have the same command, data and parameters.

    Returns nothing for a stage whose recorded outcome was never committed.
    """
    history = History(project.git, project.below, commit)
    compared: dict[str, FileComparison] = {}
    recorded: dict[str, list[dict[str, Any]]] = {}
    for each in needed_stages(scratch, stage):
        if each.is_data:
            continue
        lock = each.lock_path
        entry = _entry(load_yaml_file(os.path.join(scratch.root, lock)), each.name)
        if lock not in recorded:
            documents = [load_yaml(data, lock) for data in history.contents_of(lock)]
            recorded[lock] = [document for document in documents if isinstance(document, dict)]
        before = next((e for d in recorded[lock] if (e := _entry(d, each.name)) and _same_inputs(e, entry)), None)
        if before is None:
            continue
        folder = posixpath.dirname(lock)
        rebuilt = {output.path: output.hash for output in read_outputs(entry, folder)}
        for output in read_outputs(before, folder):
            compared[output.path] = FileComparison(output.path, output.hash, rebuilt.get(output.path))
    return tuple(compared[path] for path in sorted(compared))


def _is_made(path: str, made: set[str]) -> bool:
    return any(path == output or path.startswith(output + "/") for output in made)


def _all_runs(source: RecordSource) -> list[Run]:
    experiments = source.tracking.search_experiments().items
    return list(source.tracking.search_runs([experiment.experiment_id for experiment in experiments]).items)


def _unregistered(recorded: VersionRecord, run: Run) -> ModelVersion:
    return ModelVersion(
        name=recorded.name,
        version="rebuilt",
        creation_timestamp=run.info.start_time,
        last_updated_timestamp=run.info.start_time,
        source=run.info.artifact_uri,
        run_id=run.info.run_id,
    )


def _entry(document: object, name: str) -> dict[str, Any]:
    stages = document.get("stages") if isinstance(document, dict) else None
    entry = stages.get(name) if isinstance(stages, dict) else None
    return entry if isinstance(entry, dict) else {}


def _same_inputs(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return all(old.get(key) == new.get(key) for key in ("cmd", "deps", "params"))
