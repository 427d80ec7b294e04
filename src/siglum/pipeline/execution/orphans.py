"""Commands that a run which was killed left running: found by the next run, and ended before it starts the same stages.

Each running command has a small file, named by its process, that holds when it was started, for which stage, and which
processes are its own. The kernel's start time tells it from a later process with the same number.
While it starts, and its process is not known yet, the file is named otherwise: what runs then is told by its
environment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping

import msgspec

from siglum.core.notices import notify
from siglum.pipeline.execution.process_groups import ProcessGroup

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

    def announce(self, address: str, root: str) -> str:
        """Remember that a command of a stage is about to start; return what `note` wants to know."""
        name = f"starting-{os.getpid()}-{threading.get_ident()}"
        self._write(name, _Note("", address, ProcessGroup(None, address, root)))
        return name

    def note(self, pid: int, group: ProcessGroup, address: str, announced: str) -> None:
        """Remember a command. Nothing where the system does not say when a process began, or no file can be made."""
        started = _start_time(pid)
        if started is not None:
            self._write(str(pid), _Note(started, address, group))
        self._remove(announced)

    def forget(self, pid: int) -> None:
        """Drop a command that has ended."""
        self._remove(str(pid))

    def end_orphans(self) -> None:
        """End the commands that are noted and still run, with all their processes.

        For who knows that no other run is alive. What such a command made is recorded nowhere.
        """
        for name in os.listdir(self._folder):
            path = os.path.join(self._folder, name)
            with contextlib.suppress(OSError, ValueError, msgspec.DecodeError):
                with open(path, "rb") as file:
                    note = msgspec.json.decode(file.read(), type=_Note)
                if not name.isdigit():
                    _end({pid: _start_time(pid) for pid in note.group.members()}, note)
                elif _start_time(int(name)) == note.started:
                    _end({int(name): note.started}, note)
            self._remove(name)

    def _write(self, name: str, note: _Note) -> None:
        with contextlib.suppress(OSError), open(os.path.join(self._folder, name), "wb") as file:
            file.write(msgspec.json.encode(note))

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._folder, name))


def _end(started: Mapping[int, str | None], note: _Note) -> None:
    """End a command's processes; those in `started` are waited for."""
    if not started:
        return
    named = ", ".join(map(str, sorted(started)))
    notify(f"Ending '{note.address}' (process {named}), which a run that was killed left running.")
    for number in _SIGNALS:
        note.group.signal(number)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while any(since is not None and _start_time(pid) == since for pid, since in started.items()):
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
