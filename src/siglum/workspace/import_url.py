"""`import-url` and `get-url`: data from a URL or path, tracked with what its source says of it, or just brought."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

import msgspec

from siglum.core.addresses import shown_url as masked
from siglum.core.errors import ConflictError, InvalidInputError, NotSupportedError
from siglum.core.hashes import DataHash
from siglum.storage.index import StatIndex
from siglum.storage.manifest import Manifest, make_manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.base import Remote
from siglum.storage.sources import Facts, Source, Taken, TakenFile, open_source
from siglum.storage.transfer import Progress, plan_push, run_transfer
from siglum.workspace.delivery import landing_beside, target_for
from siglum.workspace.git_process import without_password
from siglum.workspace.imports import Import, ImportedData, plan_import, record_import
from siglum.workspace.pointers import DependencySpec
from siglum.workspace.remotes import remote_url
from siglum.workspace.repository import Repository

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_VERSION = re.compile(r"[?&]versionId=", re.IGNORECASE)


class GotUrl(msgspec.Struct, frozen=True):
    """What came from a URL: its place, hash, bytes and number of files; nothing is ever left out of it."""

    path: str
    hash: str
    size: int
    nfiles: int
    left_out: tuple[str, ...] = ()


def get_url(
    url: str,
    *,
    out: str | None = None,
    force: bool = False,
    jobs: int | None = None,
    fs_config: Mapping[str, str] | None = None,
    repo: Repository | None = None,
    progress: Progress | None = None,
) -> GotUrl:
    """Bring the file or folder at a URL or path to `out`; by default to the current folder under its own name.

    `repo` knows what `remote://name/…` means. What is there is replaced, with `force`, when the new is whole. Raises
    AlreadyExistsError, NotFoundError, UnavailableError, NotSupportedError.
    """
    check_versionless(url)
    target = target_for(url, out, force=force, makes_folders=True)
    source = source_at(url, fs_config, folder=os.getcwd(), repo=repo)
    _check_apart(source, os.path.abspath(target))
    with landing_beside(target) as landing:
        taken = source.take(landing.store, jobs, progress)
        if taken.facts.is_dir:
            landing.put_folder((file.relpath, file.oid, False) for file in taken.files)
        else:
            landing.put_file(taken.files[0].oid)
    found = content_of(taken)
    return GotUrl(target, str(found.hash), found.size, len(taken.files))


def import_url(
    repo: Repository,
    url: str,
    out: str | None = None,
    *,
    force: bool = False,
    no_exec: bool = False,
    no_download: bool = False,
    to_remote: Remote | None = None,
    jobs: int | None = None,
    fs_config: Mapping[str, str] | None = None,
    desc: str | None = None,
    progress: Progress | None = None,
) -> Import:
    """Import the file or folder at a URL or path. With `to_remote` it goes there instead of into cache and workspace.

    With `no_exec` the source is not looked at; with `no_download` what it says of its content is recorded, and nothing
    fetched. The caller holds the lock. Raises as `plan_import` and the source do.
    """
    check_versionless(url)
    plan = plan_import(
        repo,
        url,
        out,
        force=force,
        is_same=lambda dep, folder: dep.repo is None and dep.path == _written(repo, url, folder),
    )
    path = _written(repo, url, plan.folder)
    dep = DependencySpec(hash="md5", path=path, fs_config=dict(fs_config) if fs_config else None)
    shown = shown_url(url)
    if no_exec:
        return record_import(repo, plan, dep, None, source=shown, desc=desc, looked=False)
    source = source_at(dep.path, fs_config, folder=plan.folder, repo=repo)
    _check_apart(source, plan.path)
    if no_download:
        return record_import(repo, plan, with_facts(dep, source.facts()), None, source=shown, desc=desc)
    if to_remote is not None:
        facts, data = send_to(repo, source, to_remote, jobs)
        return record_import(repo, plan, with_facts(dep, facts), data, source=shown, desc=desc, place=False)
    taken = source.take(repo.cache, jobs, progress)
    data = kept(repo, taken)
    return record_import(repo, plan, with_facts(dep, taken.facts), data, source=shown, desc=desc)


def kept(repo: Repository, taken: Taken) -> ImportedData:
    """Store the manifest of a folder whose files are in the cache; return what was imported."""
    found = content_of(taken)
    if found.nfiles is not None:
        repo.cache.write_manifest(_manifest(taken.files))
    return found


def content_of(taken: Taken) -> ImportedData:
    """Return what was taken in as tracked data is recorded."""
    if not taken.facts.is_dir:
        return ImportedData(DataHash(taken.files[0].oid), taken.files[0].size)
    size = sum(file.size for file in taken.files)
    return ImportedData(DataHash(_manifest(taken.files).oid), size, len(taken.files))


def with_facts(dep: DependencySpec, facts: Facts) -> DependencySpec:
    """Return a dependency that records what its source says now."""
    return msgspec.structs.replace(
        dep,
        md5=facts.md5,
        etag=facts.etag,
        checksum=facts.checksum,
        size=facts.size,
        nfiles=facts.nfiles,
        isexec=facts.isexec,
        hash="md5",
    )


def recorded_token(dep: DependencySpec) -> tuple[str | None, str | None, str | None]:
    """Return what was recorded of a source's content, to be compared with `Facts.token`."""
    return dep.md5, dep.etag, dep.checksum


def source_of(repo: Repository, dep: DependencySpec, folder: str) -> Source:
    """Return the source that a dependency of a `.dvc` file in `folder` (absolute) names.

    Raises NotSupportedError for versions of objects, which Siglum does not follow.
    """
    if dep.files is not None or dep.version_id is not None or (dep.fs_config or {}).get("version_aware"):
        raise NotSupportedError(
            f"{shown_url(dep.path)} was imported with the versions of its objects, which Siglum does not follow.",
            hint="Import it again without --version-aware.",
        )
    options = {name: str(value) for name, value in (dep.fs_config or {}).items()}
    return source_at(dep.path, options, folder=folder, repo=repo)


def source_at(url: str, fs_config: Mapping[str, str] | None, *, folder: str, repo: Repository | None) -> Source:
    """Return the source at a URL, or at a path relative to `folder`. `repo` knows remotes by name, and its index."""
    options = dict(fs_config or {})
    if url.startswith("remote://"):
        if repo is None:
            raise InvalidInputError(f"{url} names a remote, and there is no data repository here.")
        url, inherited = remote_url(repo, url)
        options = inherited | options
    index: StatIndex | None = repo.index if repo is not None else None
    return open_source(url if _SCHEME.match(url) else os.path.normpath(os.path.join(folder, url)), options, index)


def send_to(repo: Repository, source: Source, remote: Remote, jobs: int | None) -> tuple[Facts, ImportedData]:
    """Send a source's content to a remote, files first, group by group; this disk needs room for one group.

    Raises ConflictError when the source changes meanwhile; what was sent is then on the remote, but not named.
    """
    before = None if isinstance_local(source) else source.facts()
    files: list[TakenFile] = []
    with _scratch_store(repo) as store:
        for group in source.groups(store, jobs):
            _send(store, [file.oid for file in group], remote, jobs)
            files += group
            for oid in {file.oid for file in group}:
                os.unlink(store.path_of(oid))
        facts = source.facts()
        found = content_of(Taken(facts, tuple(files)))
        changed = before.token != facts.token if before is not None else facts.md5 != found.hash.oid
        if changed:
            raise ConflictError(f"{shown_url(source.url)} changed while it was sent.", hint="Try again.")
        if found.nfiles is not None:
            manifest = _manifest(files)
            # Its files are on the remote, so that it may follow; they need not be in this store for that.
            with store.batch() as batch:
                batch.add_bytes(manifest.encode(), manifest.oid)
                batch.commit()
            _put_manifest(store, manifest, remote)
    return facts, found


def isinstance_local(source: Source) -> bool:
    """Whether a source's facts are its bytes' hashes, which would have to be read for them."""
    return not _SCHEME.match(source.url)


def check_versionless(url: str) -> None:
    """Raise NotSupportedError for a URL that names one version of an object."""
    if _SCHEME.match(url) and not url.startswith("http") and _VERSION.search(url):
        raise NotSupportedError(
            f"{shown_url(url)} names a version of an object (--version-aware), which Siglum does not follow.",
            hint="Leave the version out.",
        )


def shown_url(url: str) -> str:
    """Return a URL as it may be shown, without credentials."""
    return masked(without_password(url)) if _SCHEME.match(url) else url


def _written(repo: Repository, url: str, folder: str) -> str:
    """Return how a `.dvc` file names a source: URLs as given, paths from the file's folder unless they are absolute.

    `folder` is that of the output. A relative path is meant from the current folder; where nothing is there, from the
    folder of the output, as DVC has it.
    """
    if url.startswith("file://"):
        url = unquote(url.removeprefix("file://"))  # DVC does not read such URLs
    if _SCHEME.match(url):
        return url
    url = os.path.expanduser(url)
    path = os.path.abspath(url)
    if not os.path.lexists(path) and not os.path.isabs(url):
        there = os.path.normpath(os.path.join(folder, url))
        path = there if os.path.lexists(there) else path
    inside = path == repo.root or path.startswith(repo.root + os.sep)
    if os.path.isabs(url) and not inside:
        return path
    return os.path.relpath(path, folder).replace(os.sep, "/")


def _check_apart(source: Source, target: str) -> None:
    if not isinstance_local(source):
        return
    path = os.path.realpath(source.url)
    real = os.path.join(os.path.realpath(os.path.dirname(target)), os.path.basename(target))
    if path == real or path.startswith(real + os.sep) or real.startswith(path.rstrip(os.sep) + os.sep):
        raise InvalidInputError(
            f"{os.path.relpath(source.url)} and {os.path.relpath(target)} are the same, or one is in the other.",
            hint="Give another place for the copy.",
        )


def _manifest(files: Sequence[TakenFile]) -> Manifest:
    return make_manifest([(file.relpath, file.oid) for file in files])


def _send(store: ObjectStore, oids: Sequence[str], remote: Remote, jobs: int | None) -> None:
    result = run_transfer(plan_push(oids, store, remote), jobs)
    if result.failures:
        raise ConflictError(f"{result.failures[0].oid} could not be sent: {result.failures[0].reason}")


def _put_manifest(store: ObjectStore, manifest: Manifest, remote: Remote) -> None:
    from siglum.storage.transfer import key_of

    remote.put(store.path_of(manifest.oid), key_of(manifest.oid), manifest.oid)


@contextlib.contextmanager
def _scratch_store(repo: Repository) -> Iterator[ObjectStore]:
    parent = os.path.join(repo.tmp_dir, "siglum")
    os.makedirs(parent, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="to-remote-", dir=parent)
    try:
        yield ObjectStore(os.path.join(folder, "files", "md5"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
