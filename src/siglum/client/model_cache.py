"""Models that were downloaded before, kept by content hash: a second load of the same version moves no bytes.

A folder for each model below `~/.cache/siglum/models` (or `$XDG_CACHE_HOME/siglum/models`), for this user only. What
is taken out is verified like a download; what is damaged is thrown away and downloaded again. The least lately used go
when all together are larger than `SIGLUM_MODEL_CACHE_BYTES` (10 GiB); 0 turns the cache off. It may be deleted at any
time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping

from siglum.core.errors import SiglumError
from siglum.core.hashes import sha256_hex
from siglum.models.content import verify_content_hash

LIMIT_VARIABLE = "SIGLUM_MODEL_CACHE_BYTES"
_LIMIT = 10 * 2**30
_UNFINISHED = ".new-"
_ABANDONED = 86_400
"""Seconds after which nobody finishes it any more."""


class ModelCache:
    """The models in one folder. Several processes may use it at once."""

    def __init__(self, root: str, limit: int = _LIMIT) -> None:
        self._root = root
        self._limit = limit

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ModelCache:
        """Return the user's."""
        base = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        limit = environ.get(LIMIT_VARIABLE, "")
        return cls(os.path.join(base, "siglum", "models"), int(limit) if limit.isdecimal() else _LIMIT)

    def take(self, place: str, content_hash: str, folder: str, *, links: bool) -> bool:
        """Put a model's files into a folder, verified; False, and an empty folder, when they are not here.

        Args:
            place: Where the model is kept: models of equal content at other places have other ids in their `MLmodel`.
            content_hash: What the files must be.
            folder: Made when it is not there.
            links: Whether links will do in place of copies: for who only reads.
        """
        entry = self._entry(place, content_hash)
        if self._limit == 0 or not os.path.isdir(entry):
            return False
        try:
            os.utime(entry)
            _put(entry, folder, links=links)
            verify_content_hash(folder, content_hash)
        except (SiglumError, OSError):
            # Damaged, or taken away by another process just now.
            shutil.rmtree(entry, ignore_errors=True)
            _empty(folder)
            return False
        return True

    def keep(self, place: str, content_hash: str, folder: str) -> None:
        """Remember the verified files of a folder. Where that cannot be done, nothing happens."""
        entry = self._entry(place, content_hash)
        if self._limit == 0 or os.path.exists(entry) or _size(folder) > self._limit:
            return
        made = None
        try:
            os.makedirs(self._root, mode=0o700, exist_ok=True)
            made = tempfile.mkdtemp(dir=self._root, prefix=_UNFINISHED)
            _put(folder, made, links=False)
            os.rename(made, entry)
        except OSError:
            # A full disk, a read-only home, or another process that was faster.
            if made is not None:
                shutil.rmtree(made, ignore_errors=True)
            return
        self._make_room(entry)

    def _entry(self, place: str, content_hash: str) -> str:
        return os.path.join(self._root, sha256_hex(f"{place}\n{content_hash}".encode()))

    def _make_room(self, newest: str) -> None:
        with contextlib.suppress(OSError):
            everything = list(os.scandir(self._root))
            for each in everything:  # what a killed process left
                if each.name.startswith(_UNFINISHED) and each.stat().st_mtime < os.stat(newest).st_mtime - _ABANDONED:
                    shutil.rmtree(each.path, ignore_errors=True)
            entries = [each.path for each in everything if not each.name.startswith(_UNFINISHED)]
            ages = sorted((os.stat(path).st_mtime_ns, path) for path in entries)
            total = sum(_size(path) for path in entries)
            for _, path in ages:
                if total <= self._limit:
                    break
                if path != newest:
                    total -= _size(path)
                    shutil.rmtree(path, ignore_errors=True)


def _put(source: str, target: str, *, links: bool) -> None:
    for path in _files(source):
        to = os.path.join(target, os.path.relpath(path, source))
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if links:
            try:
                os.link(path, to)
                continue
            except OSError:
                pass  # another file system
        shutil.copyfile(path, to)


def _files(folder: str) -> Iterator[str]:
    for at, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(at, name)


def _size(folder: str) -> int:
    with contextlib.suppress(OSError):
        return sum(os.path.getsize(path) for path in _files(folder))
    return 0


def _empty(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)
