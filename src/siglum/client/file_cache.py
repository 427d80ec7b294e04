"""Files that were downloaded from a server before, kept by SHA-256: what is here is not asked for again.

Below `~/.cache/siglum/artifacts` (or `$XDG_CACHE_HOME/siglum/artifacts`), for this user only. A file is taken out as a
copy and verified; what is damaged is thrown away and downloaded again. The least lately used go when all together are
larger than `SIGLUM_ARTIFACT_CACHE_BYTES` (10 GiB); 0 turns the cache off. It may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping

LIMIT_VARIABLE = "SIGLUM_ARTIFACT_CACHE_BYTES"
_LIMIT = 10 * 2**30
_CHUNK = 2**20
_UNFINISHED = ".new-"


class FileCache:
    """The files in one folder. Several processes may use it at once."""

    def __init__(self, root: str, limit: int = _LIMIT) -> None:
        self._root = root
        self._limit = limit

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> FileCache:
        """Return the user's."""
        base = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        limit = environ.get(LIMIT_VARIABLE, "")
        return cls(os.path.join(base, "siglum", "artifacts"), int(limit) if limit.isdecimal() else _LIMIT)

    def take(self, sha256: str, target: str) -> bool:
        """Put a file to a path where nothing is, verified; False, and nothing there, when it is not here."""
        entry = os.path.join(self._root, sha256)
        if self._limit == 0:
            return False
        try:
            os.utime(entry)
            if _copy(entry, target) == sha256:
                return True
        except FileExistsError:
            raise
        except OSError:  # not here, or taken away by another process just now
            return False
        for path in (target, entry):
            with contextlib.suppress(OSError):
                os.unlink(path)
        return False

    def keep(self, sha256: str, path: str) -> None:
        """Remember a file that has just been verified. Where that cannot be done, nothing happens."""
        entry = os.path.join(self._root, sha256)
        if self._limit == 0 or os.path.exists(entry):
            return
        made = None
        try:
            if os.path.getsize(path) > self._limit:
                return
            os.makedirs(self._root, mode=0o700, exist_ok=True)
            number, made = tempfile.mkstemp(dir=self._root, prefix=_UNFINISHED)
            os.close(number)
            shutil.copyfile(path, made)
            os.rename(made, entry)
        except OSError:  # a full disk, a read-only home
            if made is not None:
                with contextlib.suppress(OSError):
                    os.unlink(made)

    def make_room(self) -> None:
        """Remove the least lately used until the rest is no larger than the limit."""
        with contextlib.suppress(OSError):
            found = [(each.stat(), each) for each in os.scandir(self._root)]
            total = sum(status.st_size for status, _ in found)
            for status, each in sorted(found, key=lambda pair: pair[0].st_mtime_ns):
                if total <= self._limit:
                    break
                total -= status.st_size
                os.unlink(each.path)


def _copy(source: str, target: str) -> str:
    """Copy a file to a new one and return the SHA-256 of what was copied."""
    hashed = hashlib.sha256()
    with open(source, "rb") as file, open(target, "xb") as copy:
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
            copy.write(chunk)
    return hashed.hexdigest()
