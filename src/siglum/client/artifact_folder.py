"""The files of one run or model: an artifact store seen from one folder of it, and moving whole folders."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol, runtime_checkable

from siglum.client.file_cache import FileCache
from siglum.client.progress import transfer
from siglum.core import temporary_names
from siglum.core.errors import LocalFileError, NotFoundError, NotSupportedError
from siglum.core.failures import file_errors
from siglum.core.text import count, did_you_mean
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactStore
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.storage.artifacts.replacing import NumberedWrite, Outcome, ReplacingStore

_WORTH_ASKING = 64 * 1024
"""Bytes from which on a file's SHA-256 is asked for: a smaller one comes as fast itself."""


@runtime_checkable
class _Telling(Protocol):
    """A store that tells what a file is without sending it."""

    def fingerprint(self, path: str) -> str | None: ...


class ArtifactFolder:
    """An `ArtifactStore` whose root is a folder of another. `uri` is how runs and models refer to it.

    `is_near` says whether its files are on this machine's disks.
    """

    is_near = False

    def __init__(self, store: ArtifactStore, prefix: str, uri: str) -> None:
        self._store = store
        self._prefix = prefix.strip("/")
        self.uri = uri
        self.is_near = isinstance(store, LocalArtifactStore)

    def put(self, path: str, source: BinaryIO) -> ArtifactEntry:
        with file_errors(self.uri):
            return self._relative(self._store.put(self._full(path), source))

    def put_file(self, path: str, local_path: str) -> ArtifactEntry:
        with file_errors(self.uri):
            return self._relative(self._store.put_file(self._full(path), local_path))

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        return self._store.open(self._full(path))

    def get_file(self, path: str, local_path: str) -> None:
        with file_errors(local_path):
            self._store.get_file(self._full(path), local_path)

    def stat(self, path: str) -> ArtifactEntry:
        return self._relative(self._store.stat(self._full(path)))

    def fingerprint(self, path: str) -> str | None:
        """Return a file's SHA-256 without reading the file; None where the store does not tell."""
        return self._store.fingerprint(self._full(path)) if isinstance(self._store, _Telling) else None

    def list(self, path: str = "") -> Sequence[ArtifactEntry]:
        return [self._relative(entry) for entry in self._store.list(self._full(path))]

    def delete(self, path: str) -> None:
        self._store.delete(self._full(path))

    def replace(self, path: str, content: bytes, expected: str | None, write: NumberedWrite | None = None) -> Outcome:
        """Store a file unless it has changed, as `storage.artifacts.replacing` says.

        Raises:
            NotSupportedError: The store cannot: it is a bucket that this machine reaches by itself, or MLflow's.
        """
        if not isinstance(self._store, ReplacingStore):
            raise NotSupportedError(f"{self.uri}: files are not replaced there only where they are unchanged.")
        with file_errors(self.uri):
            return self._store.replace(self._full(path), content, expected, write)

    def _full(self, path: str) -> str:
        return f"{self._prefix}/{path}".strip("/") if self._prefix and path else self._prefix or path

    def _relative(self, entry: ArtifactEntry) -> ArtifactEntry:
        if not self._prefix:
            return entry
        path = entry.path.removeprefix(self._prefix).lstrip("/")
        return ArtifactEntry(path=path, is_dir=entry.is_dir, size=entry.size, sha256=entry.sha256)


def files_below(store: ArtifactStore, path: str = "") -> Iterator[ArtifactEntry]:
    """Yield every file in and below a folder, by path; nothing when it is not there or is a file."""
    for entry in store.list(path):
        if entry.is_dir:
            yield from files_below(store, entry.path)
        else:
            yield entry


def upload_folder(store: ArtifactStore, local_dir: str, path: str = "") -> list[ArtifactEntry]:
    """Store every file below a local folder under `path`; links are followed as the user's own files."""
    found = []
    for folder, subfolders, names in os.walk(local_dir, followlinks=True):
        subfolders.sort()
        below = os.path.relpath(folder, local_dir).replace(os.sep, "/")
        for name in sorted(names):
            target = "/".join(part for part in (path, "" if below == "." else below, name) if part)
            found.append((target, os.path.join(folder, name)))
    stored, reached = [], 0
    with transfer(f"Storing {count(len(found), 'file')}", sum(_size(local) for _, local in found)) as progress:
        for target, local in found:
            stored.append(store.put_file(target, local))
            reached += _size(local)
            progress.reach(reached)
    return stored


def put_path(store: ArtifactStore, local_path: str, folder: str = "") -> None:
    """Store a local file or folder under its own name, below `folder`. Raises NotFoundError."""
    name = os.path.basename(os.path.abspath(local_path))
    target = f"{folder.rstrip('/')}/{name}" if folder else name
    if os.path.isdir(local_path):
        upload_folder(store, local_path, target)
    elif os.path.exists(local_path):
        length = _size(local_path)
        with transfer(f"Storing {name}", length) as progress:
            store.put_file(target, local_path)
            progress.reach(length)
    else:
        raise LocalFileError(f"There is no file {local_path!r} to log.")


def download(store: ArtifactStore, path: str, target: str, *, what: str, cache: FileCache | None = None) -> str:
    """Write the file or folder at `path` to the local path `target` and return it. Files that are there are replaced.

    With a `cache`, files are taken from it whose content the store announces, and put there.

    Raises:
        NotFoundError: Nothing is there; says what is near in the folder. `what` names the run or model.
    """
    found = list(files_below(store, path))
    if found:
        places = [os.path.join(target, *_below(entry.path, path).split("/")) for entry in found]
        get_files(store, found, places, cache=cache)
        return target
    parent, _, name = path.rpartition("/")
    siblings = {entry.path: entry for entry in store.list(parent)}
    if path and path in siblings and not siblings[path].is_dir:
        get_files(store, [siblings[path]], [target], cache=cache)
        return target
    if not path:
        raise NotFoundError(f"{what} has no files.")
    names = [sibling.rpartition("/")[2] for sibling in siblings]
    raise NotFoundError(f"{what} has no file or folder {path!r}.", hint=did_you_mean(name, names) or _there(names))


def get_files(
    store: ArtifactStore,
    entries: Sequence[ArtifactEntry],
    places: Sequence[str],
    *,
    shown: bool | None = None,
    cache: FileCache | None = None,
) -> None:
    """Write files to local paths, whose folders are made. What is there is replaced, once the new file is whole.

    `shown` is as for `progress.transfer`.
    """
    reached = 0
    what = entries[0].path.rpartition("/")[2] if len(entries) == 1 else count(len(entries), "file")
    with transfer(f"Reading {what}", sum(entry.size or 0 for entry in entries), shown=shown) as progress:
        for entry, local in zip(entries, places, strict=True):
            os.makedirs(os.path.dirname(local), exist_ok=True)
            with _arriving(local) as unfinished:
                if cache is None:
                    store.get_file(entry.path, unfinished)
                else:
                    _get_cached(cache, store, entry, unfinished)
            reached += entry.size or 0
            progress.reach(reached)
    if cache is not None:
        cache.make_room()


@contextlib.contextmanager
def _arriving(path: str) -> Iterator[str]:
    """Give the path of a new file, and put it in its place when it has arrived."""
    unfinished = os.path.join(os.path.dirname(path), f".{os.urandom(11).hex()}{temporary_names.SUFFIX}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise


def _get_cached(cache: FileCache, store: ArtifactStore, entry: ArtifactEntry, local: str) -> None:
    sha256 = entry.sha256
    if sha256 is None and isinstance(store, ArtifactFolder) and (entry.size or 0) >= _WORTH_ASKING:
        sha256 = store.fingerprint(entry.path)
    if sha256 is not None and cache.take(sha256, local):
        return
    store.get_file(entry.path, local)
    if sha256 is not None:
        cache.keep(sha256, local)


def cache_for(files: ArtifactFolder) -> FileCache | None:
    """Return the user's cache for files that are kept far away; None for those on this disk, which need none."""
    return None if files.is_near else FileCache.from_environment(os.environ)


def _below(path: str, folder: str) -> str:
    return path[len(folder) :].lstrip("/") if folder else path


def _size(local_path: str) -> int:
    try:
        return os.stat(local_path).st_size
    except OSError:  # the store says what is wrong with it
        return 0


def _there(names: Sequence[str]) -> str | None:
    shown = ", ".join(sorted(names)[:8])
    return f"There is: {shown}{', …' if len(names) > 8 else ''}." if names else None
