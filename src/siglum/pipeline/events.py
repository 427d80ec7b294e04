"""What happens while a pipeline runs, as values: given to a callback as it happens, and returned at the end.

This is the port by which higher layers learn of stages: nothing here knows of runs or models.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

import msgspec

from siglum.pipeline.lock import StageLock
from siglum.pipeline.stages import Stage
from siglum.pipeline.staleness import Reason


class Outcome(StrEnum):
    """How a stage ended."""

    RAN = "ran"
    RESTORED = "restored"
    UNCHANGED = "unchanged"
    WOULD_RUN = "would run"
    VERIFIED = "verified"
    FAILED = "failed"
    SKIPPED = "skipped"


class StageResult(msgspec.Struct, frozen=True):
    """What became of one stage: why it was stale, what was recorded, and for a failure what went wrong."""

    address: str
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    lock: StageLock | None = None
    error: str | None = None


class StageStarted(msgspec.Struct, frozen=True, tag="started"):
    """A stage is about to run its commands (or, in a dry run, would)."""

    stage: Stage
    reasons: tuple[Reason, ...]


class CommandStarted(msgspec.Struct, frozen=True, tag="command"):
    """One command of a stage begins."""

    stage: Stage
    command: str


class OutputKept(msgspec.Struct, frozen=True, tag="kept"):
    """An output whose content was nowhere else was saved before its stage runs: `where` says under what name."""

    stage: Stage
    path: str
    where: str


class StageFinished(msgspec.Struct, frozen=True, tag="finished"):
    """A stage ran, its outputs are saved and its entry is in the lock file."""

    stage: Stage
    lock: StageLock


class StageRestored(msgspec.Struct, frozen=True, tag="restored"):
    """A stage did not need to run: its outputs were brought back from an earlier run with the same inputs."""

    stage: Stage
    reasons: tuple[Reason, ...]
    lock: StageLock


class StageVerified(msgspec.Struct, frozen=True, tag="verified"):
    """What is never run (a `.dvc` file, a frozen stage) had changed, and is recorded as it is now."""

    stage: Stage
    reasons: tuple[Reason, ...]


class StageUnchanged(msgspec.Struct, frozen=True, tag="unchanged"):
    """Nothing about a stage changed."""

    stage: Stage


class StageFailed(msgspec.Struct, frozen=True, tag="failed"):
    """A stage failed; nothing was recorded of it."""

    stage: Stage
    error: str


class StageSkipped(msgspec.Struct, frozen=True, tag="skipped"):
    """A stage was left out since one that it needs failed."""

    stage: Stage
    failed: str


Event: TypeAlias = (
    StageStarted
    | CommandStarted
    | OutputKept
    | StageFinished
    | StageRestored
    | StageVerified
    | StageUnchanged
    | StageFailed
    | StageSkipped
)
OnEvent: TypeAlias = Callable[[Event], None]


def ignore_events(event: Event) -> None:
    """Do nothing."""
