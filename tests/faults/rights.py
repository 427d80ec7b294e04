"""Places that the command may not read or write."""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat

from tests.faults import invariants
from tests.faults.trial import Outcome, Stage
from tests.faults.world import CACHE, REMOTE

_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_SECUREBITS, _NO_ROOT = 28, 0b11
_FOLDERS = (
    "project", "project/.dvc", "project/.dvc/tmp", "project/.dvc/cache", CACHE, "project/d", "project/d/sub",
    "remote", REMOTE,
)  # fmt: skip


def places(stage: Stage) -> list[str]:
    """Return the folders and files of a stage whose rights may matter."""
    stage.fresh()
    files = [path for path in stage.before.files if path.startswith(("project/d", "project/f"))]
    objects = [f"{s}/{o[:2]}/{o[2:]}" for s in (CACHE, REMOTE) for o in sorted(invariants.objects(stage.before, s))]
    return [each for each in (*_FOLDERS, *files, *objects) if (stage.here / each).exists()]


def suffer(stage: Stage, place: str) -> Outcome:
    """Take the right away, run the command, give it back, look, and run the command again."""
    stage.fresh()
    stage.shared.reset()
    path = stage.here / place
    mode = stat.S_IMODE(path.lstat().st_mode)
    path.chmod(0o555 if path.is_dir() else 0)
    try:
        ended = stage.run(_become_nobody)
    finally:
        with contextlib.suppress(FileNotFoundError):  # a move asks for no right to the file itself
            path.chmod(mode)
    said = f"{os.strerror(13)}" in ended.err or "permission denied" in ended.err
    if ended.status == 0 or not said:
        return Outcome("", ended, stage.look(ended, killed=False))
    return Outcome(f"no right to {place}", ended, [*stage.look(ended, killed=False), *stage.again()])


def _become_nobody() -> None:
    """Give up what lets root pass over rights, in this process and those it starts."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_SECUREBITS, _NO_ROOT, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if libc.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capset")
