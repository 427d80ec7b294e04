"""A small world to break things in: a project, its remote, and all that is in them as values."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

CACHE = "project/.dvc/cache/files/md5"
REMOTE = "remote/files/md5"
# What is neither the user's nor shared: Git's own files and the tools' private state.
_PRIVATE = ("project/.git", "project/.dvc/tmp")


class Entry(msgspec.Struct, frozen=True):
    """What is at a path: a file's bytes, a link's target (as bytes), or None for what may not be read."""

    data: bytes | None
    mode: int
    is_link: bool = False

    @property
    def md5(self) -> str:
        return hashlib.md5(self.data or b"", usedforsecurity=False).hexdigest()


class Snapshot(msgspec.Struct, frozen=True):
    """Every file of a world by its path below the world's folder, private state left out."""

    files: dict[str, Entry]

    def below(self, folder: str) -> dict[str, Entry]:
        """Return the files below a folder, by their paths below it."""
        prefix = folder + "/"
        return {path[len(prefix) :]: entry for path, entry in self.files.items() if path.startswith(prefix)}

    @property
    def workspace(self) -> dict[str, Entry]:
        """What the user sees, `.dvc` and `.gitignore` files included."""
        return {path: entry for path, entry in self.below("project").items() if not path.startswith(".dvc/")}

    @property
    def contents(self) -> set[str]:
        """The MD5s of all contents that are somewhere in the world, metafiles left out."""
        return {entry.md5 for path, entry in self.files.items() if not is_metafile(path)}


def is_metafile(path: str) -> bool:
    """Whether a file is one that the tools write for Git, or settings."""
    name = os.path.basename(path)
    return name.endswith(".dvc") or name in (".gitignore", ".dvcignore", "config", "config.local", "dvc.lock")


def take(root: Path) -> Snapshot:
    """Read a world. Files without a right to be read are read all the same where that is possible."""
    files: dict[str, Entry] = {}
    for path, status in _walk(str(root)):
        key = path[len(str(root)) + 1 :]
        if stat.S_ISLNK(status.st_mode):
            files[key] = Entry(os.readlink(os.fsencode(path)), 0, is_link=True)
        else:
            files[key] = Entry(_bytes_of(path), stat.S_IMODE(status.st_mode))
    return Snapshot(files)


def _bytes_of(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _walk(root: str) -> Iterator[tuple[str, os.stat_result]]:
    pending = [root]
    private = tuple(f"{root}/{each}" for each in _PRIVATE)
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.path not in private:
                        pending.append(entry.path)
                else:
                    yield entry.path, entry.stat(follow_symlinks=False)


def clone(source: Path, target: Path) -> None:
    """Copy a world, times, modes and hard links too."""
    linked: dict[int, str] = {}
    pending = [(str(source), str(target))]
    while pending:
        here, there = pending.pop()
        os.mkdir(there)
        with os.scandir(here) as entries:
            for entry in entries:
                new = f"{there}/{entry.name}"
                if entry.is_symlink():
                    os.symlink(os.readlink(entry.path), new)
                elif entry.is_dir():
                    pending.append((entry.path, new))
                else:
                    _copy(entry, new, linked)


def _copy(entry: os.DirEntry[str], new: str, linked: dict[int, str]) -> None:
    status = entry.stat()
    if status.st_nlink > 1 and status.st_ino in linked:
        os.link(linked[status.st_ino], new)
        return
    linked[status.st_ino] = new
    data = _bytes_of(entry.path)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, data)
        os.fchmod(handle, stat.S_IMODE(status.st_mode))
        os.utime(handle, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(handle)


def remove(root: Path) -> None:
    """Remove a world, whatever rights it has."""
    pending, folders = [str(root)], []
    while pending:
        folder = pending.pop()
        folders.append(folder)
        os.chmod(folder, 0o700)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    os.unlink(entry.path)
    for folder in reversed(folders):
        os.rmdir(folder)


def object_path(root: Path, store: str, oid: str) -> Path:
    """Return where an object of a store (`CACHE` or `REMOTE`) is."""
    return root / store / oid[:2] / oid[2:]
