"""`remove`: stages leave dvc.yaml and dvc.lock, `.dvc` files go; where asked, with their data."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.pipeline.definition.edit import check_own_entry, without_lock_entry, without_stage
from siglum.pipeline.definition.paths import join
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import Pipeline, load_pipeline
from siglum.pipeline.graph.targets import find_stages
from siglum.storage.durability import discard
from siglum.workspace.documents import load_yaml, read_bytes, sync_folder, write_atomic
from siglum.workspace.pointers import Pointer, is_pointer
from siglum.workspace.remove import (
    Removed,
    cached_outputs,
    find_pointer,
    leave_alone,
    remove_data,
    remove_pointer,
    unhide,
)
from siglum.workspace.repository import Repository
from siglum.workspace.safety import check_saved
from siglum.workspace.staging import stage as put_into_index
from siglum.workspace.targets import all_outputs, find_output


def remove(repo: Repository, targets: Sequence[str], *, outs: bool = False, force: bool = False) -> Removed:
    """Stop tracking what `targets` name: `.dvc` files and stages, or dvc.yaml files for all stages in them.

    With `outs`, data that the cache holds is removed from the workspace as well; without `force` only if that loses
    nothing. All targets are checked before anything is removed. Run again after it was interrupted, it goes on. The
    caller holds the lock.

    Raises:
        NotFoundError: A target is neither a `.dvc` file nor a stage.
        InvalidInputError: A target is a stage that others are generated with.
        WouldLoseDataError: Data is in no cache.
    """
    found = _find(repo, targets)
    if outs and not force:
        check_saved(repo, [key for each in found for key in _data_of(each)])
    removed: list[str] = []
    data: list[str] = []
    files: list[str] = []
    for each in found:
        done = remove_pointer(repo, each, outs=outs) if isinstance(each, Pointer) else _remove_stage(repo, each, outs)
        removed += done.removed
        data += done.data
        files += done.git_files
    return Removed(tuple(removed), tuple(data), put_into_index(repo, files))


def _find(repo: Repository, targets: Sequence[str]) -> list[Pointer | Stage]:
    pipeline: Pipeline | None = None  # read only where a target is not a .dvc file
    found: dict[str, Pointer | Stage] = {}
    for target in targets:
        if is_pointer(target):
            pointer = find_pointer(repo, target)
            found[pointer.path] = pointer
            continue
        pipeline = pipeline or load_pipeline(repo)
        for stage in _stages(repo, pipeline, target):
            found[stage.address] = stage
    return list(found.values())


def _stages(repo: Repository, pipeline: Pipeline, target: str) -> list[Stage]:
    """Return the stages that a target names by name or file; an output does not name its stage here."""
    key = repo.key_of(os.path.abspath(target))
    output = find_output(all_outputs(repo), key)
    if output is not None and not output.within:
        raise InvalidInputError(
            f"{target} is data, not what tracks it.", hint=f"Name its .dvc file: {repo.shown(output.pointer.path)}"
        )
    folder = posixpath.normpath(os.path.relpath(os.getcwd(), repo.root).replace(os.sep, "/"))
    folder = "" if folder == "." else folder
    stages = [pipeline.stages[address] for address in find_stages(pipeline, [target], folder)]
    owned = [stage for stage in stages if any(out.key == key for out in stage.outs) and stage.name != target]
    if owned and join(folder, target) not in pipeline.tops:
        raise NotFoundError(
            f"There is no stage '{target}'.", hint=f"It is an output of the stage '{owned[0].address}': name that."
        )
    for stage in stages:
        check_own_entry(stage, load_yaml(read_bytes(os.path.join(repo.root, stage.file)), stage.file))
    return stages


def _data_of(each: Pointer | Stage) -> list[str]:
    """Return what `outs` removes: of a stage also what Git keeps, as with DVC."""
    if isinstance(each, Pointer):
        return cached_outputs(each)
    return [out.key for out in each.outs if not out.is_outside]


def _remove_stage(repo: Repository, stage: Stage, outs: bool) -> Removed:
    """Take a stage out: its data, its lines in .gitignore, its entry in dvc.lock, and last what is in dvc.yaml."""
    keys = [out.key for out in stage.outs if out.cache and not out.is_outside]
    data = remove_data(repo, _data_of(stage)) if outs else ()
    leave_alone(repo, keys)
    changed = unhide(repo, keys)
    files = [*changed]
    lock = os.path.join(repo.root, stage.lock_path)
    if os.path.exists(lock):
        _replace(lock, without_lock_entry(read_bytes(lock), stage))
        files.append(stage.lock_path)
    path = os.path.join(repo.root, stage.file)
    _replace(path, without_stage(read_bytes(path), stage))
    return Removed((stage.address,), data, (*files, stage.file))


def _replace(path: str, text: str | None) -> None:
    if text is None:
        discard(path)
        sync_folder(os.path.dirname(path))
    else:
        write_atomic(path, text.encode())
