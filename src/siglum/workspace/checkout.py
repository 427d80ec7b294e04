"""`checkout`: bring data in the workspace to what is recorded of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from siglum.core.errors import IntegrityError, NotFoundError, SiglumError, WouldLoseDataError
from siglum.core.hashes import DataHash
from siglum.storage.links import LinkType
from siglum.workspace.leftovers import find_leftovers, remove_leftover
from siglum.workspace.manifests import Manifests
from siglum.workspace.repository import Repository
from siglum.workspace.restore import Changes, checkout_path
from siglum.workspace.targets import TrackedOutput

Outcome = Literal["modified", "added", "deleted"]


class DataAt(msgspec.Struct, frozen=True):
    """Content that belongs at a path, which is relative to the repository's root.

    `part_of` is the tracked folder that it is a file of, where not all of that folder is meant.
    """

    path: str
    hash: DataHash
    is_exec: bool = False
    cache: bool = True
    part_of: str = ""


class CheckedOut(msgspec.Struct, frozen=True):
    """One output that was changed."""

    path: str
    outcome: Outcome
    is_dir: bool
    changes: Changes

    @property
    def files(self) -> int:
        """How many files were placed or removed."""
        return self.changes.total


class CheckoutResult(msgspec.Struct, frozen=True):
    """What was changed, in DVC's order (modified, added, deleted), and what could not be, with the reason of each."""

    changed: tuple[CheckedOut, ...]
    failed: dict[str, SiglumError] = {}
    relinked: int = 0

    def stats(self) -> dict[str, int]:
        """Return how many files were modified, added and deleted."""
        each = [one.changes for one in self.changed]
        return {
            "modified": sum(changes.modified for changes in each),
            "added": sum(changes.added for changes in each),
            "deleted": sum(changes.deleted for changes in each),
        }


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
        found += [DataAt(f"{output.key}/{each.relpath}", DataHash(each.oid), part_of=output.key) for each in parts]
    return found


def checkout(
    repo: Repository,
    wanted: Sequence[DataAt],
    *,
    force: bool = False,
    relink: bool = False,
    types: Sequence[LinkType] | None = None,
    tracked: Iterable[str] | None = None,
) -> CheckoutResult:
    """Bring every path of `wanted` to its content. One that cannot be does not keep others from it.

    With `tracked`, the paths of all outputs there are, what earlier commands left in the workspace of outputs that are
    not among them is removed, as far as the cache has it. Nothing is removed or overwritten before what takes its place
    is known to be in the cache and sound. The caller holds the lock.
    """
    changed: dict[str, CheckedOut] = {}
    failed: dict[str, SiglumError] = {}
    relinked = 0
    for each in (each for each in wanted if each.cache):
        key = each.part_of or each.path
        path = os.path.join(repo.root, each.path)
        existed = os.path.lexists(os.path.join(repo.root, key))
        try:
            done = checkout_path(repo, path, each.hash, is_exec=each.is_exec, force=force, types=types, relink=relink)
        except (NotFoundError, IntegrityError, WouldLoseDataError) as error:
            failed[each.path] = error
            continue
        if not each.part_of and not each.hash.legacy:
            repo.placed.note(each.path, each.hash.oid)
        relinked += done.relinked
        if done.total > done.relinked or not existed:
            changed[key] = _together(changed.get(key), each, done, existed)
    deleted = [] if tracked is None else _clear_away(repo, tracked)
    in_order = sorted([*changed.values(), *deleted], key=lambda one: (_ORDER.index(one.outcome), one.path))
    return CheckoutResult(tuple(in_order), failed, relinked)


_ORDER: tuple[Outcome, ...] = ("modified", "added", "deleted")


def _together(before: CheckedOut | None, each: DataAt, done: Changes, existed: bool) -> CheckedOut:
    """Return what became of an output; several parts of a folder count as one."""
    if before is None:
        is_dir = each.hash.is_dir or bool(each.part_of)
        return CheckedOut(each.part_of or each.path, "modified" if existed else "added", is_dir, done)
    first = before.changes
    total = Changes(
        first.added + done.added,
        first.modified + done.modified,
        first.deleted + done.deleted,
        first.relinked + done.relinked,
    )
    return msgspec.structs.replace(before, changes=total)


def _clear_away(repo: Repository, tracked: Iterable[str]) -> list[CheckedOut]:
    done = []
    for each in find_leftovers(repo, tracked):
        remove_leftover(repo, each)
        done.append(CheckedOut(each.key, "deleted", each.is_dir, Changes(deleted=len(each.files))))
    return done


def failures_of(result: CheckoutResult, *, allow_missing: bool = False) -> dict[str, SiglumError]:
    """Return what counts as failed, by path: all of it, or, with `allow_missing`, not what the cache lacks."""
    return {
        path: error for path, error in result.failed.items() if not (allow_missing and isinstance(error, NotFoundError))
    }


def raise_failures(repo: Repository, failed: Mapping[str, SiglumError]) -> None:
    """Raise the first of several failures, which says how many others there were; return when there are none."""
    for path, error in failed.items():
        shown = repo.shown(path)
        if re.search(rf"(?<![\w./]){re.escape(shown)}(?![\w/])", error.message) is None:
            error.message = f"{shown} was left as it is: {error.message}"
        if len(failed) > 1:
            error.message += f" {len(failed) - 1} more were left as they are."
        raise error
