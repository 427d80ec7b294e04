"""Bytes from another repository into a cache, each verified on its way; and what they are there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence

import msgspec

from siglum.core.errors import IntegrityError, InvalidInputError, NotFoundError, NotSupportedError, SiglumError
from siglum.core.hashes import DataHash
from siglum.core.text import count
from siglum.pipeline.sources.external import DataPlace, ExternalRepo, Externals, Listing, Part
from siglum.storage.hashing import md5_bytes
from siglum.storage.legacy import LegacyStore
from siglum.storage.manifest import make_manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.local import LocalRemote
from siglum.storage.transfer import Progress, TransferFailure, plan_fetch, run_transfer
from siglum.workspace.remotes import open_configured_remote

# So many of Git's objects are in memory at once.
_BLOBS_AT_ONCE = 64
_LFS = b"version https://git-lfs.github.com/spec/"
_MAX_HOPS = 10


class Brought(msgspec.Struct, frozen=True):
    """What is in the cache now: its hash, its bytes in all, and its files (path below it, oid, owner's x bit)."""

    hash: DataHash
    size: int
    files: tuple[tuple[str, str, bool], ...]

    @property
    def nfiles(self) -> int | None:
        """How many files a folder has, None for a file."""
        return len(self.files) if self.hash.is_dir else None


def bring(
    externals: Externals,
    repo: ExternalRepo,
    listing: Listing,
    cache: ObjectStore,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Brought:
    """Put all files of a listing into `cache`, durably, and the manifest of a folder last.

    Objects come from the other repository's cache where that is here, else from its remotes, else from where it
    imported them itself. Raises NotFoundError for one that is nowhere, IntegrityError where all copies are damaged,
    NotSupportedError for a file that Git keeps in Git LFS.
    """
    for part in listing.parts:
        _check_path(part, repo)
    oids = _from_tree(repo, [part for part in listing.parts if part.leaf is not None], cache)
    recorded = [part for part in listing.parts if part.oid is not None and not part.legacy]
    _Bringer(externals, cache, jobs, progress).recorded(repo, recorded, hops=0)
    oids |= {part.relpath: part.oid for part in recorded if part.oid is not None}
    old = [part for part in listing.parts if part.legacy]
    if old:
        oids |= _from_legacy(_Bringer(externals, cache, jobs, progress), repo, old, cache)
    files = tuple((part.relpath, oids[part.relpath], part.is_exec) for part in listing.parts)
    size = sum(cache.size_of(oid) for _, oid, _ in files)
    if not listing.is_dir:
        return Brought(DataHash(files[0][1]), size, files)
    manifest = cache.write_manifest(make_manifest([(relpath, oid) for relpath, oid, _ in files]))
    return Brought(DataHash(manifest), size, tuple(sorted(files)))


def _check_path(part: Part, repo: ExternalRepo) -> None:
    """Refuse names that could lead out of the target, which only a repository made for it has, or cannot be kept."""
    names = part.relpath.split("/")
    if part.relpath and ({"", ".", ".."} & set(names) or "\0" in part.relpath):
        raise InvalidInputError(f"{repo.shown} has a file {part.relpath!r}, which is no path inside a folder.")
    try:
        part.relpath.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"{repo.shown}: the name {ascii(part.relpath)[1:-1]} is not valid UTF-8.") from None


def _from_tree(repo: ExternalRepo, parts: Sequence[Part], cache: ObjectStore) -> dict[str, str]:
    """Take in files of a commit or of a disk; return their oids by path."""
    found: dict[str, str] = {}
    with cache.batch() as batch:
        for start in range(0, len(parts), _BLOBS_AT_ONCE):
            some = parts[start : start + _BLOBS_AT_ONCE]
            blobs = [part.leaf.blob for part in some if part.leaf is not None and part.leaf.blob is not None]
            data = repo.git.blobs(blobs) if repo.git is not None else {}
            for part in some:
                assert part.leaf is not None
                if part.leaf.blob is None:
                    assert part.leaf.file is not None
                    found[part.relpath] = batch.add_file(part.leaf.file).oid
                    continue
                content = data[part.leaf.blob]
                if content.startswith(_LFS):
                    raise NotSupportedError(
                        f"{part.leaf.path} of {repo.shown} is kept in Git LFS, which Siglum does not read.",
                        hint="Clone that repository with Git, and take the file from there.",
                    )
                found[part.relpath] = oid = md5_bytes(content)
                batch.add_bytes(content, oid)
        batch.commit()
    return found


def _from_legacy(bringer: _Bringer, repo: ExternalRepo, parts: Sequence[Part], cache: ObjectStore) -> dict[str, str]:
    """Take in data that DVC 2 recorded; return the MD5 of its bytes as they are, by path."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="siglum-legacy-") as folder:
        store = LegacyStore(folder)
        bringer.into(store).recorded(repo, parts, hops=0)
        with cache.batch() as batch:
            for part in parts:
                assert part.oid is not None
                found[part.relpath] = batch.add_file(store.path_of(part.oid)).oid
            batch.commit()
    return found


class _Bringer:
    """Recorded objects into one cache, from wherever they are."""

    def __init__(self, externals: Externals, cache: ObjectStore, jobs: int | None, progress: Progress | None) -> None:
        self._externals = externals
        self._cache = cache
        self._jobs = jobs
        self._progress = progress

    def into(self, cache: ObjectStore) -> _Bringer:
        """Return the same for another cache."""
        return _Bringer(self._externals, cache, self._jobs, self._progress)

    def recorded(self, repo: ExternalRepo, parts: Iterable[Part], *, hops: int) -> None:
        """Get the objects of `parts` that the cache does not have sound. Raises for the first that is nowhere."""
        by_place: dict[DataPlace, dict[str, None]] = {}
        for part in parts:
            if part.oid is not None and part.place is not None and not self._have(part.oid):
                by_place.setdefault(part.place, {})[part.oid] = None
        for place, oids in by_place.items():
            self._from_place(repo, place, list(oids), hops)

    def _have(self, oid: str) -> bool:
        """Whether the cache has a sound copy; a damaged one is moved away, so that a good one takes its place."""
        if not self._cache.has(oid):
            return False
        if self._cache.is_sound(oid):
            return True
        self._cache.quarantine(oid)
        return False

    def _from_place(self, repo: ExternalRepo, place: DataPlace, oids: list[str], hops: int) -> None:
        owner = repo.repository(place.owner)
        theirs = owner.legacy_cache if isinstance(self._cache, LegacyStore) else owner.cache
        here = [oid for oid in oids if theirs.has(oid)]
        failures = self._fetch(here, LocalRemote("its cache", owner.cache_dir)) if here else []
        failed = {failure.oid for failure in failures}
        left = [oid for oid in oids if oid in failed or oid not in set(here)]
        if not left:
            return
        imported = repo.imported_from(place)
        if imported is not None and imported.repo is not None and hops < _MAX_HOPS:
            source = self._externals.open(imported.repo, bases=[owner.root])
            self._from_source(source, imported.path, set(left), hops + 1)
            left = [oid for oid in left if not self._cache.has(oid)]
            if not left:
                return
        try:
            remote = open_configured_remote(owner, place.remote)
        except NotFoundError as error:
            if failures:
                raise _failed(repo, failures) from None
            raise NotFoundError(
                f"{repo.shown}: {count(len(left), 'object')} of its data cannot be had: {error.message}",
                hint="Whoever keeps that repository should give it a default remote; or name one with --remote.",
            ) from None
        failures = self._fetch(left, remote)
        if failures:
            raise _failed(repo, failures)

    def _from_source(self, source: ExternalRepo, path: str, oids: set[str], hops: int) -> None:
        """Get objects from where another repository imported them. What is not there is left to the caller."""
        listing = source.lookup(path)
        _from_tree(source, [part for part in listing.parts if part.leaf is not None], self._cache)
        self.recorded(source, [part for part in listing.parts if part.oid in oids], hops=hops)

    def _fetch(self, oids: Sequence[str], remote: Remote) -> Sequence[TransferFailure]:
        return run_transfer(plan_fetch(oids, self._cache, remote), self._jobs, self._progress).failures


def _failed(repo: ExternalRepo, failures: Sequence[TransferFailure]) -> SiglumError:
    first = next((failure for failure in failures if failure.damaged), failures[0])
    kind = IntegrityError if first.damaged else NotFoundError
    also = f" ({count(len(failures) - 1, 'other object')} could not either)" if len(failures) > 1 else ""
    return kind(f"{repo.shown}: {first.oid} could not be had{also}: {first.reason}")
