"""Data read where it is recorded: in this workspace or another repository, at any revision, from cache or remote."""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, BinaryIO

import msgspec

from siglum.core.errors import IntegrityError, InvalidInputError, NotFoundError, SiglumError
from siglum.core.hashes import DataHash
from siglum.core.text import did_you_mean
from siglum.pipeline.definition.stages import LOCK_FILE, PIPELINE_FILE
from siglum.pipeline.inventory.outputs import recorded_outputs
from siglum.pipeline.inventory.selection import folder_of
from siglum.storage.hashing import md5_bytes
from siglum.storage.remote_objects import fetch_object
from siglum.storage.remotes.base import Remote
from siglum.workspace.clones import clone_of, is_git_url, local_path, resolve_in_clone
from siglum.workspace.config import Config
from siglum.workspace.documents import decoded, read_bytes
from siglum.workspace.git import Git
from siglum.workspace.git_process import without_password
from siglum.workspace.ini import parse_ini
from siglum.workspace.manifests import Manifests
from siglum.workspace.outputs import hash_path
from siglum.workspace.pointers import POINTER_SUFFIX, Pointer, parse_pointer
from siglum.workspace.remotes import open_configured_remote, recorded_url
from siglum.workspace.repository import Repository, find_root
from siglum.workspace.snapshots import repository_at
from siglum.workspace.source_tree import is_within
from siglum.workspace.transfer import pointers_at


class Record(msgspec.Struct, frozen=True):
    """What is recorded of a path: its content, the file that says so, and the remote that is to have it."""

    path: str
    hash: DataHash
    pointer: str
    remote: str | None = None


class Opened(msgspec.Struct, frozen=True):
    """Content that was opened: its bytes, its hash, the file that records it, and whether Git keeps it itself."""

    stream: BinaryIO
    hash: DataHash
    pointer: str | None = None
    in_git: bool = False


class Source:
    """A repository at one state: a commit, or its workspace when `commit` is None.

    Paths are relative to the repository's root, or absolute; what is not there is looked for from the current folder,
    too. `origin` is the address it was opened by, None for the one that the current folder is in.
    """

    def __init__(self, repo: Repository, commit: str | None, origin: str | None, remote: str | None = None) -> None:
        self.repo = repo
        self.commit = commit
        self.origin = origin
        self._remote_name = remote

    def key_of(self, path: str) -> str:
        """Return a path relative to the root, posix. Raises InvalidInputError for one outside."""
        full = os.path.normpath(os.path.join(self.repo.root, path))
        folder = folder_of(self.repo)
        if folder and not os.path.isabs(path):
            from_here = posixpath.normpath(posixpath.join(folder, path))
            if not is_within(full, self.repo.root):
                full = os.path.join(self.repo.root, from_here)
            elif not self._has(self.repo.key_of(full)) and self._has(from_here):
                return from_here
        return self.repo.key_of(full)

    def _has(self, key: str) -> bool:
        if self.commit is None and os.path.lexists(os.path.join(self.repo.root, key)):
            return True
        if self.commit is not None and self._read_git(key) is not None:
            return True
        try:
            self._record(key, key)
        except NotFoundError:
            return False
        except InvalidInputError:
            return True  # it is a folder
        return True

    def open(self, path: str) -> Opened:
        """Open a file for reading: what the workspace has, else what Git has, else what is recorded.

        What comes from the cache or a remote is verified. Raises NotFoundError, IntegrityError (no sound copy is
        anywhere), InvalidInputError for a folder, UnavailableError.
        """
        key = self.key_of(path)
        if self.commit is None:
            full = os.path.join(self.repo.root, key)
            if os.path.isdir(full):
                raise _is_folder(path)
            if os.path.exists(full):
                return self._open_here(key, full)
        else:
            data = self._read_git(key)
            if data is not None:
                return Opened(io.BytesIO(data), DataHash(md5_bytes(data)), in_git=True)
        record = self.record(path)
        if record.hash.is_dir:
            raise _is_folder(path)
        return Opened(self._open_object(record), record.hash, record.pointer)

    def url(self, path: str) -> str:
        """Return where the recorded content of `path` is or would be (see `recorded_url`); nothing there is looked at.

        For a folder, that of its manifest. Raises NotFoundError for what is not recorded, or when there is no remote.
        """
        record = self.record(path)
        git = self.repo.git
        is_here = git is None or is_within(os.path.realpath(self.repo.root), git.root)  # not the copy of a URL
        return recorded_url(self.repo, record.hash, self._remote_name or record.remote, is_here=is_here)

    def record(self, path: str) -> Record:
        """Return what is recorded of a path, also of one inside a recorded folder. Raises NotFoundError."""
        return self._record(self.key_of(path), path)

    def _record(self, key: str, path: str) -> Record:
        known: list[str] = []
        for record in self._records(key):
            if record.path == key:
                return record
            if key.startswith(record.path + "/") and record.hash.is_dir:
                return self._inside(record, key[len(record.path) + 1 :], path)
            known.append(record.path)
        where = f"in {self.repo.root}" if self.commit is None else f"at {self.commit[:12]} of {self.repo.root}"
        hint = did_you_mean(key, known) or "Paths are relative to the repository's root."
        raise NotFoundError(f"There is no data {path!r} {where}.", hint=hint)

    def _records(self, key: str) -> Iterator[Record]:
        """Yield what is recorded, likely places first: the path's own `.dvc` file, or one of a folder above it."""
        above = key
        while above:
            pointer = self._read_pointer(above + POINTER_SUFFIX)
            if pointer is not None:
                yield from _of_pointer(pointer)
            above = posixpath.dirname(above)
        for out in recorded_outputs(self.repo, self.commit):
            folder = out.stage.rpartition(f"{PIPELINE_FILE}:")[0]
            yield Record(out.path, out.hash, folder + LOCK_FILE, out.remote)
        for pointer in self.repo.pointers() if self.commit is None else pointers_at(self.repo, self.commit):
            yield from _of_pointer(pointer)

    def _read_pointer(self, path: str) -> Pointer | None:
        if self.commit is not None:
            data = self._read_git(path)
        else:
            try:
                with open(os.path.join(self.repo.root, path), "rb") as file:
                    data = file.read()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
        return None if data is None else Pointer(path, parse_pointer(data, path))

    def _read_git(self, key: str) -> bytes | None:
        assert self.commit is not None
        return None if self.repo.git is None else self.repo.git.read_file(self.commit, self.repo.git_prefix + key)

    def _open_here(self, key: str, full: str) -> Opened:
        """Open a file of the workspace, and say what records it: nothing, where the records cannot be read."""
        data, pointer = hash_path(self.repo, full).hash, None
        if self.repo.git is not None and self.repo.git.tracked([self.repo.git_prefix + key]):
            return Opened(open(full, "rb"), data, in_git=True)
        with contextlib.suppress(SiglumError):
            records = self._records(key)
            pointer = next((r.pointer for r in records if key == r.path or key.startswith(r.path + "/")), None)
        return Opened(open(full, "rb"), data, pointer)

    def _inside(self, folder: Record, within: str, path: str) -> Record:
        entries = self._manifests(folder).read(folder.hash.oid).entries
        for entry in entries:
            if entry.relpath == within:
                return Record(
                    f"{folder.path}/{within}", DataHash(entry.oid, folder.hash.legacy), folder.pointer, folder.remote
                )
        if any(entry.relpath.startswith(within + "/") for entry in entries):
            raise _is_folder(path)
        hint = did_you_mean(within, [entry.relpath for entry in entries])
        raise NotFoundError(f"{folder.path} does not have {within!r} as {folder.pointer} records it.", hint=hint)

    def _manifests(self, record: Record) -> Manifests:
        cache = self.repo.store_of(record.hash)
        if cache.is_sound(record.hash.oid):
            return Manifests(cache)
        return Manifests(cache, self._remote(record))

    def _remote(self, record: Record) -> Remote:
        return open_configured_remote(self.repo, self._remote_name or record.remote)

    def _open_object(self, record: Record) -> BinaryIO:
        oid, damage = record.hash.oid, None
        try:
            return open(self.repo.store_of(record.hash).verify(oid), "rb")
        except NotFoundError:
            pass
        except IntegrityError as error:
            damage = error
        try:
            return _download(self._remote(record), record.hash)
        except NotFoundError as error:
            if damage is not None:
                raise damage from None
            raise NotFoundError(f"{record.path} is not in the cache: {error.message}", hint=error.hint) from None

    @cached_property
    def head(self) -> str | None:
        """The commit that this state is of, or that the workspace is based on."""
        return self.commit or (self.repo.git.head_commit() if self.repo.git is not None else None)


def open_source(
    repo: str | None = None,
    rev: str | None = None,
    *,
    remote: str | None = None,
    config: Mapping[str, Any] | str | None = None,
    remote_config: Mapping[str, Any] | None = None,
) -> Source:
    """Return a repository at a revision, or its workspace.

    Args:
        repo: A folder in a repository, or a Git URL; None for the repository of the current folder.
        rev: A branch, tag or commit. None is the workspace of a folder, the default branch of a URL.
        remote: The remote to read from, in place of the one that the data or the settings name.
        config: Settings that go before the repository's own: a mapping, or the path of a file like `.dvc/config`.
        remote_config: Options that go before those of the remote.

    Raises:
        NotFoundError: There is no such repository or revision.
        UnavailableError: A URL cannot be cloned.
    """
    folder = repo or os.getcwd()
    linked = local_path(folder)
    if linked is not None and os.path.exists(os.path.join(linked, ".git")):
        folder, rev = linked, rev or "HEAD"  # not cloned: its cache and relative remotes are where its settings say
    if is_git_url(folder) or _is_bare(folder):
        git = clone_of(folder, rev)
        commit = resolve_in_clone(git, rev)
        if commit is None:
            raise _no_revision(without_password(folder), rev)
        opened = repository_at(git, commit)
    else:
        opened = Repository(_root_of(folder))
        commit = None
        if rev is not None:
            commit = opened.git.resolve(rev) if opened.git is not None else None
            if commit is None:
                raise _no_revision(opened.root, rev)
    if config is not None:
        settings = config if isinstance(config, Mapping) else _read_settings(config)
        opened.config = opened.config.overlaid(settings, "config" if isinstance(config, Mapping) else config)
    if remote_config is not None:
        opened.config = _with_remote(opened.config, remote, remote_config)
    return Source(opened, commit, repo, remote)


def _with_remote(config: Config, remote: str | None, options: Mapping[str, Any]) -> Config:
    name = remote or config.get("core.remote")
    if name is None:
        raise InvalidInputError("remote_config names no remote, and there is no default.", hint="Give remote=NAME.")
    return config.overlaid({"remote": {name: options}}, "remote_config")


def _read_settings(path: str) -> Mapping[str, Mapping[str, Any]]:
    return parse_ini(decoded(read_bytes(path), path), path)


def _root_of(folder: str) -> str:
    root = find_root(folder) if os.path.isdir(folder) else None
    if root is None and os.path.isdir(folder):
        git = Git.find(folder)
        root = git.root if git is not None else None
    if root is None:
        raise NotFoundError(f"{folder} is not in a repository.", hint="Give the path of one, or a Git URL.")
    return root


def _is_bare(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, "HEAD")) and os.path.isdir(os.path.join(folder, "objects"))


def _of_pointer(pointer: Pointer) -> Iterator[Record]:
    for out in pointer.file.outs:
        if out.data is not None:
            yield Record(pointer.key_of(out), out.data, pointer.path, out.remote)


def _download(remote: Remote, data: DataHash) -> BinaryIO:
    """Return a verified copy as an open file without a name: it goes when it is closed."""
    folder = tempfile.mkdtemp(prefix="siglum-read-")
    try:
        path = os.path.join(folder, "object")
        fetch_object(remote, data.algorithm, data.oid, path)
        return open(path, "rb")
    finally:
        shutil.rmtree(folder)


def _no_revision(where: str, rev: str | None) -> NotFoundError:
    return NotFoundError(f"{where} has no revision {rev or 'HEAD'!r}.", hint="See 'git log --all' and 'git tag'.")


def _is_folder(path: str) -> InvalidInputError:
    return InvalidInputError(f"{path!r} is a folder.", hint="Name a file in it.")
