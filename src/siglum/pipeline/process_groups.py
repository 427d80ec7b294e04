"""All processes of one command: its own process group, or what of a shared one says in its environment whose it is.

A command that shares the terminal is in the group of who started it, with the shell's other processes of that line.
"""

from __future__ import annotations

import contextlib
import os
import signal

import msgspec

STAGE_VARIABLE = "DVC_STAGE"


class ProcessGroup(msgspec.Struct, frozen=True):
    """The group with this number: the whole of it, or with `stage` the processes that run for that stage only."""

    number: int
    stage: str | None = None

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to all its processes; return whether there was one that can be told."""
        if self.stage is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.number, number)
                return True
            return False
        members = self._members(self.stage)
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        return bool(members)

    def _members(self, stage: str) -> list[int]:
        """Return the processes that run for a stage; none where the system has no `/proc` to tell them by."""
        try:
            pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        except OSError:
            return []
        mark = os.fsencode(f"{STAGE_VARIABLE}={stage}")
        return [pid for pid in pids if self._has(pid) and mark in _environment(pid)]

    def _has(self, pid: int) -> bool:
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
