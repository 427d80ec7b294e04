"""Recording what is in the workspace: content into the cache, then the `.dvc` file that names it."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.workspace.outputs import PathState, add_to_gitignore, hash_path, save_path
from siglum.workspace.pointers import OutputSpec, Pointer, write_pointer
from siglum.workspace.repository import Repository
from siglum.workspace.targets import TrackedOutput, select_outputs


class Recorded(msgspec.Struct, frozen=True):
    """One output whose content was recorded. Paths are relative to the repository's root; sizes in bytes."""

    path: str
    pointer: str
    hash: DataHash | None
    size: int
    nfiles: int
    changed: bool


def record(repo: Repository, pointer: Pointer, *, to_cache: bool = True, relink: bool = True) -> list[Recorded]:
    """Bring one `.dvc` file up to date with the workspace. The caller holds the lock.

    The content is durable in the cache before the file names it. Raises NotFoundError when an output is missing.
    """
    done, outs = [], []
    for spec in pointer.file.outs:
        key = pointer.key_of(spec)
        path = os.path.join(repo.root, key)
        if not os.path.lexists(path):
            raise NotFoundError(
                f"{repo.shown(key)} does not exist, though {repo.shown(pointer.path)} tracks it.",
                hint="Bring it back with 'siglum checkout'.",
            )
        keep = to_cache and spec.cache
        state = save_path(repo, path, relink=relink) if keep else hash_path(repo, path)
        outs.append(updated(spec, state))
        done.append(Recorded(key, pointer.path, state.hash, state.size, state.nfiles, spec.data != state.hash))
    write_pointer(os.path.join(repo.root, pointer.path), msgspec.structs.replace(pointer.file, outs=outs))
    return done


def updated(spec: OutputSpec, state: PathState) -> OutputSpec:
    """Return an output's entry for new content. An unchanged entry of an older format stays as it is."""
    if spec.data == state.hash and spec.isexec == state.is_exec:
        return spec
    return msgspec.structs.replace(
        spec,
        md5=state.hash.oid,
        size=state.size,
        nfiles=state.nfiles if state.hash.is_dir else None,
        isexec=state.is_exec,
        hash="md5",
        etag=None,
        checksum=None,
        version_id=None,
        cloud=None,
        files=None,
    )


def commit(repo: Repository, targets: Sequence[str] = (), *, relink: bool = True) -> tuple[Recorded, ...]:
    """Record the changed outputs of `.dvc` files, all or those that `targets` name. The caller holds the lock."""
    done: list[Recorded] = []
    for pointer in _pointers(select_outputs(repo, targets)):
        if pointer.file.frozen and pointer.file.deps:
            continue  # an import is what its source was, not what the workspace became
        for spec in pointer.file.outs:
            if spec.cache:
                add_to_gitignore(repo, os.path.join(repo.root, pointer.key_of(spec)))
        done += record(repo, pointer, relink=relink)
    return tuple(done)


def _pointers(outputs: Sequence[TrackedOutput]) -> list[Pointer]:
    inside = next((output for output in outputs if output.within), None)
    if inside is not None:
        raise InvalidInputError(
            f"{inside.key}/{inside.within} is part of {inside.key}, which is recorded as a whole.",
            hint=f"Use 'siglum add {inside.key}/{inside.within}' to record this part alone.",
        )
    return list({output.pointer.path: output.pointer for output in outputs}.values())
