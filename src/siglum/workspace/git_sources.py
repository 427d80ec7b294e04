"""Which repository, and which commit of it, a `.dvc` file means: found on this disk, or copied from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from siglum.core.errors import NotFoundError
from siglum.workspace.addresses import found_address, is_bare
from siglum.workspace.clones import clone_of, is_git_url, local_path, resolve_in_clone
from siglum.workspace.git import Git
from siglum.workspace.git_process import without_password
from siglum.workspace.pointers import RepoSource
from siglum.workspace.repository import find_root


class GitSource(msgspec.Struct, frozen=True):
    """A repository that was found. `commit` is None for what is on disk.

    `root` is the folder that is checked out, None where there is only Git's own; `start` is where the address that was
    given is in it, posix, "" for its root.
    """

    git: Git | None
    commit: str | None
    root: str | None = None
    start: str = ""


class GitSources:
    """Repositories of others; each URL is asked once. `bases` are the folders that relative addresses start from."""

    def __init__(self, bases: Sequence[str]) -> None:
        self._bases = tuple(bases)
        self._clones: dict[str, Git] = {}

    def find(
        self, source: RepoSource, *, bases: Sequence[str] = (), on_disk: bool = False, latest: bool = False
    ) -> GitSource:
        """Return the repository of `source` at the commit that was imported; with `latest`, where its `rev` is now.

        With `on_disk`, a folder without `rev` is taken as it is on disk. Raises NotFoundError for a repository or
        revision that is not there, UnavailableError for one that cannot be reached.
        """
        rev = source.rev if latest else source.rev_lock or source.rev
        address = found_address(source.url, (*self._bases, *bases), None if latest else source.rev_lock)
        linked = local_path(address)
        if linked is not None and os.path.exists(os.path.join(linked, ".git")):
            address = linked  # not copied: its cache and relative remotes are where its settings say
        if is_git_url(address):
            git = self._clone(address, rev)
            commit = resolve_in_clone(git, rev)
            if commit is None:
                raise _no_revision(source, rev)
            return GitSource(git, commit)
        if is_bare(address):
            git = Git(address)
            return GitSource(git, _commit(git, source, rev))
        found, data_root = Git.find(address), find_root(address)
        root = found.root if found is not None else data_root if on_disk else None
        if root is None:
            raise NotFoundError(f"{without_password(source.url)} is not in a Git repository.")
        commit = None
        if rev is not None or not on_disk:
            if found is None:
                raise _no_revision(source, rev)
            commit = _commit(found, source, rev)
        start = os.path.relpath(os.path.realpath(data_root or root), os.path.realpath(root)).replace(os.sep, "/")
        # A data repository around the Git repository is somebody else's.
        outside = start == "." or start == ".." or start.startswith("../")
        return GitSource(found, commit, root, "" if outside else start)

    def _clone(self, address: str, rev: str | None) -> Git:
        known = self._clones.get(address)
        if known is None or (rev is not None and resolve_in_clone(known, rev) is None):
            known = self._clones[address] = clone_of(address, rev)
        return known


def _commit(git: Git, source: RepoSource, rev: str | None) -> str:
    commit = git.resolve(rev or "HEAD") or (git.resolve(f"origin/{rev}") if rev is not None else None)
    if commit is None:
        raise _no_revision(source, rev)
    return commit


def _no_revision(source: RepoSource, rev: str | None) -> NotFoundError:
    return NotFoundError(
        f"{without_password(source.url)} has no revision {rev or 'HEAD'!r}.", hint="See 'git log --all' and 'git tag'."
    )
