"""Why a stage will run or not, in full: each thing that changed, from what to what. Pure.

`staleness` decides; this says what its reasons stand for: old and new values of parameters, hashes, the files of a
folder, the command. `examine` looks at the workspace for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from siglum.core.hashes import DIR_SUFFIX
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.records.lock import StageLock
from siglum.pipeline.status.staleness import Cause, Change, OutputState, Reason


class Action(StrEnum):
    """What `repro` would do with a stage as things are."""

    NOTHING = "nothing"
    RUN = "run"
    RESTORE = "restore"
    RECORD = "record"
    DEPENDS = "depends"
    """On what the stages before it will make."""
    FAIL = "fail"
    """Something that it needs is missing and no stage makes it, or a stage before it cannot run for such a reason."""


class FileDifference(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file in a folder that changed; hashes are MD5, None on the side where it is not there."""

    path: str
    change: Change
    old: str | None = None
    new: str | None = None


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that changed. `old` and `new` are a hash, a parameter's value or a command; unset where there is none.

    `files` are those of a folder that changed, None where that is not a folder or one side's list is not known.
    """

    cause: Cause
    path: str | None = None
    change: Change | None = None
    name: str | None = None
    old: Any | UnsetType = UNSET
    new: Any | UnsetType = UNSET
    files: tuple[FileDifference, ...] | None = None


class Missing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that a stage needs and that is not there: a file, or with a `name` a parameter in one."""

    path: str
    name: str | None = None


class CacheHit(msgspec.Struct, frozen=True, omit_defaults=True):
    """An earlier result that would be brought back: its name in the run cache, and the run on record that made it."""

    entry: str
    run_id: str | None = None


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What is there now, by key, and the lists of files (path to MD5) of folders, recorded and present, by hash."""

    deps: Mapping[str, str | None] = {}
    params: Mapping[str, Mapping[str, Any] | None] = {}
    outs: Mapping[str, OutputState] = {}
    listings: Mapping[str, Mapping[str, str]] = {}


class Explanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a stage will run or not. `recorded` says whether it ever ran.

    `upstream` are stages that come first and will change what it reads, or that cannot run, so that it cannot either.
    """

    stage: str
    action: Action
    recorded: bool
    frozen: bool = False
    differences: tuple[Difference, ...] = ()
    upstream: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    hit: CacheHit | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to do, and so nothing to say."""
        return self.action is Action.NOTHING


def differences(
    stage: Stage, lock: StageLock | None, reasons: Sequence[Reason], observed: Observed
) -> tuple[Difference, ...]:
    """Return what the reasons stand for, in their order."""
    return tuple(each for reason in reasons for each in _differences(stage, lock, reason, observed))


def folder_hashes(
    stage: Stage, lock: StageLock | None, reasons: Iterable[Reason], observed: Observed
) -> dict[str, tuple[str | None, str | None]]:
    """Return for each changed folder, by key, the hashes of its recorded and its present list of files."""
    found = {}
    for reason in reasons:
        if reason.path is None or reason.change is not Change.MODIFIED:
            continue
        if reason.cause in (Cause.DEPENDENCY, Cause.OUTPUT):
            pair = _hashes(stage, lock, reason, observed)
            if any(oid is not None and oid.endswith(DIR_SUFFIX) for oid in pair):
                found[reason.path] = pair
    return found


def decide(
    stage: Stage,
    reasons: Sequence[Reason],
    outs: Mapping[str, OutputState],
    *,
    upstream: Sequence[str] = (),
    blocked: bool = False,
    missing: Sequence[Missing] = (),
    hit: CacheHit | None = None,
) -> Action:
    """Return what `repro` would do.

    `upstream` are stages before this one that will change what they make; `blocked` says that one of them cannot.
    """
    if stage.is_data or stage.frozen:
        return _decide_without_command(reasons, outs)
    if missing or blocked:
        return Action.FAIL
    if not reasons:
        return Action.DEPENDS if upstream else Action.NOTHING
    return Action.RESTORE if hit is not None else Action.RUN


def _decide_without_command(reasons: Sequence[Reason], outs: Mapping[str, OutputState]) -> Action:
    """Return what becomes of what is never run: brought back where it is missing, else recorded as it is."""
    outputs = [reason.path for reason in reasons if reason.cause is Cause.OUTPUT and reason.path is not None]
    gone = [outs[path] for path in outputs if outs[path].oid is None]
    if any(not state.cached for state in gone):
        return Action.FAIL
    if reasons and len(gone) == len(reasons):
        return Action.RESTORE
    return Action.RECORD if reasons else Action.NOTHING


def compare_files(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[FileDifference, ...]:
    """Return the files that are not the same in two lists, by path."""
    found = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before != after:
            change = Change.NEW if before is None else Change.DELETED if after is None else Change.MODIFIED
            found.append(FileDifference(path, change, before, after))
    return tuple(found)


def _differences(stage: Stage, lock: StageLock | None, reason: Reason, observed: Observed) -> list[Difference]:
    match reason.cause:
        case Cause.COMMAND:
            old = UNSET if lock is None else _plain(lock.command)
            return [Difference(Cause.COMMAND, change=Change.MODIFIED, old=old, new=_plain(stage.command))]
        case Cause.DEPENDENCY | Cause.OUTPUT:
            return [_path_difference(stage, lock, reason, observed)]
        case Cause.PARAMETER:
            return _parameter_differences(stage, lock, reason, observed)
    return [Difference(reason.cause, reason.path, reason.change)]


def _path_difference(stage: Stage, lock: StageLock | None, reason: Reason, observed: Observed) -> Difference:
    assert reason.path is not None
    old, new = _hashes(stage, lock, reason, observed)
    before, after = (None if oid is None else observed.listings.get(oid) for oid in (old, new))
    files = None if before is None or after is None else compare_files(before, after)
    return Difference(reason.cause, reason.path, reason.change, None, _or_unset(old), _or_unset(new), files)


def _hashes(stage: Stage, lock: StageLock | None, reason: Reason, observed: Observed) -> tuple[str | None, str | None]:
    key = reason.path or ""
    if reason.cause is Cause.DEPENDENCY:
        written = next((dep.path for dep in stage.deps if dep.key == key), key)
        recorded = None if lock is None else lock.dep(written)
        new = observed.deps.get(key)
    else:
        written = next((out.path for out in stage.outs if out.key == key), key)
        recorded = None if lock is None else lock.out(written)
        state = observed.outs.get(key)
        new = None if state is None else state.oid
    return None if recorded is None else recorded.token, new


def _parameter_differences(
    stage: Stage, lock: StageLock | None, reason: Reason, observed: Observed
) -> list[Difference]:
    key = reason.path or ""
    written = next((dep.path for dep in stage.params if dep.key == key), key)
    recorded = {} if lock is None else lock.params.get(written, {})
    present = observed.params.get(key) or {}
    if reason.change is Change.DELETED and reason.name is None:
        return [Difference(Cause.PARAMETER, key, Change.DELETED)]
    names = [reason.name] if reason.name is not None else list(present)
    leaves = [leaf for name in names for leaf in _leaves(name, recorded.get(name, UNSET), present.get(name, UNSET))]
    return [Difference(Cause.PARAMETER, key, _change(old, new), name, old, new) for name, old, new in leaves]


def _leaves(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    """Return the values that differ, with their dotted names: of a group of parameters only the changed ones."""
    old, new = _plain(old), _plain(new)
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        same = old == new or (old != old and new != new)  # not a number twice is no change
        return [] if same else [(name, old, new)]
    keys = [*new, *(key for key in old if key not in new)]
    return [leaf for key in keys for leaf in _leaves(f"{name}.{key}", old.get(key, UNSET), new.get(key, UNSET))]


def _change(old: Any, new: Any) -> Change:
    return Change.NEW if old is UNSET else Change.DELETED if new is UNSET else Change.MODIFIED


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _or_unset(value: str | None) -> str | UnsetType:
    return UNSET if value is None else value
