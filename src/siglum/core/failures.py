"""What the file system says, as an error of ours: the path, the reason and what to do, in one sentence each."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import Final

from siglum.core.errors import PermissionDeniedError, SiglumError, StorageFullError
from siglum.core.temporary_names import above_temporary

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


def from_os_error(error: OSError, where: str | None = None) -> SiglumError:
    """Return the error that says what `error` means for a person; `where` stands in for a path it does not carry."""
    named = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    place = above_temporary(named) if named else where or "the file system"
    reason = error.strerror or str(error)
    if error.errno in FULL:
        return StorageFullError(f"{place}: {reason}.", hint="Free some space and run the command again.")
    if error.errno in FORBIDDEN:
        return PermissionDeniedError(f"{place}: {reason}.", hint="Check who owns it, and what you may do there.")
    if error.errno == errno.ENOENT and named is None and not _folder_is_there():
        return SiglumError("The current folder does not exist any more.", hint="Change to another one.")
    return SiglumError(f"{place}: {reason}.")


@contextlib.contextmanager
def file_errors(where: str) -> Iterator[None]:
    """Turn an OSError of the block into the error that `from_os_error` makes of it."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, where) from None


def _folder_is_there() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True
