"""Bring the recorded data into a scratch checkout, verified, from the project's cache or its remotes."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence

import msgspec

from siglum.core.errors import ConflictError, NotFoundError, UnavailableError
from siglum.core.hashes import DataHash
from siglum.lineage.record import DataRecord, VersionRecord
from siglum.lineage.scratch import Scratch
from siglum.storage.hashing import md5_file
from siglum.storage.links import LinkType
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes import Remote
from siglum.storage.remotes.local import LocalRemote
from siglum.storage.transfer import plan_fetch, run_transfer
from siglum.workspace.pointers import Pointer, read_pointer, write_pointer

_LINKS = (LinkType.REFLINK, LinkType.COPY)  # never a link to the cache: the rebuilt code may write where it pleases


class Placement(msgspec.Struct, frozen=True):
    """Data to be placed: a path relative to the project, its hash, and the `.dvc` file that must name this hash."""

    path: str
    hash: DataHash
    pointer: str | None = None


class DataSources(msgspec.Struct, frozen=True):
    """Where data is looked for, in this order: the project's cache folder, then remotes."""

    cache: str
    remotes: tuple[Remote, ...] = ()


def recorded_sources(version: VersionRecord) -> tuple[Placement, ...]:
    """Return the recorded data that was not made from other recorded data.

    Absolute paths are checked where they are instead, see `check_outside`; addresses are read again by the code itself.
    """
    made = {entry.via for entry in version.data or ()}
    return tuple(
        Placement(entry.path, DataHash.parse(entry.hash), _own_pointer(entry))
        for entry in version.data or ()
        if entry.path not in made and _is_inside(entry)
    )


def check_outside(version: VersionRecord) -> None:
    """Hold files outside the project to their recorded hashes: they can only be read where they are.

    Raises:
        NotFoundError: One is not there.
        ConflictError: One has other content than the run read.
    """
    for entry in version.inputs:
        if not entry.path.startswith("/") or not entry.hash.startswith("md5:") or entry.hash.endswith(".dir"):
            continue
        if not os.path.exists(entry.path):
            raise NotFoundError(
                f"{version.siglum} was made from {entry.path}, which is not there and is in no cache.",
                hint=f"Put the file with the hash {entry.hash} back.",
            )
        if str(DataHash(md5_file(entry.path).oid)) != entry.hash:
            raise ConflictError(
                f"{entry.path} has changed since {version.siglum} was made from it.",
                hint=f"Put the file with the hash {entry.hash} back.",
            )


def fetch(version: str, wanted: Sequence[Placement], sources: DataSources, cache: ObjectStore) -> None:
    """Copy objects into the scratch cache, hashing each on its way; nothing else is changed.

    Raises:
        NotFoundError: Something is in no cache and on no remote.
    """
    missing = {placement.hash.oid: placement for placement in wanted}
    reasons: list[str] = []
    asked = []
    for remote in (LocalRemote("cache", sources.cache), *sources.remotes):
        if not missing:
            return
        if remote.name == "cache" and not os.path.isdir(sources.cache):
            continue
        asked.append("the cache" if remote.name == "cache" else f"remote {remote.name!r}")
        try:
            result = run_transfer(plan_fetch(missing, cache, remote))
        except UnavailableError as error:
            reasons.append(error.message)
            continue
        reasons.extend(failure.reason for failure in result.failures if failure.damaged)
        missing = {oid: placement for oid, placement in missing.items() if not _complete(cache, oid)}
    if missing:
        first = next(iter(missing.values()))
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        looked = " and ".join(asked) if asked else "a cache or remote (there is none)"
        raise NotFoundError(
            f"The data of {version} is not in {looked}: {first.path} with {first.hash}{more}."
            + (f" {' '.join(reasons)}" if reasons else ""),
            hint="Run 'siglum push' where the data still is, or 'siglum add' a copy of it, then try again.",
        )


def place(scratch: Scratch, wanted: Sequence[Placement], cache: ObjectStore) -> None:
    """Put fetched data into the checkout and let its pointers name the recorded hashes."""
    for placement in wanted:
        oid = placement.hash.oid
        target = os.path.join(scratch.root, *placement.path.split("/"))
        executable = False
        if placement.pointer is not None:
            executable = _point(scratch.root, placement)
        if not placement.hash.is_dir:
            cache.place(oid, target, _LINKS, executable)
            continue
        os.makedirs(target, exist_ok=True)
        for entry in cache.read_manifest(oid).entries:
            cache.place(entry.oid, os.path.join(target, *entry.relpath.split("/")), _LINKS)


def _point(root: str, placement: Placement) -> bool:
    """Let a `.dvc` file in the checkout name the recorded hash; return whether the data is an executable file."""
    assert placement.pointer is not None
    path = os.path.join(root, *placement.pointer.split("/"))
    if not os.path.exists(path):
        return False  # the data was put under version control after this commit
    file = read_pointer(path)
    pointer = Pointer(placement.pointer, file)
    own = [out for out in file.outs if pointer.key_of(out) == placement.path]
    recorded = {"md5": placement.hash.oid, "size": None, "nfiles": None, "files": None, "cloud": None}
    outs = [
        msgspec.structs.replace(out, **recorded) if out in own and out.data != placement.hash else out
        for out in file.outs
    ]
    write_pointer(path, msgspec.structs.replace(file, outs=outs))
    return any(out.isexec for out in own)


def _complete(cache: ObjectStore, oid: str) -> bool:
    if not cache.has(oid):
        return False
    if not oid.endswith(".dir"):
        return True
    return not cache.missing(entry.oid for entry in cache.read_manifest(oid).entries)


def _is_inside(entry: DataRecord) -> bool:
    if not entry.hash.startswith("md5:") or entry.path.startswith("/") or "://" in entry.path or "#" in entry.path:
        return False
    # A recipe comes from a server that others write to: it must not name a place outside the checkout.
    return not posixpath.normpath(entry.path).startswith("..")


def _own_pointer(entry: DataRecord) -> str | None:
    # A file inside a folder under version control has no pointer of its own to be set.
    return entry.pointer if entry.pointer == entry.path + ".dvc" else None
