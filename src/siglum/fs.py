"""An fsspec file system over what repositories record: `siglum://` paths in pandas, polars, pyarrow and others.

Needs the extra `fsspec`, which registers the protocol.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import IO, Any, ClassVar

try:
    from fsspec.spec import AbstractBufferedFile, AbstractFileSystem
except ImportError as error:  # pragma: no cover -- tests have the extra
    raise ImportError("siglum.fs needs fsspec. Install it with: pip install 'siglum[fsspec]'") from error

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.lineage.inputs import DataInput, record_input
from siglum.lineage.project import project_root, relative_to_root
from siglum.pipeline.definition.files import is_metafile
from siglum.pipeline.sources.browse import Browser, Entry
from siglum.pipeline.sources.external import ExternalRepo, Externals, Listing
from siglum.pipeline.sources.get import repo_source
from siglum.pipeline.sources.part_content import PartContents, RemoteParts
from siglum.workspace.ignore import IGNORE_FILE
from siglum.workspace.outputs import hash_path
from siglum.workspace.repository import find_root

__all__ = ["SiglumFileSystem"]


class SiglumFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no type information
    """Files that Git, `.dvc` files and pipelines keep, at a revision or as they are in the workspace. Read only.

    Paths are relative to the data repository's root: `siglum://data/train.csv`. Listing needs names only; content comes
    from the workspace, Git or the cache, else from the remote: the bytes that are asked for, without a copy here.
    What comes from the cache is verified, what comes from a remote is when it is read from start to end.

    Args:
        repo: A folder in a repository, or a Git URL; by default the repository of the current folder.
        rev: A branch, tag or commit. By default the workspace of a folder, the default branch of a URL.
        config: Settings that go before the repository's own: sections of options, or the path of a settings file.
        remote: The name of the remote to read from.
        remote_config: Options that go before those of the remote.
        url: Another name for `repo`.
        fo: Another name for `repo`, which a chained URL gives (`siglum://x::https://host/repo.git`).
        target_protocol: The protocol of such a URL.

    Raises:
        NotFoundError: There is no such repository or revision.
        UnavailableError: A URL cannot be cloned.
    """

    protocol: ClassVar[str] = "siglum"
    root_marker: ClassVar[str] = ""
    # What a name stands for changes with the workspace, branches and the current folder.
    cachable: ClassVar[bool] = False

    def __init__(
        self,
        repo: str | os.PathLike[str] | None = None,
        rev: str | None = None,
        *,
        config: Mapping[str, Any] | str | None = None,
        remote: str | None = None,
        remote_config: Mapping[str, Any] | None = None,
        url: str | None = None,
        fo: str | None = None,
        target_protocol: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        given = [os.fspath(each) for each in (repo, url, fo) if each is not None]
        if len(set(given)) > 1:
            raise InvalidInputError("repo, url and fo are names for one thing: give one of them.")
        address = given[0] if given else os.getcwd()
        if target_protocol not in (None, "file") and "://" not in address:
            address = f"{target_protocol}://{address}"
        self._source = repo_source(address, rev, config=config, remote=remote, remote_config=remote_config)
        self._externals = Externals()
        self._lock = threading.RLock()
        self._opened: tuple[ExternalRepo, Browser] | None = None
        self._browser()

    @property
    def repo_url(self) -> str:
        """The repository's address."""
        return self._source.url

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        text = os.fspath(path)
        return text.removeprefix("siglum://").strip("/")

    def unstrip_protocol(self, name: str) -> str:
        """Return a path with the protocol in front."""
        return f"siglum://{self._strip_protocol(name)}"

    def invalidate_cache(self, path: str | None = None) -> None:
        """Look at the repository anew when it is next asked."""
        with self._lock:
            self._opened = None
            self._externals = Externals()
        super().invalidate_cache(path)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return `name`, `type`, `size`, `md5`, `isout` and `isexec`.

        The size is asked of the remote where no record has it; None where that cannot tell. `ls` does not ask.
        """
        key = self._strip_protocol(path)
        try:
            with self._lock:
                repo, browser = self._browser()
                entry = browser.entry(_in_tree(repo, key))
                size = None if entry.is_dir else self._size(browser, entry)
                if size is None and not entry.is_dir:
                    size = PartContents(self._externals, repo).size_of(repo.lookup(key))
                return _info(key, entry, size)
        except NotFoundError as error:
            raise FileNotFoundError(str(error)) from None

    def ls(
        self, path: str, detail: bool = True, *, dvc_only: bool = False, dvcfiles: bool = False, **_: Any
    ) -> list[Any]:
        """Return what is in a folder; of a file, the file itself.

        With `dvc_only`, as `find`, `walk` and `glob` take it too, only what `.dvc` files and pipelines record. With
        `dvcfiles` also `.dvc` files, `dvc.yaml` and `.dvcignore`, which are left out otherwise.
        """
        key = self._strip_protocol(path)
        info = self.info(key)
        if info["type"] == "file":
            return [info] if detail else [key]
        with self._lock:
            repo, browser = self._browser()
            children = browser.children(_in_tree(repo, key), recorded_only=dvc_only)
            listed = [
                _info(f"{key}/{name}" if key else name, entry, None if entry.is_dir else self._size(browser, entry))
                for name, entry in children
                if dvcfiles or entry.is_dir or not (is_metafile(name) or name == IGNORE_FILE)
            ]
        return listed if detail else [each["name"] for each in listed]

    def isdvc(self, path: str) -> bool:
        """Whether a path is recorded by `.dvc` files or pipelines, or lies in what is."""
        try:
            return bool(self.info(path)["isout"])
        except FileNotFoundError:
            return False

    def checksum(self, path: str) -> int:
        """Return a number that changes with the content of a file."""
        info = self.info(path)
        return int(info["md5"].partition(".")[0], 16) if info["md5"] else super().checksum(path)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | str | None = None,
        autocommit: bool = True,
        cache_options: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> Any:
        if mode != "rb" or not autocommit:
            raise OSError(f"siglum://{path}: files of a repository's history can only be read.")
        content = self._content(path)
        if not isinstance(content, RemoteParts):
            return content
        return _RemoteFile(
            self, path, "rb", block_size or "default", cache_options=dict(cache_options or {}), content=content
        )

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """Return a file's bytes, all of them (then verified) or those from `start` up to `end`."""
        content = self._content(path)
        if isinstance(content, RemoteParts):
            size = content.size
            first, last, _step = slice(start, end).indices(size)
            return content.read(first, last)
        with content:
            first, last, _step = slice(start, end).indices(_length(content))
            content.seek(first)
            return content.read(max(last - first, 0))

    def _content(self, path: str) -> IO[bytes] | RemoteParts:
        key = self._strip_protocol(path)
        try:
            with self._lock:
                repo, _browser = self._browser()
                listing = repo.lookup(key)
                if listing.is_dir:
                    raise IsADirectoryError(f"siglum://{key} is a folder.")
                self._report(repo, key, listing)
                return PartContents(self._externals, repo).find(listing)
        except NotFoundError as error:
            raise FileNotFoundError(str(error)) from None

    def _browser(self) -> tuple[ExternalRepo, Browser]:
        with self._lock:
            if self._opened is None:
                repo = self._externals.open(self._source, on_disk=True, latest=True)
                self._opened = repo, Browser(repo)
            return self._opened

    def _size(self, browser: Browser, entry: Entry) -> int | None:
        if entry.size is not None or entry.hash is None:
            return entry.size
        return browser.cached_size(entry)

    def _report(self, repo: ExternalRepo, key: str, listing: Listing) -> None:
        """Tell the runs of this process what is read; what Git keeps in a commit is named by the commit."""
        (part,) = listing.parts
        if part.oid is not None and part.place is not None:
            oid, pointer = part.oid, part.place.pointer
        elif part.leaf is not None and part.leaf.file is not None and self._opened is not None:
            entry = self._opened[1].entry(_in_tree(repo, key))
            if not entry.is_out:
                return
            owner = repo.owner(entry.path)
            assert owner is not None
            oid, pointer = hash_path(repo.repository(owner), part.leaf.file).hash.oid, None
        else:
            return
        project = project_root(os.getcwd())
        root = find_root(project)
        here = repo.root is not None and root is not None and _same(os.path.join(repo.root, repo.start), root)
        record_input(
            DataInput(
                path=relative_to_root(os.path.join(root, key), project) if here and root is not None else key,
                hash=f"md5:{oid}",
                pointer=pointer,
                rev=repo.commit or (repo.git.head_commit() if repo.git is not None else None),
                repo=None if here else repo.shown.partition(" at ")[0],
            )
        )


class _RemoteFile(AbstractBufferedFile):  # type: ignore[misc]  # fsspec has no type information
    """A file on a remote, of which the blocks are fetched that are read."""

    DEFAULT_BLOCK_SIZE: ClassVar[int] = 5 << 20

    def __init__(self, *arguments: Any, content: RemoteParts, **options: Any) -> None:
        self._content = content
        super().__init__(*arguments, size=content.size, **options)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._content.read(start, end)


def _in_tree(repo: ExternalRepo, key: str) -> str:
    """Return a path of the repository from the root of the tree that it is in."""
    return "/".join(part for part in (repo.start, key) if part)


def _info(name: str, entry: Entry, size: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "type": "directory" if entry.is_dir else "file",
        "size": size,
        "md5": None if entry.hash is None else entry.hash.oid,
        "isout": entry.is_out,
        "isexec": entry.is_exec,
    }


def _length(file: IO[bytes]) -> int:
    return file.seek(0, os.SEEK_END)


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
