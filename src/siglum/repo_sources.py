"""What `siglum.repo.Repo` does with other repositories and URLs: get, import, update, list."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeAlias

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.pipeline.inventory.claims import check_unclaimed
from siglum.pipeline.sources.browse import Browser
from siglum.pipeline.sources.external import Externals
from siglum.pipeline.sources.get import Got, get, repo_source
from siglum.pipeline.sources.import_repo import import_from_repo
from siglum.pipeline.sources.listing import list_entries
from siglum.pipeline.sources.update import UpdateOptions, update
from siglum.repo_base import RepoBase, Targets
from siglum.workspace.clones import is_git_url
from siglum.workspace.import_url import GotUrl, get_url, import_url
from siglum.workspace.imports import Import
from siglum.workspace.remotes import open_configured_remote
from siglum.workspace.repository import Repository, find_root

__all__ = ["SourceMethods"]

Settings: TypeAlias = Mapping[str, Any] | str | None
"""Settings that go before a repository's own: sections of options, or the path of a settings file."""


class SourceMethods(RepoBase):
    """The part of `siglum.repo.Repo` that looks at other repositories and URLs."""

    @staticmethod
    def get(
        url: str,
        path: str,
        out: str | None = None,
        rev: str | None = None,
        jobs: int | None = None,
        force: bool = False,
        config: Settings = None,
        remote: str | None = None,
        remote_config: Mapping[str, Any] | None = None,
    ) -> Got:
        """Get a file or folder of the repository `url`, without tracking it. Every byte is verified first.

        Raises AlreadyExistsError without `force`, NotFoundError, UnavailableError, IntegrityError.
        """
        source = repo_source(url, rev, config=config, remote=remote, remote_config=remote_config)
        return get(source, path, out=out, force=force, jobs=jobs)

    @staticmethod
    def get_url(
        url: str,
        out: str | None = None,
        *,
        fs_config: Mapping[str, str] | None = None,
        jobs: int | None = None,
        force: bool = False,
    ) -> GotUrl:
        """Get the file or folder at a URL or path, without tracking it. `fs_config` are options for reading it."""
        root = find_root()
        repo = Repository(root) if root is not None else None
        return get_url(url, out=out, force=force, jobs=jobs, fs_config=fs_config, repo=repo)

    def imp(
        self,
        url: str,
        path: str,
        out: str | None = None,
        rev: str | None = None,
        config: Settings = None,
        remote: str | None = None,
        remote_config: Mapping[str, Any] | None = None,
        no_exec: bool = False,
        no_download: bool = False,
        jobs: int | None = None,
        force: bool = False,
    ) -> Import:
        """Get a file or folder of the repository `url` and track it, with the commit that it came from.

        `no_exec` looks at nothing yet, `no_download` records the commit only.
        """
        source = repo_source(url, rev, config=config, remote=remote, remote_config=remote_config)
        repo = self._fresh()
        with repo.lock():
            return import_from_repo(
                repo, source, path, out=out, force=force, no_exec=no_exec, no_download=no_download, jobs=jobs
            )

    def imp_url(
        self,
        url: str,
        out: str | None = None,
        frozen: bool = True,
        no_download: bool = False,
        no_exec: bool = False,
        remote: str | None = None,
        to_remote: bool = False,
        jobs: int | None = None,
        force: bool = False,
        fs_config: Mapping[str, str] | None = None,
        version_aware: bool = False,
    ) -> Import:
        """Get the file or folder at a URL or path and track it, with what its source says of it.

        Raises InvalidInputError for `frozen=False` (unfreeze it afterwards) and `version_aware`, which Siglum does
        not do.
        """
        if not frozen:
            raise InvalidInputError("imp_url always freezes what it imports.", hint="Run 'siglum unfreeze' on it.")
        if version_aware:
            raise InvalidInputError("Siglum does not follow versions of objects.")
        if remote is not None and not to_remote:
            raise InvalidInputError("remote goes with to_remote.")
        repo = self._fresh()
        with repo.lock():
            if out is not None:
                check_unclaimed(repo, [out])
            return import_url(
                repo,
                url,
                out,
                force=force,
                no_exec=no_exec,
                no_download=no_download,
                to_remote=open_configured_remote(repo, remote) if to_remote else None,
                jobs=jobs,
                fs_config=fs_config,
            )

    def update(
        self,
        targets: Targets = None,
        rev: str | None = None,
        recursive: bool = False,
        to_remote: bool = False,
        no_download: bool = False,
        remote: str | None = None,
        jobs: int | None = None,
        force: bool = False,
    ) -> list[Import]:
        """Bring imports to what their sources have; with None for targets all imports. Return what was looked at."""
        if remote is not None and not to_remote:
            raise InvalidInputError("remote goes with to_remote.")
        repo = self._fresh()
        names = self._names(targets)
        with repo.lock():
            options = UpdateOptions(
                rev=rev,
                no_download=no_download,
                to_remote=open_configured_remote(repo, remote) if to_remote else None,
                force=force,
                jobs=jobs,
            )
            return list(update(repo, names or [repo.root], options, recursive=recursive or not names))

    @staticmethod
    def ls(
        url: str,
        path: str | None = None,
        rev: str | None = None,
        recursive: bool | None = None,
        dvc_only: bool = False,
        config: Settings = None,
        remote: str | None = None,
        remote_config: Mapping[str, Any] | None = None,
        maxdepth: int | None = None,
    ) -> list[dict[str, Any]]:
        """List what is in the repository `url` (a folder or a Git URL), at `path`.

        Each entry has `isout`, `isdir`, `isexec`, `size`, `md5` and `path`. `maxdepth` is how many folders deep to
        look with `recursive`.
        """
        if not (is_git_url(url) or os.path.isdir(url)):
            raise NotFoundError(f"{url!r} is neither a folder nor a Git URL.")
        source = repo_source(url, rev, config=config, remote=remote, remote_config=remote_config)
        browser = Browser(Externals().open(source, on_disk=True, latest=True))
        key = browser.key_of(path or "", os.getcwd())
        found = list_entries(browser, key, recursive=bool(recursive), depth=maxdepth, recorded_only=dvc_only)
        return [
            {
                "isout": entry.is_out,
                "isdir": entry.is_dir,
                "isexec": entry.is_exec,
                "size": entry.size,
                "md5": None if entry.hash is None else entry.hash.oid,
                "path": name,
            }
            for name, entry in found
        ]
