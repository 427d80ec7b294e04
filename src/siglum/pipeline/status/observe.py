"""What is there now: hashes of dependencies and outputs, values of parameters. The eyes of `staleness`."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.pipeline.definition.param_files import check_recordable, select
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import ParamsReader
from siglum.pipeline.records.lock import LockedPath, StageLock
from siglum.pipeline.status.staleness import OutputState, Reason, input_reasons, output_reasons
from siglum.storage.tree import scan_tree
from siglum.workspace.outputs import PathState, hash_path, is_cached, is_lost_link
from siglum.workspace.repository import Repository


class Inputs(msgspec.Struct, frozen=True):
    """What goes into a stage now, by key; None for what is missing.

    `legacy` holds the hashes by DVC 2's way for dependencies that are recorded so, `remote` those that are not local.
    """

    deps: dict[str, PathState | None]
    params: dict[str, dict[str, Any] | None]
    legacy: dict[str, str] = {}
    remote: dict[str, LockedPath | None] = {}

    def oids(self) -> dict[str, str | None]:
        """Return the hashes of the dependencies, each as it would be recorded now or, if so, as DVC 2 recorded it.

        Those that are not local have another token.
        """
        found = {key: None if state is None else state.hash.oid for key, state in self.deps.items()} | self.legacy
        return found | {key: None if state is None else state.token for key, state in self.remote.items()}


def path_state(repo: Repository, key: str, *, legacy: bool = False) -> PathState | None:
    """Return the state of a file or folder, or None when there is none. With `legacy`, by DVC 2's hash."""
    path = os.path.join(repo.root, key)
    try:
        return hash_path(repo, path, legacy=legacy)
    except NotFoundError:
        return None
    except InvalidInputError:
        if is_lost_link(repo, path):
            return None
        raise


def folder_listings(repo: Repository, stage: Stage) -> dict[str, dict[str, str]]:
    """Return the files of each folder that a stage depends on, with their hashes, by the dependency's key."""
    found = {}
    for dep in stage.deps:
        path = os.path.join(repo.root, dep.key)
        if not dep.is_remote and os.path.isdir(path):
            manifest = scan_tree(path, repo.index, repo.ignore).manifest
            found[dep.key] = {entry.relpath: entry.oid for entry in manifest.entries}
    return found


def differs_in_bytecode_only(before: dict[str, str], after: dict[str, str]) -> bool:
    """Return whether two listings differ only in what Python itself leaves beside modules that it imports."""
    changed = {path for path, _ in before.items() ^ after.items()}
    return bool(changed) and all("__pycache__" in path.split("/") for path in changed)


def observe_inputs(repo: Repository, stage: Stage, params: ParamsReader, lock: StageLock | None = None) -> Inputs:
    """Hash a stage's dependencies and read its parameters. `lock` is what they will be compared with."""
    values = {dep.key: params.read(dep.key) for dep in stage.params}
    selected = {
        dep.key: None if (found := values[dep.key]) is None else select(found, dep.names) for dep in stage.params
    }
    deps = {dep.key: path_state(repo, dep.key) for dep in stage.deps if not dep.is_remote}
    legacy = {} if lock is None else _legacy_oids(repo, stage, lock)
    return Inputs(deps, selected, legacy, _remote_states(repo, stage, lock))


def _remote_states(repo: Repository, stage: Stage, lock: StageLock | None) -> dict[str, LockedPath | None]:
    """Return what dependencies are that are not local; of a frozen stage what they were, which asks nobody."""
    remote = [dep for dep in stage.deps if dep.is_remote]
    if not remote:
        return {}
    if stage.frozen:
        return {dep.key: None if lock is None else lock.dep(dep.path) for dep in remote}
    # Imported here: it brings what speaks to servers, and most stages have local files only.
    from siglum.pipeline.status.remote_deps import remote_state

    return {dep.key: remote_state(repo, stage, dep) for dep in remote}


def _legacy_oids(repo: Repository, stage: Stage, lock: StageLock) -> dict[str, str]:
    found = {}
    for dep in stage.deps:
        recorded = lock.dep(dep.path)
        if dep.is_remote or recorded is None or recorded.data_hash is None or not recorded.data_hash.legacy:
            continue
        state = path_state(repo, dep.key, legacy=True)
        if state is not None:
            found[dep.key] = state.hash.oid
    return found


def why_inputs(stage: Stage, lock: StageLock | None, inputs: Inputs) -> tuple[Reason, ...]:
    """Return the reasons that lie in a stage's inputs."""
    return input_reasons(stage, lock, inputs.oids(), inputs.params)


def why_outputs(repo: Repository, stage: Stage, lock: StageLock | None) -> tuple[Reason, ...]:
    """Return the reasons that lie in a stage's outputs."""
    states = {}
    for out in stage.outs:
        recorded = None if lock is None else lock.out(out.path)
        data = None if recorded is None else recorded.data_hash
        cached = data is not None and is_cached(repo, data)
        state = path_state(repo, out.key, legacy=data is not None and data.legacy)
        states[out.key] = OutputState(None if state is None else state.hash.oid, cached)
    return output_reasons(stage.outs, lock, states)


def recorded_lock(pipeline_locks: dict[str, StageLock], stage: Stage) -> StageLock | None:
    """Return what is recorded of a stage: in its lock file, or for a `.dvc` file in that file itself."""
    if not stage.is_data:
        return pipeline_locks.get(stage.address)
    outs = tuple(
        LockedPath(out.path, None if out.recorded.legacy else "md5", out.recorded.oid)
        for out in stage.outs
        if out.recorded is not None
    )
    return StageLock("", outs=outs)


def lock_inputs(stage: Stage, inputs: Inputs) -> StageLock:
    """Return a stage's entry without outputs. Raises NotFoundError that names what is missing, and for which stage."""
    assert stage.command is not None
    deps = []
    for dep in stage.deps:
        remote = inputs.remote.get(dep.key)
        if remote is not None:
            deps.append(remote)
            continue
        state = inputs.deps.get(dep.key)
        if state is None and dep.is_dataset:
            raise NotFoundError(
                f"Stage '{stage.address}' needs {dep.path!r}, of which {stage.lock_path} has no or another record.",
                hint="Record the dataset with DVC's 'dataset update'.",
            )
        if state is None:
            raise NotFoundError(
                f"Stage '{stage.address}' needs {dep.path!r}, which does not exist.",
                hint="Run 'siglum pull' if it is on a remote, else correct 'deps'.",
            )
        deps.append(locked_path(dep.path, state))
    params: dict[str, dict[str, Any]] = {}
    for wanted in stage.params:
        values = inputs.params[wanted.key]
        if values is None:
            raise NotFoundError(f"Stage '{stage.address}' needs parameters of {wanted.path!r}, which does not exist.")
        missing = [name for name in wanted.names if name not in values]
        if missing:
            raise NotFoundError(
                f"Stage '{stage.address}' needs the parameter {', '.join(map(repr, missing))}, "
                f"which {wanted.path} does not have."
            )
        check_recordable(values, wanted.path)
        params[wanted.path] = values
    return StageLock(stage.command, tuple(deps), params)


def locked_path(path: str, state: PathState) -> LockedPath:
    """Return how a file or folder is recorded."""
    return LockedPath(
        path,
        "md5",
        state.hash.oid,
        size=state.size,
        nfiles=state.nfiles if state.hash.is_dir else None,
        isexec=True if state.is_exec else None,
    )
