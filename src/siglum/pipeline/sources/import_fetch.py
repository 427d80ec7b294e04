"""Imported data brought into the cache from where it was imported: it is on no remote of this repository."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence

import msgspec

from siglum.core.errors import IntegrityError, NotFoundError, SiglumError
from siglum.core.hashes import DataHash
from siglum.pipeline.sources.external import Externals
from siglum.pipeline.sources.import_repo import fetch_from_repo
from siglum.storage.transfer import Progress
from siglum.workspace.addresses import shown_source
from siglum.workspace.import_url import kept, shown_url, source_of
from siglum.workspace.imports import ImportedData
from siglum.workspace.outputs import is_cached
from siglum.workspace.pointers import DependencySpec
from siglum.workspace.repository import Repository


class WantedImport(msgspec.Struct, frozen=True):
    """One import that the cache lacks: its path and `.dvc` file (from the root), its source, and what was recorded.

    `hash` is None for an import that was only promised: whatever the source has is it.
    """

    path: str
    pointer: str
    dep: DependencySpec
    hash: DataHash | None = None

    @property
    def source(self) -> str:
        """How messages name where it comes from."""
        repo = self.dep.repo
        return shown_source(self.dep.path, repo.url) if repo is not None else shown_url(self.dep.path)


class FetchedImport(msgspec.Struct, frozen=True):
    """What came of one import: its data, or why it did not come."""

    wanted: WantedImport
    data: ImportedData | None = None
    error: SiglumError | None = None


def missing_imports(repo: Repository, wanted: Iterable[WantedImport]) -> tuple[WantedImport, ...]:
    """Return those that the cache does not have; a source is asked once for what several parts of it are for."""
    found: dict[tuple[str, str, DataHash | None], WantedImport] = {}
    for each in wanted:
        if each.hash is None or not is_cached(repo, each.hash):
            found.setdefault((each.pointer, repr(each.dep), each.hash), each)
    return tuple(found.values())


def fetch_imports(
    repo: Repository, wanted: Sequence[WantedImport], jobs: int | None = None, progress: Progress | None = None
) -> tuple[FetchedImport, ...]:
    """Get imports from their sources into the cache. One that cannot be had does not keep others from it.

    What was recorded of one must be what its source has, or its error says so.
    """
    externals = Externals([os.getcwd(), repo.root])
    return tuple(_fetch(repo, each, externals, jobs, progress) for each in wanted)


def raise_import_failures(fetched: Iterable[FetchedImport]) -> None:
    """Raise the first failure, which names its path and source; return when there is none."""
    for each in fetched:
        if each.error is not None:
            each.error.message = f"{each.wanted.path}, imported from {each.wanted.source}: {each.error.message}"
            raise each.error


def _fetch(
    repo: Repository, wanted: WantedImport, externals: Externals, jobs: int | None, progress: Progress | None
) -> FetchedImport:
    folder = os.path.join(repo.root, posixpath.dirname(wanted.pointer))
    try:
        if wanted.dep.repo is not None:
            data = fetch_from_repo(repo, externals, wanted.dep, bases=[folder], jobs=jobs, progress=progress)
        else:
            data = kept(repo, source_of(repo, wanted.dep, folder).take(repo.cache, jobs, progress))
    except SiglumError as error:
        return FetchedImport(wanted, error=error)
    if wanted.hash is None or data.hash == wanted.hash or is_cached(repo, wanted.hash):
        return FetchedImport(wanted, data)
    return FetchedImport(wanted, data, _other(wanted, data))


def _other(wanted: WantedImport, data: ImportedData) -> SiglumError:
    hint = f"Record what it has now with 'siglum update {wanted.pointer}'."
    said = f"its source has {data.hash}, and {wanted.hash} was recorded."
    # A commit cannot have changed; a path or page can.
    return IntegrityError(said, hint=hint) if wanted.dep.repo is not None else NotFoundError(said, hint=hint)
