"""What happens while a pipeline runs, as values: given to a callback as it happens, and returned at the end.

This is the port by which higher layers learn of stages: nothing here knows of runs or models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeAlias

import msgspec

from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.records.lock import StageLock
from siglum.pipeline.status.staleness import Reason


class Outcome(StrEnum):
    """How a stage ended."""

    RAN = "ran"
    RESTORED = "restored"
    UNCHANGED = "unchanged"
    WOULD_RUN = "would run"
    VERIFIED = "verified"
    FAILED = "failed"
    SKIPPED = "skipped"


class CommandRun(msgspec.Struct, frozen=True):
    """How a stage's commands ran. Times are wall clock, in seconds since 1970, of the last attempt."""

    started_at: float
    ended_at: float
    exit_status: int | None = None
    """Of the last command that ran; negative for one that a signal ended, None when none could be started."""
    log: str | None = None
    """Where their output is, posix, from the root: standard output and standard error of all attempts."""
    attempts: int = 1


class StageResult(msgspec.Struct, frozen=True):
    """What became of one stage: why it was stale, what was recorded, and for a failure what went wrong."""

    address: str
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    lock: StageLock | None = None
    error: str | None = None
    run: CommandRun | None = None


class StageStarted(msgspec.Struct, frozen=True, tag="started"):
    """A stage is about to run its commands (or, in a dry run, would).

    `inputs` is the entry without outputs: command, hashes of dependencies, parameters; None in a dry run that cannot
    know them yet. `log` is where its output will be, see `CommandRun`.
    """

    stage: Stage
    reasons: tuple[Reason, ...]
    inputs: StageLock | None = None
    started_at: float = 0.0
    log: str | None = None


class CommandStarted(msgspec.Struct, frozen=True, tag="command"):
    """One command of a stage begins."""

    stage: Stage
    command: str


class StageRetried(msgspec.Struct, frozen=True, tag="retried"):
    """A stage failed, and starts once more after a pause. `attempt` is the number of the one that failed, from 1."""

    stage: Stage
    error: str
    attempt: int
    pause_seconds: float


class OutputKept(msgspec.Struct, frozen=True, tag="kept"):
    """An output whose content was nowhere else was saved before its stage runs: `where` says under what name."""

    stage: Stage
    path: str
    where: str


class StageFinished(msgspec.Struct, frozen=True, tag="finished"):
    """A stage ran, its outputs are saved and its entry is in the lock file."""

    stage: Stage
    lock: StageLock
    reasons: tuple[Reason, ...] = ()
    run: CommandRun | None = None


class StageRestored(msgspec.Struct, frozen=True, tag="restored"):
    """A stage did not need to run: its outputs were brought back from an earlier run with the same inputs.

    `source` is the name of that run's file in the run cache; None when what the lock file says was brought back.
    """

    stage: Stage
    reasons: tuple[Reason, ...]
    lock: StageLock
    source: str | None = None


class StageVerified(msgspec.Struct, frozen=True, tag="verified"):
    """What is never run (a `.dvc` file, a frozen stage) had changed, and is recorded as it is now."""

    stage: Stage
    reasons: tuple[Reason, ...]
    lock: StageLock | None = None


class StageUnchanged(msgspec.Struct, frozen=True, tag="unchanged"):
    """Nothing about a stage changed since what `lock` records (None for a `.dvc` file)."""

    stage: Stage
    lock: StageLock | None = None


class StageFailed(msgspec.Struct, frozen=True, tag="failed"):
    """A stage failed; nothing was recorded of it. `run` is None when its commands did not get to run."""

    stage: Stage
    error: str
    reasons: tuple[Reason, ...] = ()
    inputs: StageLock | None = None
    run: CommandRun | None = None


class StageSkipped(msgspec.Struct, frozen=True, tag="skipped"):
    """A stage was left out since one that it needs failed."""

    stage: Stage
    failed: str


Event: TypeAlias = (
    StageStarted
    | CommandStarted
    | StageRetried
    | OutputKept
    | StageFinished
    | StageRestored
    | StageVerified
    | StageUnchanged
    | StageFailed
    | StageSkipped
)
OnEvent: TypeAlias = Callable[[Event], None]
# Variables to add to the environment of a stage's commands, asked for right after its StageStarted was reported.
VariablesOf: TypeAlias = Callable[[Stage], Mapping[str, str]]


def ignore_events(event: Event) -> None:
    """Do nothing."""
