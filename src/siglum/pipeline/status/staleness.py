"""Why a stage is out of date: recorded values and present values in, reasons out. Pure.

The rules are DVC's, so that both tools run the same stages. A `Reason` is typed; `status_entries` gives the shape that
`dvc status --json` prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from siglum.pipeline.definition.stages import Output, Stage
from siglum.pipeline.records.lock import LockedPath, StageLock


class Cause(StrEnum):
    """What kind of thing changed."""

    COMMAND = "command"
    ALWAYS = "always"
    DEPENDENCY = "dependency"
    PARAMETER = "parameter"
    OUTPUT = "output"
    FORCED = "forced"
    UPSTREAM = "upstream"


class Change(StrEnum):
    """What happened to it, in the words of `status --json`."""

    MODIFIED = "modified"
    DELETED = "deleted"
    NEW = "new"
    NOT_IN_CACHE = "not in cache"
    NOT_IN_SYNC = "not in sync"


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason to run a stage. `path` is from the root; `name` is a parameter's dotted key."""

    cause: Cause
    path: str | None = None
    change: Change | None = None
    name: str | None = None

    def __str__(self) -> str:
        match self.cause:
            case Cause.COMMAND:
                return "the command changed"
            case Cause.ALWAYS:
                return "it runs always"
            case Cause.FORCED:
                return "it was asked for"
            case Cause.UPSTREAM:
                return f"'{self.path}' would change it"
            case Cause.PARAMETER if self.name is not None:
                return f"{self.name} in {self.path} is {_SAID[self.change]}"
        return f"{self.path} is {_SAID[self.change]}"


_SAID = {
    Change.MODIFIED: "changed",
    Change.DELETED: "missing",
    Change.NEW: "new",
    Change.NOT_IN_CACHE: "not in the cache",
    Change.NOT_IN_SYNC: "not what was recorded of it",
    None: "changed",
}


class OutputState(msgspec.Struct, frozen=True):
    """An output now: its hash in the workspace (None when it is missing), and whether the recorded one is cached."""

    oid: str | None
    cached: bool


def command_reasons(stage: Stage, lock: StageLock | None) -> tuple[Reason, ...]:
    """Return a reason when the command is not the recorded one. Nothing recorded is no change of the command."""
    return () if lock is None or lock.command == stage.command else (Reason(Cause.COMMAND),)


def dependency_reasons(stage: Stage, lock: StageLock | None, present: Mapping[str, str | None]) -> tuple[Reason, ...]:
    """Compare hashes of dependencies, `present` by key (None for what is missing), with what is recorded.

    Those that are not local have another token than a hash, see `LockedPath.token`.
    """
    reasons = []
    for dep in stage.deps:
        recorded = None if lock is None else lock.dep(dep.path)
        oid = present[dep.key]
        if oid is None:
            change = Change.NOT_IN_SYNC if dep.is_dataset else Change.DELETED
            reasons.append(Reason(Cause.DEPENDENCY, dep.key, change))
        elif recorded is None or recorded.token != oid:
            change = Change.NEW if dep.is_dataset and recorded is None else Change.MODIFIED
            reasons.append(Reason(Cause.DEPENDENCY, dep.key, change))
    return tuple(reasons)


def parameter_reasons(
    stage: Stage, lock: StageLock | None, present: Mapping[str, Mapping[str, Any] | None]
) -> tuple[Reason, ...]:
    """Compare selected parameters, `present` by file key (None for a file that is missing), with what is recorded."""
    reasons = []
    for dep in stage.params:
        values = present[dep.key]
        recorded = None if lock is None else lock.params.get(dep.path)
        if values is None:
            reasons.append(Reason(Cause.PARAMETER, dep.key, Change.DELETED))
        elif recorded is None:
            reasons.append(Reason(Cause.PARAMETER, dep.key, Change.NEW))
        else:
            for name in dep.names or dict.fromkeys([*values, *recorded]):
                change = _compare_parameter(name, values, recorded)
                if change is not None:
                    reasons.append(Reason(Cause.PARAMETER, dep.key, change, name))
    return tuple(reasons)


def output_reasons(
    outs: Sequence[Output], lock: StageLock | None, present: Mapping[str, OutputState]
) -> tuple[Reason, ...]:
    """Compare outputs, `present` by key, with what is recorded. A right one whose object is gone is stale too."""
    reasons = []
    for out in outs:
        recorded = None if lock is None else lock.out(out.path)
        state = present[out.key]
        if out.cache and recorded is not None and recorded.md5 is not None and not state.cached:
            reasons.append(Reason(Cause.OUTPUT, out.key, Change.NOT_IN_CACHE))
        elif state.oid is None:
            reasons.append(Reason(Cause.OUTPUT, out.key, Change.DELETED))
        elif not _same(recorded, state.oid):
            reasons.append(Reason(Cause.OUTPUT, out.key, Change.MODIFIED))
    return tuple(reasons)


def _same(recorded: LockedPath | None, oid: str) -> bool:
    return recorded is not None and recorded.md5 == oid


def _compare_parameter(name: str, values: Mapping[str, Any], recorded: Mapping[str, Any]) -> Change | None:
    if name not in values:
        return Change.DELETED
    if name not in recorded:
        return Change.NEW
    return None if _equal(values[name], recorded[name]) else Change.MODIFIED


def _equal(value: Any, recorded: Any) -> bool:
    """Return whether two parameters are the same. `.nan` is the same as itself, or its stage would run every time."""
    if isinstance(value, dict) and isinstance(recorded, dict):
        return value.keys() == recorded.keys() and all(_equal(value[key], recorded[key]) for key in value)
    if isinstance(value, list) and isinstance(recorded, list):
        return len(value) == len(recorded) and all(map(_equal, value, recorded))
    return bool(value == recorded) or (value != value and recorded != recorded)


def input_reasons(
    stage: Stage,
    lock: StageLock | None,
    deps: Mapping[str, str | None],
    params: Mapping[str, Mapping[str, Any] | None],
) -> tuple[Reason, ...]:
    """Return all reasons that lie in what goes into a stage. A frozen stage has its command only."""
    command = command_reasons(stage, lock)
    if stage.frozen:
        return command
    always = (Reason(Cause.ALWAYS),) if stage.runs_always else ()
    return (*command, *always, *dependency_reasons(stage, lock, deps), *parameter_reasons(stage, lock, params))
