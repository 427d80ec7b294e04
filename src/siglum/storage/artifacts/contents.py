"""The bytes of artifacts, each content once under its SHA-256: `<root>/.objects/sha256/aa/…`, mode 0444.

A content is never removed while a path may still need it: the paths' own links keep the bytes, and a content goes only
when no link but its own is left.
"""

from __future__ import annotations

import contextlib
import errno
import os

from siglum.storage.artifacts.paths import OBJECTS_FOLDER
from siglum.storage.durability import discard, fsync_path, temporary_name, write_all
from siglum.storage.hashing import BLOCK_SIZE, sha256_object

_CANNOT_LINK = (errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP)
_MODE = 0o444


class Contents:
    """The contents below one artifact root. `mode` is that of their files."""

    mode = _MODE

    def __init__(self, root: str) -> None:
        self._top = f"{root}/{OBJECTS_FOLDER}"
        self._folder = f"{self._top}/sha256"

    def path_of(self, sha256: str) -> str:
        """Return where a content is or would be."""
        return f"{self._folder}/{sha256[:2]}/{sha256[2:]}"

    def new_file(self) -> tuple[str, int]:
        """Create a file that may become a content; return its path and descriptor, which the caller closes."""
        os.makedirs(self._folder, exist_ok=True)
        path = f"{self._folder}/{temporary_name()}"
        return path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, self.mode)

    def keep(self, temporary: str, sha256: str) -> None:
        """Give a flushed file with these bytes its name, unless a sound one has it; `temporary` stays beside it.

        A damaged one is moved to `.objects/quarantine`.
        """
        final = self.path_of(sha256)
        if os.path.exists(final):
            if self._is_sound(sha256):
                return
            quarantine = f"{self._top}/quarantine"
            os.makedirs(quarantine, exist_ok=True)
            os.rename(final, f"{quarantine}/{sha256}{temporary_name()}")
        folder = os.path.dirname(final)
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
            fsync_path(self._folder)
        _link_or_copy(temporary, final)
        fsync_path(folder)

    def show(self, sha256: str, temporary: str, folder: int, name: str) -> None:
        """Have `name` in the folder with this descriptor be the content, in place of what file was there; durably."""
        beside = temporary_name()
        try:
            try:
                _link_or_copy(self.path_of(sha256), beside, folder)
            except FileNotFoundError:  # deleted just now with the last path that had it
                _link_or_copy(temporary, beside, folder)
            os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            # Also after success: renaming one link of an inode over another does nothing, and leaves both.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=folder)
        os.fsync(folder)

    def open(self, sha256: str) -> int | None:
        """Return a descriptor of a content, or None when it is not there."""
        try:
            return os.open(self.path_of(sha256), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None

    def drop_unused(self, sha256: str) -> None:
        """Remove a content that no path has any more."""
        path = self.path_of(sha256)
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_nlink == 1:
                discard(path)

    def _is_sound(self, sha256: str) -> bool:
        try:
            return sha256_object(self.path_of(sha256)) == sha256
        except FileNotFoundError:
            return False


class PlainFiles(Contents):
    """No contents: the file at each path is one of its own. What there is from another layout goes with its paths."""

    mode = 0o644

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._root = root

    def new_file(self) -> tuple[str, int]:
        os.makedirs(self._root, exist_ok=True)
        path = f"{self._root}/{temporary_name()}"
        return path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, self.mode)

    def keep(self, temporary: str, sha256: str) -> None:
        """Do nothing: `show` takes the file itself."""

    def show(self, sha256: str, temporary: str, folder: int, name: str) -> None:  # noqa: ARG002  no content
        os.rename(temporary, name, dst_dir_fd=folder)
        os.fsync(folder)

    def open(self, sha256: str) -> int | None:  # noqa: ARG002  as above
        return None


def _link_or_copy(source: str, target: str, folder: int | None = None) -> None:
    """Make `target` (below the folder's descriptor, if given) a hard link to `source`, or else a durable copy."""
    try:
        os.link(source, target, dst_dir_fd=folder)
    except FileExistsError:
        return  # another writer stored the same content just now
    except OSError as e:
        if e.errno not in _CANNOT_LINK:
            raise
    else:
        return
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # A copy becomes visible to readers of the content only by a rename, like everything else.
        name = target if folder is not None else f"{os.path.dirname(target)}/{temporary_name()}"
        out = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE, dir_fd=folder)
        try:
            while block := os.read(fd, BLOCK_SIZE):
                write_all(out, block)
            os.fchmod(out, _MODE)
            os.fsync(out)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            raise
        finally:
            os.close(out)
        if name != target:
            os.rename(name, target)
    finally:
        os.close(fd)
