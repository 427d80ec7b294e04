"""Putting a new file in the place of another in one step, with a last look at the one that goes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import cache

_NOREPLACE, _EXCHANGE = 1, 2  # flags of renameat2, see its manual page
_AT_FDCWD = -100
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


def move_in(temporary: str, target: str) -> None:
    """Rename a file to a name that nothing has. Raises FileExistsError when something has it after all."""
    if not _rename(temporary, target, _NOREPLACE):
        # Another file system's way to say the same in one step.
        os.link(temporary, target)
        os.unlink(temporary)


def exchange(temporary: str, target: str) -> bool:
    """Swap a new file with the one at `target`, which then has the new one's name; False where no system call does it.

    Cheaper than renaming over it: ext4 then writes the new file to the disk at once, in case the old one was the only
    copy. And the old one is still there, to be looked at before it is removed.
    """
    return _rename(temporary, target, _EXCHANGE)


def _rename(source: str, target: str, flags: int) -> bool:
    function = _renameat2()
    if function is None:
        return False
    number = function(os.fsencode(source), os.fsencode(target), flags)
    if number == 0:
        return True
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), source, None, target)


@cache
def _renameat2() -> Callable[[bytes, bytes, int], int] | None:
    """Return what calls renameat2 and gives its errno, None where there is no such call."""
    if sys.platform != "linux":
        return None
    # Imported here: only writing needs it, and it would cost every `siglum status` some milliseconds.
    import ctypes

    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)

    def call(source: bytes, target: bytes, flags: int) -> int:
        return 0 if function(_AT_FDCWD, source, _AT_FDCWD, target, flags) == 0 else ctypes.get_errno()

    return call
