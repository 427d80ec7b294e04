"""Files beneath a root, reached one segment at a time without following a link.

Between two looks somebody may put a link where a folder was. Opening each segment relative to the descriptor of the
one above, with O_NOFOLLOW, cannot be led outside by that.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from siglum.core.errors import ConflictError, NotFoundError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not there; a file on the way; a link on the way.
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def not_found(segments: Sequence[str]) -> NotFoundError:
    """Return the error for a path at which there is nothing (or a link, which is nothing here)."""
    return NotFoundError(
        f"There is no artifact at {'/'.join(segments)!r}.", hint="List the folder to see what is there."
    )


@contextmanager
def open_folder(root: str, segments: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """Yield a descriptor of a folder beneath `root`. With `create`, make what is missing, durably.

    Raises NotFoundError when it is not there; ConflictError when it cannot be made since a file is in its place.
    """
    if create:
        os.makedirs(root, exist_ok=True)
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise not_found(segments) from None
    try:
        for n, name in enumerate(segments):
            below = _enter(fd, segments[: n + 1], name, create)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def _enter(fd: int, so_far: Sequence[str], name: str, create: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=fd)
    except OSError as e:
        if e.errno not in _ABSENT:
            raise
        if not create:
            raise not_found(so_far) from None
        if e.errno != errno.ENOENT:
            raise ConflictError(
                f"There is a file at {'/'.join(so_far)!r}, so that it cannot be a folder.",
                hint="Delete it, or use another path.",
            ) from None
    try:
        os.mkdir(name, dir_fd=fd)
        os.fsync(fd)
    except FileExistsError:
        pass  # another writer was faster
    return os.open(name, _FOLDER, dir_fd=fd)


def open_file(root: str, segments: Sequence[str]) -> int:
    """Return a descriptor of the regular file at `segments`; the caller closes it. Raises NotFoundError."""
    with open_folder(root, segments[:-1]) as folder:
        try:
            fd = os.open(segments[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as e:
            if e.errno in (*_ABSENT, errno.ENXIO):
                raise not_found(segments) from None
            raise
    if not is_regular(os.fstat(fd)):
        os.close(fd)
        raise not_found(segments)
    return fd


def is_regular(status: os.stat_result) -> bool:
    """Whether this is the stat of a file, not of a folder, link, FIFO or device."""
    return (status.st_mode & 0o170000) == 0o100000


def is_folder(status: os.stat_result) -> bool:
    """Whether this is the stat of a folder."""
    return (status.st_mode & 0o170000) == 0o040000


def remove_tree(folder: int, name: str) -> None:
    """Remove what `name` is in the folder with this descriptor, links themselves and not where they lead."""
    try:
        below = os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as e:
        if e.errno not in _ABSENT:
            raise
        os.unlink(name, dir_fd=folder)
        return
    try:
        for child in os.listdir(below):
            remove_tree(below, child)
    finally:
        os.close(below)
    os.rmdir(name, dir_fd=folder)
