"""`checkout`: bring data in the workspace to what is recorded of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from siglum.core.errors import IntegrityError, NotFoundError, SiglumError, WouldLoseDataError
from siglum.core.hashes import DataHash
from siglum.storage.links import LinkType
from siglum.workspace.manifests import Manifests
from siglum.workspace.outputs import checkout_path
from siglum.workspace.repository import Repository
from siglum.workspace.targets import TrackedOutput


class DataAt(msgspec.Struct, frozen=True):
    """Content that belongs at a path, which is relative to the repository's root."""

    path: str
    hash: DataHash
    is_exec: bool = False
    cache: bool = True


class CheckedOut(msgspec.Struct, frozen=True):
    """One path that was changed; `files` were placed or removed."""

    path: str
    outcome: str
    files: int


class CheckoutResult(msgspec.Struct, frozen=True):
    """What was changed, and what could not be, with the reason of each."""

    changed: tuple[CheckedOut, ...]
    failed: dict[str, SiglumError] = {}


def recorded_data(
    outputs: Iterable[TrackedOutput], repo: Repository, manifests: Manifests | None = None
) -> list[DataAt]:
    """Return what `.dvc` files record; of a folder of which only a part is meant, that part.

    Raises NotFoundError when the part is not in the folder's record, or the record is not in the cache (or where else
    `manifests` looks).
    """
    manifests = manifests or Manifests(repo.cache)
    found = []
    for output in outputs:
        data = output.spec.data
        if data is None:
            continue
        if not output.within:
            found.append(DataAt(output.key, data, output.spec.isexec, output.spec.cache))
            continue
        entries = manifests.read(data.oid).entries
        parts = [e for e in entries if e.relpath == output.within or e.relpath.startswith(output.within + "/")]
        if not parts:
            raise NotFoundError(f"{output.within!r} is not in {repo.shown(output.key)} as it is recorded.")
        found += [DataAt(f"{output.key}/{entry.relpath}", DataHash(entry.oid)) for entry in parts]
    return found


def checkout(
    repo: Repository,
    wanted: Sequence[DataAt],
    *,
    force: bool = False,
    relink: bool = False,
    types: Sequence[LinkType] | None = None,
) -> CheckoutResult:
    """Bring every path of `wanted` to its content. One that cannot be does not keep others from it.

    Nothing is removed or overwritten before what takes its place is known to be in the cache and sound. The caller
    holds the lock.
    """
    changed: list[CheckedOut] = []
    failed: dict[str, SiglumError] = {}
    for each in wanted:
        if not each.cache:
            continue
        path = os.path.join(repo.root, each.path)
        existed = os.path.lexists(path)
        try:
            files = checkout_path(repo, path, each.hash, is_exec=each.is_exec, force=force, types=types, relink=relink)
        except (NotFoundError, IntegrityError, WouldLoseDataError) as error:
            failed[each.path] = error
            continue
        if files:
            changed.append(CheckedOut(each.path, "modified" if existed else "added", files))
    return CheckoutResult(tuple(changed), failed)


def failures_of(result: CheckoutResult, *, allow_missing: bool = False) -> dict[str, SiglumError]:
    """Return what counts as failed, by path: all of it, or, with `allow_missing`, not what the cache lacks."""
    return {
        path: error for path, error in result.failed.items() if not (allow_missing and isinstance(error, NotFoundError))
    }


def raise_failures(repo: Repository, failed: Mapping[str, SiglumError]) -> None:
    """Raise the first of several failures, which says how many others there were; return when there are none."""
    for path, error in failed.items():
        shown = repo.shown(path)
        if shown not in error.message:
            error.message = f"{shown} was left as it is: {error.message}"
        if len(failed) > 1:
            error.message += f" {len(failed) - 1} more were left as they are."
        raise error
