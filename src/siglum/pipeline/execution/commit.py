"""`commit`: what is in the workspace becomes what is recorded, for data and for what stages made.

What is out of date is recorded only when asked for: it would claim that these outputs come from these inputs.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence

import msgspec

from siglum.core.errors import ConflictError, NotFoundError
from siglum.pipeline.data.output_rules import OutputRules
from siglum.pipeline.definition.files import WorkspaceFiles
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.execution.record import Recorder
from siglum.pipeline.graph.load import ParamsReader, Pipeline, load_pipeline
from siglum.pipeline.inventory.selection import select
from siglum.pipeline.records.lock import LockedPath, StageLock
from siglum.pipeline.records.run_cache import RunCache, may_be_saved
from siglum.pipeline.status.observe import Inputs, lock_inputs, observe_inputs, recorded_lock, why_inputs, why_outputs
from siglum.pipeline.status.staleness import Cause, Change, Reason
from siglum.workspace.commit import Recorded, changed_sources, record
from siglum.workspace.outputs import add_to_gitignore, hash_path, is_cached
from siglum.workspace.pointers import Pointer, read_pointer
from siglum.workspace.repository import Repository
from siglum.workspace.staging import stage as put_into_index

Confirm = Callable[[str], bool]
"""Asks a person whether to record what one sentence says changed."""


class CommitResult(msgspec.Struct, frozen=True):
    """What was recorded, changed or not, and which files Git should be told of (from the repository's root)."""

    recorded: tuple[Recorded, ...]
    git_files: tuple[str, ...] = ()


class _Candidate(msgspec.Struct, frozen=True):
    """A stage or `.dvc` file to record, with what is known of its inputs."""

    stage: Stage
    pointer: Pointer | None
    inputs: Inputs | None
    changes: tuple[str, ...]
    uncached: bool = False
    """Whether what is recorded of its outputs is missing from the cache."""


def commit(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    force: bool = False,
    with_deps: bool = False,
    recursive: bool = False,
    data_only: bool = False,
    relink: bool = True,
    confirm: Confirm | None = None,
) -> CommitResult:
    """Record the outputs of `.dvc` files and stages, all or what `targets` mean (see `selection.select`).

    What changed since it was recorded is recorded with `force`, or where `confirm` says yes to a sentence about it;
    otherwise nothing is recorded at all. With `data_only`, stages with a command are left out. The caller holds the
    lock.

    Raises:
        NotFoundError: A target, an output or a dependency is not there.
        ConflictError: Something changed, and there is neither `force` nor a yes; or Git tracks the output of a stage.
    """
    pipeline = load_pipeline(repo)
    params = ParamsReader(WorkspaceFiles(repo))
    chosen = select(repo, pipeline, targets, with_deps=with_deps, recursive=recursive)
    stages = {each.stage.address: each.stage for each in chosen if each.stage.is_data or not data_only}
    candidates = [_look_at(repo, pipeline, stage, params) for stage in stages.values()]
    if not force:
        _check_unchanged(repo, candidates, confirm)
    rules = OutputRules(repo, [each.stage for each in candidates if not each.stage.is_data])
    for each in candidates:
        _check_there(repo, each.stage)
        if not each.stage.is_data:
            rules.check_untracked(each.stage)
    prepared = [None if each.inputs is None else lock_inputs(each.stage, each.inputs) for each in candidates]
    recorder = Recorder(repo, [each.stage for each in candidates])
    before = {path: _stamp(repo, path) for each in candidates for path in _metafiles(each.stage)}
    done: list[Recorded] = []
    for each, inputs in zip(candidates, prepared, strict=True):
        if inputs is None:
            assert each.pointer is not None
            done += _commit_pointer(repo, each.pointer, relink)
        elif each.changes or not _is_of_dvc_2(pipeline.locks.get(each.stage.address)):
            done += _commit_stage(repo, pipeline, recorder, each, inputs, relink)
    changed = [path for path, stamp in before.items() if _stamp(repo, path) != stamp]
    return CommitResult(tuple(done), put_into_index(repo, changed))


def _metafiles(stage: Stage) -> list[str]:
    """Return the files that recording a stage may change, from the root."""
    ignored = [posixpath.join(posixpath.dirname(out.key), ".gitignore") for out in stage.outs if not out.is_outside]
    return [stage.file if stage.is_data else stage.lock_path, *ignored]


def _stamp(repo: Repository, path: str) -> tuple[int, int] | None:
    """Return what changes when a file is replaced."""
    try:
        status = os.stat(os.path.join(repo.root, path))
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_ctime_ns


def _look_at(repo: Repository, pipeline: Pipeline, stage: Stage, params: ParamsReader) -> _Candidate:
    lock = recorded_lock(pipeline.locks, stage)
    outs = [each for reason in why_outputs(repo, stage, lock) for each in _without_cache(repo, stage, lock, reason)]
    if stage.is_data:
        pointer = Pointer(stage.file, read_pointer(os.path.join(repo.root, stage.file), repo.shown(stage.file)))
        sources = [f"{path} is {change}" for path, change in changed_sources(repo, pointer).items()]
        return _Candidate(stage, pointer, None, (*sources, *map(str, outs)))
    inputs = observe_inputs(repo, stage, params, lock)
    # Frozen or not: what is recorded would be taken for made from these inputs.
    ins = why_inputs(msgspec.structs.replace(stage, frozen=False), lock, inputs)
    reasons: list[Reason] = [reason for reason in (*ins, *outs) if reason.cause is not Cause.ALWAYS]
    cached = {out.path for out in stage.outs if out.cache}
    missing = lock is not None and not _all_cached(repo, [out for out in lock.outs if out.path in cached])
    return _Candidate(stage, None, inputs, tuple(map(str, reasons)), missing)


def _without_cache(repo: Repository, stage: Stage, lock: StageLock | None, reason: Reason) -> list[Reason]:
    """Return what a reason says of the workspace alone: that the cache lacks something is what commit is for."""
    if reason.change is not Change.NOT_IN_CACHE:
        return [reason]
    out = next(out for out in stage.outs if out.key == reason.path)
    recorded = None if lock is None else lock.out(out.path)
    data = None if recorded is None else recorded.data_hash
    path = os.path.join(repo.root, out.key)
    if not os.path.lexists(path):
        return [msgspec.structs.replace(reason, change=Change.DELETED)]
    same = data is not None and hash_path(repo, path, legacy=data.legacy).hash == data
    return [] if same else [msgspec.structs.replace(reason, change=Change.MODIFIED)]


def _check_unchanged(repo: Repository, candidates: Sequence[_Candidate], confirm: Confirm | None) -> None:
    for each in candidates:
        if not each.changes:
            continue
        name = repo.shown(each.stage.file) if each.stage.is_data else f"Stage '{each.stage.address}'"
        shown = "; ".join(each.changes[:3]) + (f"; {len(each.changes) - 3} more" if len(each.changes) > 3 else "")
        problem = f"{name} is not what was recorded: {shown}."
        if confirm is None or not confirm(problem):
            raise ConflictError(problem, hint="Use --force to record what is there now.")


def _check_there(repo: Repository, stage: Stage) -> None:
    for out in stage.outs:
        if not os.path.lexists(os.path.join(repo.root, out.key)):
            raise NotFoundError(
                f"{repo.shown(out.key)} does not exist, though {repo.shown(stage.file)} tracks it.",
                hint="Bring it back with 'siglum checkout'.",
            )


def _is_of_dvc_2(lock: StageLock | None) -> bool:
    """Whether an entry has hashes of DVC 2's kind; unchanged, it stays as it is, as with DVC."""
    hashes = [] if lock is None else [each.data_hash for each in (*lock.deps, *lock.outs)]
    return any(data is not None and data.legacy for data in hashes)


def _commit_pointer(repo: Repository, pointer: Pointer, relink: bool) -> list[Recorded]:
    for spec in pointer.file.outs:
        if spec.cache:
            add_to_gitignore(repo, os.path.join(repo.root, pointer.key_of(spec)))
    return record(repo, pointer, relink=relink, refresh=True)


def _commit_stage(
    repo: Repository, pipeline: Pipeline, recorder: Recorder, each: _Candidate, inputs: StageLock, relink: bool
) -> list[Recorded]:
    before = pipeline.locks.get(each.stage.address)
    # A run whose outputs were left out of the cache (`repro --no-commit`) is worth remembering now. What a person
    # says belongs together is not: a later `repro` would restore it as if it had been made from these inputs.
    was_run = not each.changes and before is not None and each.uncached
    keep_run = was_run and may_be_saved(each.stage)
    entry = recorder.record(each.stage, inputs, small_too=may_be_saved(each.stage), relink=relink)
    if keep_run:
        RunCache(repo.run_cache_dir).save(entry)
    keys = {out.path: out.key for out in each.stage.outs}
    done = []
    for out in entry.outs:
        assert out.data_hash is not None
        old = None if before is None else before.out(out.path)
        changed = old is None or old.md5 != out.md5
        size, files = out.size or 0, out.nfiles if out.nfiles is not None else 1
        done.append(Recorded(keys[out.path], each.stage.lock_path, out.data_hash, size, files, changed))
    return done


def _all_cached(repo: Repository, outs: Sequence[LockedPath]) -> bool:
    return all(out.data_hash is not None and is_cached(repo, out.data_hash) for out in outs)
