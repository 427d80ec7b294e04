"""Moving tracked data: the data, its `.dvc` file and its line in `.gitignore` go together, or stay together.

The order makes a killed move one that can be run again: what is new is written first (the new `.gitignore` line, the
new `.dvc` file), then the data is renamed, and the old `.dvc` file, by which the source is found, goes last. A note in
`.dvc/tmp/siglum` says which move is under way, so that its own traces do not stand in its way.
"""

from __future__ import annotations

import errno
import os
import posixpath
import shutil

import msgspec

from siglum.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from siglum.storage.durability import discard, temporary_name
from siglum.workspace.documents import read_bytes, sync_folder, write_atomic
from siglum.workspace.outputs import add_to_gitignore, remove_from_gitignore, remove_path
from siglum.workspace.placement import check_git, check_place
from siglum.workspace.pointers import (
    DataFile,
    OutputSpec,
    Pointer,
    is_pointer,
    pointer_of,
    with_checksum,
    write_pointer,
)
from siglum.workspace.repository import Repository
from siglum.workspace.staging import stage
from siglum.workspace.targets import TrackedOutput, all_outputs, find_output, not_tracked


class Moved(msgspec.Struct, frozen=True):
    """A move: old and new path, and the `.dvc` file now, from the root; `absent` when there was no data to move."""

    source: str
    target: str
    pointer: str
    absent: bool
    git_files: tuple[str, ...]


class _Plan(msgspec.Struct, frozen=True):
    output: TrackedOutput
    target: str
    pointer: Pointer


def move(repo: Repository, source: str, target: str) -> Moved:
    """Move tracked data (paths relative to the current folder); an existing folder as `target` takes it in.

    Nothing is overwritten. Changes that were not recorded move along. The caller holds the lock.

    Raises:
        NotFoundError: Nothing tracks `source`, or the folder of `target` does not exist.
        AlreadyExistsError: Something is at `target` already.
        InvalidInputError: `target` is outside the repository, inside `source`, ignored, or no name for data.
        ConflictError: `target` lies in what is tracked already.
    """
    finished = _finished(repo, source, target)
    if finished is not None:
        discard(_note_path(repo))
        return finished
    output = _find(repo, source)
    plan = _plan(repo, output, destination(repo, source, target))
    old, new = (os.path.join(repo.root, key) for key in (output.key, plan.target))
    own, other = (os.path.join(repo.root, path) for path in (plan.pointer.path, output.pointer.path))
    _note(repo, plan)
    ignored = [add_to_gitignore(repo, new)] if output.spec.cache else []
    if own != other:
        write_pointer(own, plan.pointer.file)
    was_there = os.path.lexists(old)
    if was_there:
        _rename(old, new)
    if output.spec.cache:
        ignored.append(remove_from_gitignore(repo, old))
    if own == other:
        write_pointer(own, plan.pointer.file)
    else:
        discard(other)
        sync_folder(os.path.dirname(other))
    repo.placed.forget(output.key)
    if output.spec.cache and output.spec.data is not None:
        repo.placed.note(plan.target, output.spec.data.oid)
    files = {plan.pointer.path, output.pointer.path, *(repo.key_of(file) for file in ignored if file is not None)}
    told = stage(repo, files)
    discard(_note_path(repo))
    absent = not (was_there or os.path.lexists(new))
    return Moved(output.key, plan.target, plan.pointer.path, absent, told)


def _finished(repo: Repository, source: str, target: str) -> Moved | None:
    """Return the result of just this move when it was killed with nothing left to do but to say so."""
    key, path = repo.key_of(os.path.abspath(source)), os.path.abspath(target)
    outputs = all_outputs(repo)
    if any(output.key == key for output in outputs):
        return None
    for place in (path, os.path.join(path, os.path.basename(os.path.abspath(source)))):
        there = os.path.relpath(place, repo.root).replace(os.sep, "/")
        if _is_noted(repo, key, there):
            output = next((output for output in outputs if output.key == there), None)
            if output is not None:
                return Moved(key, output.key, output.pointer.path, not os.path.lexists(place), (output.pointer.path,))
    return None


def _find(repo: Repository, source: str) -> TrackedOutput:
    if is_pointer(source):
        data = source.removesuffix(".dvc")
        raise InvalidInputError(f"{source} is a .dvc file.", hint=f"Move the data, and it goes along: {data}")
    outputs = all_outputs(repo)
    key = repo.key_of(os.path.abspath(source))
    found = find_output(outputs, key)
    if found is None:
        raise not_tracked(source, [repo.shown(output.key) for output in outputs])
    if found.within:
        raise InvalidInputError(
            f"{source} is part of {repo.shown(found.key)}, which is tracked as a whole.",
            hint=f"Move it with 'mv', then record the folder with 'siglum add {repo.shown(found.key)}'.",
        )
    return found


def destination(repo: Repository, source: str, target: str) -> str:
    """Return the absolute path that `source` gets when it is moved to `target`: in it, if that is a folder already.

    Raises NotFoundError for a folder that is not there.
    """
    path, origin = os.path.abspath(target), os.path.abspath(source)
    if path == origin:
        return path
    if os.path.isdir(path):
        # A folder that an interrupted move of this very data made is not one to move into.
        resumed = not os.path.lexists(origin) and _is_noted(repo, repo.key_of(origin), repo.key_of(path))
        return path if resumed else os.path.join(path, os.path.basename(origin))
    if target.endswith("/"):
        raise NotFoundError(f"The folder {target} does not exist.", hint="Make it first.")
    return path


def _plan(repo: Repository, output: TrackedOutput, path: str) -> _Plan:
    shown = os.path.relpath(path)
    key = repo.key_of(path)
    if key == output.key:
        raise InvalidInputError(f"{shown} is where it is already.")
    if is_pointer(key):
        raise InvalidInputError(f"{shown} would be taken for a .dvc file.", hint="Choose a name without '.dvc'.")
    if not os.path.isdir(os.path.dirname(path)):
        raise NotFoundError(
            f"The folder {os.path.relpath(os.path.dirname(path))} does not exist.", hint="Make it first."
        )
    if key.startswith(output.key + "/"):
        raise InvalidInputError(f"{shown} is inside of what is to be moved.")
    check_place(repo, path, shown)
    others = [each for each in all_outputs(repo) if each.key != output.key]
    pointer = _moved_pointer(output, key)
    resumed = _is_noted(repo, output.key, key)
    # After an interrupted move its own traces may be here; but never is there data at both places.
    if os.path.lexists(path) and (not resumed or os.path.lexists(os.path.join(repo.root, output.key))):
        raise AlreadyExistsError(f"{shown} exists already.", hint="Move it out of the way first.")
    if not resumed:
        taken = find_output(others, key)
        if taken is not None:
            where = "is tracked" if not taken.within else f"lies in {repo.shown(taken.key)}, which is tracked,"
            raise ConflictError(f"{shown} {where} already.", hint="Choose another name.")
        if pointer.path != output.pointer.path and os.path.lexists(os.path.join(repo.root, pointer.path)):
            raise AlreadyExistsError(f"{repo.shown(pointer.path)} exists already.", hint="Choose another name.")
    check_git(repo, path, shown, os.path.join(repo.root, pointer.path))
    return _Plan(output, key, pointer)


def _moved_pointer(output: TrackedOutput, key: str) -> Pointer:
    """Return the `.dvc` file after the move. One named for its data moves along; any other only changes."""
    before = output.pointer
    moves = before.path == pointer_of(output.key) and len(before.file.outs) == 1 and before.file.wdir in (None, ".")
    if not moves:
        below = posixpath.normpath(posixpath.join(posixpath.dirname(before.path), before.file.wdir or ""))
        spec = msgspec.structs.replace(output.spec, path=posixpath.relpath(key, below))
        outs = [spec if each == output.spec else each for each in before.file.outs]
        return Pointer(before.path, _with_outs(before.file, outs))
    spec = msgspec.structs.replace(output.spec, path=posixpath.basename(key))
    old, new = posixpath.dirname(before.path), posixpath.dirname(key)
    deps = [
        dep if dep.repo is not None or dep.db is not None or "://" in dep.path or posixpath.isabs(dep.path)
        else msgspec.structs.replace(dep, path=posixpath.relpath(posixpath.join(old, dep.path), new or "."))
        for dep in before.file.deps
    ]  # fmt: skip
    return Pointer(pointer_of(key), _with_outs(msgspec.structs.replace(before.file, deps=deps), [spec]))


def _with_outs(file: DataFile, outs: list[OutputSpec]) -> DataFile:
    return with_checksum(msgspec.structs.replace(file, outs=outs))


def _rename(old: str, new: str) -> None:
    """Rename data; across file systems it is copied whole under a temporary name first."""
    try:
        os.rename(old, new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_then_remove(old, new)
    sync_folder(os.path.dirname(new))


def _copy_then_remove(old: str, new: str) -> None:
    temporary = os.path.join(os.path.dirname(new), temporary_name())
    try:
        if os.path.isdir(old) and not os.path.islink(old):
            shutil.copytree(old, temporary, symlinks=True)
        else:
            shutil.copy2(old, temporary, follow_symlinks=False)
        os.sync()  # before the original goes
        os.rename(temporary, new)
    except BaseException:
        remove_path(temporary)
        raise
    remove_path(old)


def _note_path(repo: Repository) -> str:
    return os.path.join(repo.tmp_dir, "siglum", "move")


def _note(repo: Repository, plan: _Plan) -> None:
    """Write down which move is under way."""
    os.makedirs(os.path.dirname(_note_path(repo)), exist_ok=True)
    write_atomic(_note_path(repo), _note_text(plan.output.key, plan.target))


def _is_noted(repo: Repository, source: str, target: str) -> bool:
    """Whether just this move was begun before and did not come to its end."""
    try:
        return read_bytes(_note_path(repo)) == _note_text(source, target)
    except NotFoundError:
        return False


def _note_text(source: str, target: str) -> bytes:
    return msgspec.json.encode([source, target])
