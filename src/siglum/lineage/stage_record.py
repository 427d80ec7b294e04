"""What a run of `repro`, and a run of one of its stages, have on record: values in, operations out. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec

from siglum.core import limits
from siglum.core.hashes import canonical_json
from siglum.lineage.inputs import DataInput
from siglum.lineage.operations import CreateRun, EndRun, LogInputs, LogToRun, Operation, PutFile
from siglum.lineage.stage_links import RESULT_TAG, result_name
from siglum.lineage.stage_values import flat_params
from siglum.lineage.trace import KIND_TAG, REPRO_KIND, STAGE_KIND
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.records.lock import StageLock, encode_entry
from siglum.pipeline.status.events import CommandRun
from siglum.pipeline.status.staleness import Reason
from siglum.tracking.entities import Metric, RunStatus

STAGE_TAG = "siglum.stage"
STAGES_TAG = "siglum.stages"
NOTE_TAG = "mlflow.note.content"
SECONDS_TAG = "siglum.stage.seconds"
COMMAND_TAG = "siglum.stage.command"
ENTRY_TAG = "siglum.stage.entry"
STAGES_FILE = "siglum/stages.json"
ENTRY_FILE = "siglum/stage.json"
"""Holds what `ENTRY_TAG` does where that is too long for a tag."""
LOG_FILE = "stage.log"
MAX_TAG_CHARACTERS = 5000
_NOTE_ROWS = 50
"""So that the table has a length which every server takes."""


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What all runs of one `repro` share. `experiment` is a name or, with `by_id`, an id."""

    experiment: str
    by_id: bool = False
    user: str
    command: str
    code: Mapping[str, str] = {}
    """The tags that say which code ran."""
    parent: str | None = None
    """The run that this `repro` is a part of: of the stage that called it, or of whoever started it."""


class Recorded(msgspec.Struct, frozen=True):
    """What came of recording: the run, whether some of it waits to be sent, and what went wrong."""

    run_id: str
    waits: bool = False
    problem: str | None = None


class StageRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One stage in the table of a `repro`. `run_id` is the run that made its outputs, of this `repro` or an earlier."""

    stage: str
    outcome: str
    run_id: str | None = None
    seconds: float | None = None
    error: str | None = None


def repro_run(shared: Circumstances, run_id: str, name: str, started: int) -> CreateRun:
    """Return the run of a whole `repro`. Times are milliseconds since the epoch."""
    tags = _common_tags(shared) | {KIND_TAG: REPRO_KIND, "mlflow.source.name": shared.command, **shared.code}
    return _create(shared, run_id, name, started, tags, shared.parent)


def stage_run(shared: Circumstances, run_id: str, parent: str, stage: Stage, started: int) -> CreateRun:
    """Return the run of one stage of it."""
    tags = _common_tags(shared) | {
        KIND_TAG: STAGE_KIND,
        STAGE_TAG: stage.address,
        COMMAND_TAG: "\n".join(stage.shown_commands())[:MAX_TAG_CHARACTERS],
        "mlflow.source.name": f"{stage.file}:{stage.name}",
    }
    return _create(shared, run_id, stage.address, started, tags, parent)


def _common_tags(shared: Circumstances) -> dict[str, str]:
    return {"mlflow.user": shared.user, "mlflow.source.type": "LOCAL"}


def _create(
    shared: Circumstances, run_id: str, name: str, started: int, tags: dict[str, str], parent: str | None
) -> CreateRun:
    return CreateRun(
        run_id=run_id,
        experiment=shared.experiment,
        by_id=shared.by_id,
        name=name[: limits.RUN_NAME],
        user=shared.user,
        start_time=started,
        tags=tags,
        parent=parent,
    )


def stage_inputs(
    run_id: str, stage: Stage, inputs: StageLock, commit: str | None, makers: Mapping[str, tuple[str, str | None]]
) -> list[Operation]:
    """Return what a stage reads. `makers` has by path the file that names it and, where known, the run that made it."""
    keys = {dep.path: dep.key for dep in stage.deps}
    data = []
    for dep in inputs.deps:
        if dep.data_hash is None:
            continue
        key = keys.get(dep.path, dep.path)
        pointer, maker = makers.get(key, (None, None))
        data.append(DataInput(key, str(dep.data_hash), pointer=pointer, rev=commit, context="stage", run_id=maker))
    return [LogInputs(run_id, tuple(data))] if data else []


class StageEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a stage ended. `lock` is its entry, `inputs` that without outputs, for one that failed."""

    stage: Stage
    reasons: tuple[Reason, ...] = ()
    run: CommandRun | None = None
    inputs: StageLock | None = None
    lock: StageLock | None = None
    error: str | None = None
    status: RunStatus = RunStatus.FINISHED


def stage_end(
    run_id: str,
    end: StageEnd,
    *,
    metrics: Sequence[Metric] = (),
    files: Sequence[PutFile] = (),
    code: Mapping[str, str] = {},
    now: int,
) -> list[Operation]:
    """Return how a stage ended: times, exit status, outputs, parameters, metrics, and its entry in the lock file.

    Which code ran comes now, since a script that goes on with a run which says so takes it for recorded already.
    """
    entry = end.lock or end.inputs
    encoded = b"" if entry is None else canonical_json(encode_entry(entry))
    found: dict[str, str | None] = {
        "siglum.stage.reasons": "; ".join(map(str, end.reasons))[:MAX_TAG_CHARACTERS],
        "siglum.stage.error": None if end.error is None else end.error[:MAX_TAG_CHARACTERS],
        "siglum.stage.outs": None if end.lock is None else _outs(end.stage, end.lock),
        RESULT_TAG: None if end.lock is None else result_name(end.lock),
    }
    ended = now
    if end.run is not None:
        ended = int(end.run.ended_at * 1000)
        found |= {
            "siglum.stage.exit_status": None if end.run.exit_status is None else str(end.run.exit_status),
            SECONDS_TAG: f"{end.run.ended_at - end.run.started_at:.3f}",
            "siglum.stage.attempts": str(end.run.attempts) if end.run.attempts > 1 else None,
        }
    kept = {key: value for key, value in found.items() if value} | dict(code)
    params = {} if entry is None else flat_params(entry.params)
    entry_file = (PutFile(run_id, ENTRY_FILE, content=encoded),) if len(encoded) > MAX_TAG_CHARACTERS else ()
    if encoded and not entry_file:
        kept[ENTRY_TAG] = encoded.decode()
    return [LogToRun(run_id, tuple(metrics), params, kept), *files, *entry_file, EndRun(run_id, end.status, ended)]


def repro_end(
    run_id: str,
    rows: Sequence[StageRow],
    *,
    params: Mapping[str, str],
    metrics: Sequence[Metric],
    files: Sequence[PutFile],
    status: RunStatus,
    now: int,
) -> list[Operation]:
    """Return how a `repro` ended: the table of its stages, and the pipeline's parameters and metrics as they are."""
    table = canonical_json([msgspec.to_builtins(row) for row in rows])
    tags = {NOTE_TAG: note(rows)}
    if len(table) <= MAX_TAG_CHARACTERS:
        tags[STAGES_TAG] = table.decode()
    return [
        LogToRun(run_id, tuple(metrics), dict(params), tags),
        *files,
        PutFile(run_id, STAGES_FILE, content=table),
        EndRun(run_id, status, now),
    ]


def note(rows: Sequence[StageRow]) -> str:
    """Return the table of stages in Markdown: what MLflow's own pages show of a run."""
    lines = ["| stage | outcome | seconds | run that made the outputs |", "| --- | --- | --- | --- |"]
    for row in rows[:_NOTE_ROWS]:
        seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
        lines.append(f"| {row.stage.replace('|', chr(92) + '|')} | {row.outcome} | {seconds} | {row.run_id or ''} |")
    if len(rows) > _NOTE_ROWS:
        lines.append(f"| and {len(rows) - _NOTE_ROWS} more in {STAGES_FILE} | | | |")
    return "\n".join(lines)


def file_of(run_id: str, kind: str, key: str, root: str) -> PutFile:
    """Return a metrics or plots file to be kept with a run, below a folder of its kind."""
    return PutFile(run_id, f"{kind}/{key.lstrip('/').replace('../', '')}", os.path.join(root, key))


def _outs(stage: Stage, lock: StageLock) -> str | None:
    keys = {out.path: out.key for out in stage.outs}
    listed = [
        {"path": keys.get(out.path, out.path), "hash": str(out.data_hash), "size": out.size}
        for out in lock.outs
        if out.data_hash is not None
    ]
    text = canonical_json(listed).decode()
    return text if listed and len(text) <= MAX_TAG_CHARACTERS else None
