"""`import`: data of another repository, tracked here with the commit that it came from."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.pipeline.inventory.claims import check_unclaimed
from siglum.pipeline.sources.bring import bring
from siglum.pipeline.sources.external import ExternalRepo, Externals
from siglum.storage.transfer import Progress
from siglum.workspace.addresses import shown_source
from siglum.workspace.imports import Import, ImportedData, plan_import, record_import
from siglum.workspace.pointers import DependencySpec, RepoSource
from siglum.workspace.repository import PIPELINE_FILE, Repository
from siglum.workspace.source_tree import is_metafile


def import_from_repo(
    repo: Repository,
    source: RepoSource,
    path: str,
    *,
    out: str | None = None,
    force: bool = False,
    no_exec: bool = False,
    no_download: bool = False,
    jobs: int | None = None,
    desc: str | None = None,
    progress: Progress | None = None,
) -> Import:
    """Import a file or folder of another repository at the commit that `source.rev` names now, HEAD by default.

    With `no_exec` the source is not looked at; with `no_download` its commit is recorded, and nothing fetched. The
    caller holds the lock. Raises as `plan_import`, `Externals.open`, `ExternalRepo.lookup` and `bring` do.
    """
    name = posixpath.basename(posixpath.normpath(path))
    if is_metafile(name) and name != PIPELINE_FILE:
        raise InvalidInputError(f"{path} serves data versioning and is no data.", hint="Name what it tracks.")
    plan = plan_import(
        repo,
        path,
        out,
        force=force,
        is_same=lambda dep, _folder: dep.path == path and _is_asked_for(dep.repo, source),
    )
    check_unclaimed(repo, [plan.path])
    shown = shown_source(path, source.url)
    if no_exec:
        dep = DependencySpec(path=path, repo=source)
        return record_import(repo, plan, dep, None, source=shown, desc=desc, looked=False)
    externals = Externals([os.getcwd(), repo.root])
    there = externals.open(source, bases=[plan.folder])
    listing = there.lookup(path)
    _check_remote(there, source)
    data = None
    if not no_download:
        brought = bring(externals, there, listing, repo.cache, jobs=jobs, progress=progress)
        data = ImportedData(brought.hash, brought.size, brought.nfiles)
    dep = DependencySpec(path=path, repo=locked(source, there))
    return record_import(repo, plan, dep, data, source=shown, desc=desc, left_out=listing.left_out)


def _is_asked_for(recorded: RepoSource | None, source: RepoSource) -> bool:
    """Whether a record is of this very import, of whatever commit: another revision is another import."""
    return recorded is not None and msgspec.structs.replace(recorded, rev_lock=None) == source


def _check_remote(there: ExternalRepo, source: RepoSource) -> None:
    """Raise NotFoundError for a remote that the source does not have, though what it is for may be at hand today."""
    owner = there.owner(there.start)
    if owner is not None and isinstance(source.remote, str):
        there.repository(owner).config.remote(source.remote.lower())


def locked(source: RepoSource, there: ExternalRepo) -> RepoSource:
    """Return a source with the commit that was read."""
    return msgspec.structs.replace(source, rev_lock=there.commit)


def fetch_from_repo(
    repo: Repository,
    externals: Externals,
    dep: DependencySpec,
    *,
    bases: Sequence[str],
    jobs: int | None = None,
    progress: Progress | None = None,
) -> ImportedData:
    """Get what was imported, at the commit that was recorded, into the cache. Raises as `bring` does."""
    assert dep.repo is not None
    there = externals.open(dep.repo, bases=bases)
    brought = bring(externals, there, there.lookup(dep.path), repo.cache, jobs=jobs, progress=progress)
    return ImportedData(brought.hash, brought.size, brought.nfiles)
