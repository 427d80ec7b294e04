"""All processes of one command: its own process group, or what of a shared one says in its environment whose it is.

A command that shares the terminal is in the group of who started it, with the shell's other processes of that line.
"""

from __future__ import annotations

import contextlib
import os
import signal

import msgspec

STAGE_VARIABLE = "DVC_STAGE"
ROOT_VARIABLE = "DVC_ROOT"


class ProcessGroup(msgspec.Struct, frozen=True):
    """The group with this number: the whole of it, or with `stage` the processes that run for that stage only.

    Without a number, the processes of any group that run for the stage `stage` of the repository at `root`.
    """

    number: int | None
    stage: str | None = None
    root: str | None = None

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to all its processes; return whether there was one that can be told."""
        if self.stage is None and self.number is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.number, number)
                return True
            return False
        members = self.members()
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        return bool(members)

    def members(self) -> list[int]:
        """Return the processes that run for its stage; none where the system has no `/proc` to tell them by."""
        try:
            pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        except OSError:
            return []
        told_by = {STAGE_VARIABLE: self.stage, ROOT_VARIABLE: self.root}
        marks = {os.fsencode(f"{name}={value}") for name, value in told_by.items() if value is not None}
        return [pid for pid in pids if self._has(pid) and marks.issubset(_environment(pid))]

    def _has(self, pid: int) -> bool:
        if self.number is None:
            return pid != os.getpid()
        try:
            return os.getpgid(pid) == self.number
        except OSError:
            return False


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []
