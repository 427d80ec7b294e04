"""Commands that a run which was killed left running: found by the next run, and ended before it starts the same stages.

Each running command has a small file, named by its process, that holds when it was started, for which stage, and which
processes are its own.
The kernel's start time tells it from a later process with the same number.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

import msgspec

from siglum.core.notices import notify
from siglum.pipeline.process_groups import ProcessGroup

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.02


class _Note(msgspec.Struct, frozen=True):
    started: str
    address: str
    group: ProcessGroup


class RunningCommands:
    """The files of the commands that run now, in a folder of their own."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        os.makedirs(folder, exist_ok=True)

    def note(self, pid: int, group: ProcessGroup, address: str) -> None:
        """Remember a command. Nothing where the system does not say when a process began, or no file can be made."""
        started = _start_time(pid)
        if started is not None:
            with contextlib.suppress(OSError), open(os.path.join(self._folder, str(pid)), "wb") as file:
                file.write(msgspec.json.encode(_Note(started, address, group)))

    def forget(self, pid: int) -> None:
        """Drop a command that has ended."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._folder, str(pid)))

    def end_orphans(self) -> None:
        """End the commands that are noted and still run, with all their processes.

        For who knows that no other run is alive. What such a command made is recorded nowhere.
        """
        for name in os.listdir(self._folder):
            path = os.path.join(self._folder, name)
            with contextlib.suppress(OSError, ValueError, msgspec.DecodeError):
                with open(path, "rb") as file:
                    note = msgspec.json.decode(file.read(), type=_Note)
                if _start_time(int(name)) == note.started:
                    notify(f"Ending '{note.address}' (process {name}), which a run that was killed left running.")
                    _end(int(name), note)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _end(pid: int, note: _Note) -> None:
    for number in _SIGNALS:
        note.group.signal(number)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while _start_time(pid) == note.started:
            if time.monotonic() > deadline:
                break
            time.sleep(_LOOK_SECONDS)
        else:
            break
    note.group.signal(signal.SIGKILL)  # what it left running itself


def _start_time(pid: int) -> str | None:
    """Return when a process began, in ticks since the machine did; None for one that is gone or about to be."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]
