"""Good copies for damaged and missing objects: from the workspace, the trash, other caches, remotes.

A good copy is durable before it takes the place of a damaged object, and that one goes to quarantine: nothing is ever
deleted. Files come before manifests, which say that their files are there.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from siglum.core.errors import IntegrityError, NotFoundError, SiglumError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.durability import write_all
from siglum.storage.hashing import hash_descriptor, md5, open_regular
from siglum.storage.ingest import IngestBatch
from siglum.storage.legacy import LegacyStore, legacy_md5_file
from siglum.storage.manifest import Manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remote_objects import LEGACY_MD5, MD5, fetch_object, object_key
from siglum.storage.remote_trash import QUARANTINE
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.moving import move
from siglum.workspace.gc import stores_of, trash_of
from siglum.workspace.repository import Repository

Object = tuple[str, str]
_FOLDER = re.compile(r"[0-9a-f]{2}\Z")
_AT_ONCE = 512


class Repaired(msgspec.Struct, frozen=True):
    """What came of a repair: where each good copy is from, and the damaged ones that were put aside."""

    sources: dict[Object, str]
    quarantined: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    """Files of the workspace that were links to a damaged object, and are good now."""


class Source(msgspec.Struct, frozen=True):
    """A place that may have a good copy. `fetch` writes one to the new file it is given; any SiglumError means none."""

    name: str
    fetch: Callable[[Object, str], int]


def sources_of(
    repo: Repository,
    files: Mapping[Object, Sequence[str]],
    manifests: Mapping[Object, Manifest],
    others: Sequence[str],
    remotes: Sequence[Remote],
) -> list[Source]:
    """Return where good copies may be, the nearest first. `files` are paths of the workspace that should be the object.

    `manifests` are those that folders of the workspace have; `others` are other caches or repositories. Raises
    NotFoundError for one that is none.
    """
    trash = trash_of(repo)

    def from_workspace(wanted: Object, target: str) -> int:
        if wanted in manifests:
            with open(target, "xb") as file:
                return file.write(manifests[wanted].encode())
        for path in files.get(wanted, ()):
            with contextlib.suppress(SiglumError):
                return copy_verified(os.path.join(repo.root, path), target, wanted)
        raise NotFoundError("No file of the workspace has it.")

    def from_trash(wanted: Object, target: str) -> int:
        path = trash.find(*wanted)
        if path is None:
            raise NotFoundError("The trash does not have it.")
        return copy_verified(path, target, wanted)

    found = [Source("the workspace", from_workspace), Source("the trash", from_trash)]
    found += [Source(path, _from_stores(stores_at(path))) for path in others]
    found += [Source(f"remote {remote.name!r}", _from_remote(remote)) for remote in remotes]
    return found


def repair_cache(
    repo: Repository, damaged: Iterable[Object], missing: Iterable[Object], sources: Sequence[Source]
) -> Repaired:
    """Replace damaged objects of the cache and add missing ones. The caller holds the lock.

    A damaged object without a good copy goes to quarantine all the same: nobody may use it.
    """
    damaged = set(damaged)
    stores = stores_of(repo)
    repaired: dict[Object, str] = {}
    quarantined: list[str] = []
    wanted = sorted(damaged | set(missing), key=lambda each: (each[1].endswith(DIR_SUFFIX), each))
    for algorithm, store in stores.items():
        mine = [each for each in wanted if each[0] == algorithm]
        for start in range(0, len(mine), _AT_ONCE):
            group = mine[start : start + _AT_ONCE]
            with store.batch() as batch:
                good = {each: name for each in group if (name := _receive(batch, each, sources)) is not None}
                # Just before the good copies come: a command that is killed here leaves nothing that is not there.
                quarantined += [_set_aside(store, each[1]) for each in group if each in damaged and each in good]
                batch.commit()
            repaired |= good
        quarantined += [store.quarantine(each[1]) for each in mine if each in damaged and each not in repaired]
    return Repaired(repaired, tuple(quarantined))


def repair_remote(
    repo: Repository, remote: Remote, damaged: Iterable[Object], missing: Iterable[Object], sources: Sequence[Source]
) -> Repaired:
    """Replace damaged objects of a remote and add missing ones, from the cache or `sources`."""
    damaged = set(damaged)
    from_cache = Source("the cache", _from_stores(stores_of(repo)))
    repaired: dict[Object, str] = {}
    quarantined = []
    aside = f"{QUARANTINE}/{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    for each in sorted(damaged | set(missing), key=lambda each: (each[1].endswith(DIR_SUFFIX), each)):
        algorithm, oid = each
        with tempfile.TemporaryDirectory(prefix="siglum-repair-") as folder:
            path = os.path.join(folder, "object")
            source = _fetch(each, path, [from_cache, *sources])
            if each in damaged:
                quarantined.append(f"{aside}/{algorithm}/{oid}")
                move(remote, object_key(algorithm, oid), quarantined[-1])
            if source is not None:
                remote.put(path, object_key(algorithm, oid), oid if algorithm == MD5 else None)
                repaired[each] = source
    return Repaired(repaired, tuple(quarantined))


def replace_links(repo: Repository, paths: Mapping[str, str]) -> tuple[str, ...]:
    """Place good objects (by oid) where files of the workspace are links to damaged ones; return these paths."""
    replaced = []
    for path, oid in paths.items():
        full = os.path.join(repo.root, path)
        executable = bool(os.stat(full).st_mode & 0o100)
        repo.cache.place(oid, full, repo.link_types, executable)
        replaced.append(path)
    return tuple(replaced)


def stores_at(path: str) -> dict[str, ObjectStore]:
    """Return the object stores of another repository, cache, or folder of objects. Raises NotFoundError for others."""
    if os.path.isdir(os.path.join(path, ".dvc")):
        return stores_of(Repository(os.path.abspath(path)))
    inner = os.path.join(path, "files", "md5")
    if os.path.isdir(inner):
        return {MD5: ObjectStore(inner), LEGACY_MD5: LegacyStore(path)}
    with contextlib.suppress(OSError):
        if any(map(_FOLDER.match, os.listdir(path))):
            return {MD5: ObjectStore(path), LEGACY_MD5: LegacyStore(path)}
    raise NotFoundError(
        f"{path} is neither a data repository nor a cache.",
        hint="Give the folder that has `.dvc` or `files/md5` in it.",
    )


def copy_verified(source: str, target: str, wanted: Object) -> int:
    """Copy a file to the new file `target` if its bytes are those of the object `wanted`; return its size.

    Raises IntegrityError when they are not (`target` is then gone again), NotFoundError when there is no such file.
    """
    algorithm, oid = wanted
    try:
        fd, _ = open_regular(source)
    except OSError:
        raise NotFoundError(f"{source} cannot be read.") from None
    try:
        out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            hasher = md5()
            size = hash_descriptor(fd, hasher, lambda block: write_all(out, block))
        finally:
            os.close(out)
    finally:
        os.close(fd)
    found = hasher.hexdigest() if algorithm == MD5 else legacy_md5_file(target).oid
    if found != oid.removesuffix(DIR_SUFFIX):
        os.unlink(target)
        raise IntegrityError(f"{source} is not {oid}.")
    return size


def _receive(batch: IngestBatch, wanted: Object, sources: Sequence[Source]) -> str | None:
    """Take a good copy into a batch; return the name of the source that had one."""
    name: list[str | None] = []

    def fetch(path: str) -> int:
        name.append(_fetch(wanted, path, sources))
        if name[-1] is None:
            raise NotFoundError("There is no good copy.")
        return os.stat(path).st_size

    try:
        batch.receive(wanted[1], fetch)
    except NotFoundError:
        return None
    return name[-1]


def _fetch(wanted: Object, path: str, sources: Sequence[Source]) -> str | None:
    for source in sources:
        with contextlib.suppress(SiglumError):
            source.fetch(wanted, path)
            return source.name
    return None


def _from_stores(stores: Mapping[str, ObjectStore]) -> Callable[[Object, str], int]:
    return lambda wanted, target: copy_verified(stores[wanted[0]].path_of(wanted[1]), target, wanted)


def _from_remote(remote: Remote) -> Callable[[Object, str], int]:
    return lambda wanted, target: fetch_object(remote, *wanted, target)


def _set_aside(store: ObjectStore, oid: str) -> str:
    """Give a damaged object a second name in quarantine, so that its good copy can take the first by a rename."""
    folder = store.quarantine_folder()
    os.makedirs(folder, exist_ok=True)
    for number in range(1, 1_000_000):
        target = f"{folder}/{oid}" if number == 1 else f"{folder}/{oid}.{number}"
        try:
            os.link(store.path_of(oid), target)
        except FileExistsError:
            continue
        except OSError:
            break  # a file system without links
        return target
    return store.quarantine(oid)
