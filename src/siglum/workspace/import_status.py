"""What of imports changed: their sources, and their `.dvc` files where somebody edited these by hand."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from siglum.core.errors import NotFoundError, UnavailableError
from siglum.workspace.addresses import shown_source
from siglum.workspace.git_sources import GitSources
from siglum.workspace.import_url import recorded_token, shown_url, source_of
from siglum.workspace.imports import folder_of
from siglum.workspace.pointers import DependencySpec, Pointer, checksum_of
from siglum.workspace.repository import Repository

SourceChange: TypeAlias = Literal["update available", "modified", "deleted"]


class ImportChange(msgspec.Struct, frozen=True):
    """What changed of one import: its sources, by the name that people see, and whether its checksum is wrong."""

    sources: dict[str, SourceChange]
    edited: bool = False


def import_entries(repo: Repository, pointers: Iterable[Pointer], *, updates: bool = True) -> dict[str, list[Any]]:
    """Return what `import_changes` finds in the shape of DVC's `status --json`."""
    return {
        path: [
            *([{"changed deps": dict(change.sources)}] if change.sources else []),
            *(["changed checksum"] if change.edited else []),
        ]
        for path, change in import_changes(repo, pointers, updates=updates).items()
    }


def import_changes(repo: Repository, pointers: Iterable[Pointer], *, updates: bool = True) -> dict[str, ImportChange]:
    """Return what changed, by `.dvc` file from the root; imports that did not change are left out.

    An import from another repository changes when its revision names another commit, whatever is in it; with `updates`
    off that is not asked. One from a URL is only looked at when it is not frozen. Raises UnavailableError for a source
    that cannot be reached, NotFoundError for a repository or revision that is not there.
    """
    sources = GitSources([os.getcwd(), repo.root])
    found = {}
    for pointer in pointers:
        if not pointer.file.deps:
            continue
        changes: dict[str, SourceChange] = {}
        for dep in pointer.file.deps:
            change = _change(repo, pointer, dep, sources, updates=updates)
            if change is not None:
                changes[_shown(repo, pointer, dep)] = change
        edited = pointer.file.md5 != checksum_of(pointer.file)
        if changes or edited:
            found[pointer.path] = ImportChange(changes, edited)
    return found


def _change(
    repo: Repository, pointer: Pointer, dep: DependencySpec, sources: GitSources, *, updates: bool
) -> SourceChange | None:
    folder = folder_of(repo, pointer)
    if dep.repo is not None:
        if not updates or dep.repo.rev_lock is None:
            return None
        try:
            now = sources.find(dep.repo, bases=[folder], latest=True).commit
        except UnavailableError as error:
            error.hint = "Leave the question out with --no-updates."
            raise
        return "update available" if now != dep.repo.rev_lock else None
    if pointer.file.is_frozen or dep.db is not None:
        return None
    try:
        facts = source_of(repo, dep, folder).facts()
    except NotFoundError:
        return "deleted"
    return "modified" if facts.token != recorded_token(dep) else None


def _shown(repo: Repository, pointer: Pointer, dep: DependencySpec) -> str:
    if dep.repo is not None:
        return shown_source(dep.path, dep.repo.url)
    if "://" in dep.path:
        return shown_url(dep.path)
    path = os.path.normpath(os.path.join(folder_of(repo, pointer), dep.path))
    inside = path.startswith(repo.root + os.sep)
    return os.path.relpath(path) if inside else path
