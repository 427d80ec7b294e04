"""`list-url`: what is at a path or URL, whether or not any tool tracks it."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote

import msgspec

from siglum.core.addresses import shown_url
from siglum.core.errors import NotFoundError, NotSupportedError
from siglum.core.text import did_you_mean
from siglum.storage.remotes.base import BrowsableRemote, RemoteEntry
from siglum.storage.remotes.open import open_remote
from siglum.storage.remotes.options import RemoteOptions
from siglum.storage.sources.open import open_source
from siglum.workspace.remotes import remote_url
from siglum.workspace.repository import Repository

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://")
_REFERENCE = "remote://"


class Place(Protocol):
    """What is at one address."""

    def top(self) -> RemoteEntry:
        """Return what the address names, under the name that it is shown by. Raises NotFoundError."""
        ...

    def entries(self, folder: str) -> Sequence[RemoteEntry]:
        """Return what is directly in a folder below the address ("" for the address), sorted by name."""
        ...


class UrlEntry(msgspec.Struct, frozen=True):
    """A file or folder below an address; the path of a single file is the file's own. `size` is in bytes."""

    path: str
    isdir: bool
    size: int | None = None


def open_place(url: str, options: Mapping[str, str] | None = None, repo: Repository | None = None) -> Place:
    """Return what is at a path, a URL or `remote://name/…`, which `repo` knows. Looks at nothing yet.

    `options` are those of a remote of the same kind. Raises NotSupportedError for a scheme or option that Siglum does
    not have, NotFoundError for a remote that is not configured.
    """
    given = dict(options or {})
    if url.startswith(_REFERENCE):
        if repo is None:
            raise NotFoundError(f"{url} means a remote of a data repository.", hint="Go to a folder that lies in one.")
        url, configured = remote_url(repo, url)
        given = configured | given
    match = _SCHEME.match(url)
    if match is None or match["scheme"].lower() == "file":
        RemoteOptions(url, "a folder", given).refuse_others()
        return _Folder(unquote(url[match.end() :]) if match is not None else url)
    if match["scheme"].lower() in ("http", "https"):
        return _WebFile(url, given)
    remote = open_remote(shown_url(url), url, given)
    if not isinstance(remote, BrowsableRemote):
        raise NotSupportedError(f"Siglum cannot list what is at {match['scheme']}:// addresses.")
    return _Elsewhere(remote, url, url[match.end() :].strip("/"))


def list_place(place: Place, *, recursive: bool = False, depth: int | None = None) -> list[UrlEntry]:
    """Return what is directly at an address, or with `recursive` all files below it, sorted by path.

    Folders are then left out, but for those at the greatest `depth` (1 is what is directly there). For a file, and
    with a depth of 0, there is just the address itself. Raises NotFoundError when nothing is there.
    """
    top = place.top()
    if not top.is_dir or depth == 0:
        return [UrlEntry(top.name, False, top.size)]
    found: list[UrlEntry] = []
    pending = [("", 1)]
    while pending:
        folder, level = pending.pop()
        for entry in place.entries(folder):
            path = posixpath.join(folder, entry.name)
            if entry.is_dir and recursive and (depth is None or level < depth):
                pending.append((path, level + 1))
            else:
                found.append(UrlEntry(path, entry.is_dir, entry.size))
    return sorted(found, key=lambda entry: entry.path)


class _Folder:
    """A file or folder of this machine."""

    def __init__(self, path: str) -> None:
        self._path = path

    def top(self) -> RemoteEntry:
        if not os.path.exists(self._path):
            folder, name = os.path.split(self._path.rstrip("/"))
            there = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
            raise NotFoundError(f"The path {self._path!r} does not exist.", hint=did_you_mean(name, there))
        return RemoteEntry(os.path.abspath(self._path), os.path.isdir(self._path), os.path.getsize(self._path))

    def entries(self, folder: str) -> Sequence[RemoteEntry]:
        found = []
        with os.scandir(os.path.join(self._path, folder)) as entries:
            for entry in entries:
                is_dir = entry.is_dir(follow_symlinks=False)
                # A link has the size of what it leads to, and one that leads nowhere its own.
                status = entry.stat(follow_symlinks=os.path.exists(entry.path))
                found.append(RemoteEntry(entry.name, is_dir, status.st_size))
        return sorted(found, key=lambda entry: entry.name)


class _WebFile:
    """A file behind a web address: such servers have no lists."""

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        self._url = url
        self._source = open_source(url, options)

    def top(self) -> RemoteEntry:
        return RemoteEntry(shown_url(self._source.url), size=self._source.facts().size)

    def entries(self, folder: str) -> Sequence[RemoteEntry]:
        raise NotSupportedError(f"{shown_url(self._source.url)}/{folder}: a web server has no lists of files.")


class _Elsewhere:
    """Files of a remote's kind. `path` is what DVC shows of the address of a single file."""

    def __init__(self, remote: BrowsableRemote, url: str, path: str) -> None:
        self._remote = remote
        self._url = url
        self._path = path

    def top(self) -> RemoteEntry:
        size = None if self._url.endswith("/") else self._remote.size_of("")
        if size is not None:
            return RemoteEntry(self._path, size=size)
        if "/" in self._path and not self._remote.entries(""):
            raise NotFoundError(f"There is nothing at {shown_url(self._url)}.", hint="Check the address; case matters.")
        return RemoteEntry(self._path, is_dir=True)

    def entries(self, folder: str) -> Sequence[RemoteEntry]:
        return sorted(self._remote.entries(folder), key=lambda entry: entry.name)
