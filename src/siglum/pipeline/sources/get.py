"""`get`: data of another repository into a folder here, without a trace of where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from siglum.pipeline.sources.bring import bring
from siglum.pipeline.sources.external import Externals
from siglum.storage.transfer import Progress
from siglum.workspace.delivery import landing_beside, target_for
from siglum.workspace.pointers import RepoSource


class Got(msgspec.Struct, frozen=True):
    """What came: its place, hash, bytes and number of files; and data repositories in it that were left out."""

    path: str
    hash: str
    size: int
    nfiles: int
    left_out: tuple[str, ...] = ()


def repo_source(
    url: str,
    rev: str | None = None,
    *,
    config: Mapping[str, Any] | str | None = None,
    remote: str | None = None,
    remote_config: Mapping[str, Any] | None = None,
) -> RepoSource:
    """Return another repository as a `.dvc` file names it.

    A remote's name and options for one go together into settings, since the format has one place for either.
    """
    if remote is None or remote_config is None:
        return RepoSource(url=url, rev=rev, config=config, remote=remote if remote_config is None else remote_config)
    settings: dict[str, Any] = dict(config) if isinstance(config, Mapping) else {}
    remotes = dict(settings.get("remote") or {})
    remotes[remote] = {**(remotes.get(remote) or {}), **remote_config}
    settings |= {"core": {**(settings.get("core") or {}), "remote": remote}, "remote": remotes}
    return RepoSource(url=url, rev=rev, config=settings)


def get(
    source: RepoSource,
    path: str,
    *,
    out: str | None = None,
    force: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Got:
    """Bring a file or folder of another repository to `out`; by default to the current folder under its own name.

    From a repository on this disk, without a revision, what its workspace holds. Every byte is verified before
    anything is put into place; what is there is replaced, with `force`, by a rename. Raises AlreadyExistsError,
    NotFoundError, UnavailableError, IntegrityError.
    """
    target = target_for(path, out, force=force, makes_folders=True)
    externals = Externals()
    repo = externals.open(source, on_disk=True)
    listing = repo.lookup(path)
    with landing_beside(target) as landing:
        brought = bring(externals, repo, listing, landing.store, jobs=jobs, progress=progress)
        if listing.is_dir:
            landing.put_folder(brought.files)
        else:
            landing.put_file(brought.files[0][1], is_exec=brought.files[0][2])
    return Got(target, str(brought.hash), brought.size, len(brought.files), listing.left_out)


def get_url(source: RepoSource, path: str) -> str:
    """Return where the recorded content of a path of another repository is; see `ExternalRepo.url`."""
    return Externals().open(source, on_disk=True).url(path)
