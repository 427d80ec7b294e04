"""How an object comes to stand in the workspace: reflink, hard link, symbolic link or copy (`cache.type`).

Whatever was at the path stays there until the new file takes its place by a rename, so the user's path always exists.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import fcntl
import os
from collections.abc import Sequence

from siglum.core.errors import InvalidInputError
from siglum.storage.durability import discard, temporary_name, write_all
from siglum.storage.hashing import BLOCK_SIZE

FICLONE = 0x40049409  # linux/fs.h: share all blocks of one file with another
# What a file system answers that cannot link this way: the next type is tried.
_CANNOT_LINK = {
    errno.EXDEV,
    errno.EOPNOTSUPP,
    errno.ENOTTY,
    errno.EINVAL,
    errno.EPERM,
    errno.EMLINK,
    errno.ENOSYS,
    errno.EACCES,
}


class LinkType(enum.StrEnum):
    """The ways to put an object into the workspace."""

    REFLINK = "reflink"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    COPY = "copy"


DEFAULT_TYPES = (LinkType.REFLINK, LinkType.COPY)


def parse_link_types(value: str | Sequence[str] | None) -> tuple[LinkType, ...]:
    """Read `cache.type` (`"hardlink,copy"` or a list of names); None means DVC's default. Raises InvalidInputError."""
    if value is None:
        return DEFAULT_TYPES
    names = [name.strip() for name in (value.split(",") if isinstance(value, str) else value)]
    try:
        types = tuple(LinkType(name) for name in names)
    except ValueError:
        wrong = next(name for name in names if name not in set(LinkType))
        raise InvalidInputError(
            f"cache.type: {wrong!r} is not a link type.", hint=f"Use one or more of {', '.join(LinkType)}."
        ) from None
    return types or DEFAULT_TYPES


def cannot_link(error: OSError) -> bool:
    """Whether an error says that a file system does not link this way, so that another way is to be tried."""
    return error.errno in _CANNOT_LINK


def place(
    object_path: str, target: str, types: Sequence[LinkType], executable: bool = False, staging: str | None = None
) -> LinkType:
    """Put an object at `target`, by the first of `types` that works there; return which one it was.

    Replaces a file or link at `target` in one step; folders above it are made. A reflink or copy gets the user's
    default mode (0666 less the umask, plus the owner's x bit if `executable`); links keep the object's 0444. Empty
    files and executables are never hard-linked or symlinked, but copied: the first would all be one inode, the second
    would change the object's mode. Does not verify the object; see `ObjectStore.place`.

    The new file is made in the folder `staging` if given, else beside `target`, where what a killed process leaves
    would be taken for the user's. A staging folder on another file system costs a second copy.
    """
    empty = os.stat(object_path).st_size == 0
    failure: OSError | None = None
    for kind in types:
        actual = kind
        if kind in (LinkType.HARDLINK, LinkType.SYMLINK) and (executable or empty):
            actual = LinkType.COPY
        try:
            _place_by(actual, object_path, target, executable, staging)
        except OSError as e:
            if cannot_link(e) and kind is not LinkType.COPY:
                failure = e
                continue
            raise
        return actual
    assert failure is not None
    raise failure


def _place_by(kind: LinkType, source: str, target: str, executable: bool, staging: str | None) -> None:
    beside = os.path.dirname(target) or "."
    for folder in dict.fromkeys((staging or beside, beside)):
        try:
            try:
                _swap_in(kind, source, f"{folder}/{temporary_name()}", target, executable)
            except FileNotFoundError:
                os.makedirs(beside, exist_ok=True)
                _swap_in(kind, source, f"{folder}/{temporary_name()}", target, executable)
        except OSError as e:
            if e.errno != errno.EXDEV or folder == beside:
                raise
        else:
            return


def _swap_in(kind: LinkType, source: str, temporary: str, target: str, executable: bool) -> None:
    try:
        make_file(kind, source, temporary, executable)
        os.replace(temporary, target)
        # Renaming one name of an inode over another name of the same inode does nothing, and leaves both.
        if kind is LinkType.HARDLINK:
            discard(temporary)
    except BaseException:
        with contextlib.suppress(OSError):
            discard(temporary)
        raise


def make_file(kind: LinkType, source: str, temporary: str, executable: bool) -> None:
    """Make a new file of an object by exactly this kind of link; raises OSError where that does not work."""
    if kind is LinkType.HARDLINK:
        os.link(source, temporary)
    elif kind is LinkType.SYMLINK:
        os.symlink(os.path.abspath(source), temporary)
    else:
        _copy(source, temporary, 0o766 if executable else 0o666, clone=kind is LinkType.REFLINK)


def _copy(source: str, temporary: str, mode: int, clone: bool) -> None:
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        out = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            if clone:
                fcntl.ioctl(out, FICLONE, fd)
                return
            while block := os.read(fd, BLOCK_SIZE):
                write_all(out, block)
        finally:
            os.close(out)
    finally:
        os.close(fd)
