"""What differs between the cache and a remote. Apart from `status`, which starts the faster for not knowing remotes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from siglum.core.errors import SiglumError, UnavailableError
from siglum.core.hashes import DataHash
from siglum.storage.manifest import Manifest
from siglum.storage.remotes.base import Remote
from siglum.storage.transfer import keys_for
from siglum.workspace.repository import Repository
from siglum.workspace.transfer import Wanted

_FROM_BAD_TO_WORSE: Final = ("deleted", "new", "missing")

ReadManifest: TypeAlias = Callable[[DataHash, str | None], Manifest]
"""Returns a folder's manifest from the cache, else from the remote that its record names."""


def cloud_status(
    repo: Repository, wanted: Sequence[Wanted], remote: Remote, read_manifest: ReadManifest, jobs: int | None = None
) -> dict[str, str]:
    """Return, by path, what a remote lacks ("new"), what the cache lacks ("deleted") and what both do ("missing").

    A manifest on the remote stands for all its files, which are then not asked for. Where the cache lacks it, and
    files of it, these tell of the folder. Where several versions of a path are wanted, the worst that can be said of
    one is said.
    """
    there = _on_remote(repo, remote, (each.hash for each in wanted), jobs)
    content = dict.fromkeys((each.path, each.hash) for each in wanted)
    complete: set[tuple[str, DataHash]] = set()
    files_of: dict[tuple[str, DataHash], list[tuple[str, DataHash]]] = {}
    for each in wanted:
        files = _files_in(repo, each, read_manifest, on_remote=each.hash in there)
        files_of[each.path, each.hash] = files
        content.update(dict.fromkeys(files))
        if each.hash in there:
            complete.update(files)
    there |= _on_remote(repo, remote, (data for _, data in content.keys() - complete), jobs)
    absent = _not_in_cache(repo, (data for _, data in content))
    found: dict[str, str] = {}
    for path, data in content:
        on_remote = data in there or (path, data) in complete
        if data not in absent:
            verdict = None if on_remote else "new"
        elif any(file in absent for _, file in files_of.get((path, data), ())):
            verdict = None
        else:
            verdict = "deleted" if on_remote else "missing"
        if verdict is not None:
            shown = repo.shown(path)
            found[shown] = max(verdict, found.get(shown, verdict), key=_FROM_BAD_TO_WORSE.index)
    return found


def _files_in(
    repo: Repository, wanted: Wanted, read_manifest: ReadManifest, *, on_remote: bool
) -> list[tuple[str, DataHash]]:
    if not wanted.hash.is_dir or not (on_remote or repo.store_of(wanted.hash).has(wanted.hash.oid)):
        return []
    try:
        entries = read_manifest(wanted.hash, wanted.remote).entries
    except UnavailableError:
        raise
    except SiglumError:
        return []  # damaged: nothing can be said of its files
    return [(f"{wanted.path}/{entry.relpath}", DataHash(entry.oid, wanted.hash.legacy)) for entry in entries]


def _on_remote(repo: Repository, remote: Remote, asked: Iterable[DataHash], jobs: int | None) -> set[DataHash]:
    by_key = {keys_for(repo.store_of(data))(data.oid): data for data in asked}
    return {by_key[key] for key in remote.exists(by_key, jobs)}


def _not_in_cache(repo: Repository, asked: Iterable[DataHash]) -> set[DataHash]:
    listed = list(asked)
    return {
        DataHash(oid, legacy)
        for legacy in (False, True)
        for oid in repo.store_of(DataHash("", legacy)).missing(data.oid for data in listed if data.legacy is legacy)
    }
