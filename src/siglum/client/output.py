"""What a process prints while a run lasts, kept beside what it shows: standard output and errors.

On a terminal, in a batch job or a pipe, the file descriptors 1 and 2 are led through `tee`, a process of its own: so
that what C code and child processes write is kept too, a full pipe never waits for Python's lock, and what was written
before a SIGKILL is on disk. Where Python's streams are something else than the descriptors (a notebook), the streams
themselves are doubled, and only what Python writes is kept.

The streams belong to the process: of several runs at once, each gets all that is printed while it lasts.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import shutil
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from typing import IO, Any, Protocol

import msgspec

STREAMS = ("stdout", "stderr")
_PATIENCE = 5.0
"""Seconds that `tee` gets at most to write down what it was given."""
_QUIET = 0.2
"""Without news for so long, it has written all, although a child process may still write more."""
_PAUSE = 0.005


class Kept(msgspec.Struct, frozen=True):
    """A stretch of what is printed, from the lengths of the files on."""

    begun: dict[str, int]


class _Doubled(Protocol):
    path: str

    def settle(self) -> None: ...
    def stop(self) -> None: ...


class OutputLog:
    """The two streams of this process, doubled into files in a folder until the last run that keeps them ends."""

    def __init__(self, folder: Callable[[str], str]) -> None:
        """Keep files in a folder whose path `folder` gives for the id of the first run."""
        self._folder = folder
        self._held: IO[bytes] | None = None
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Begin anew; in a forked child, the descriptors still lead to the parent's log."""
        self._lock = threading.Lock()
        self._users = 0
        if self._held is not None:
            self._held.close()
        self._held = None
        self._streams: dict[str, _Doubled] = {}
        self._place: str | None = None

    def begin(self, run_id: str, hold: Callable[[str], IO[bytes]]) -> Kept:
        """Keep what is printed from now on; `hold` takes a new folder for this process.

        Raises:
            OSError: No file can be written.
        """
        with self._lock:
            if self._users == 0:
                try:
                    self._open(run_id, hold)
                except OSError:
                    self._stop()
                    self._close()
                    raise
            else:
                self._settle()
            self._users += 1
            return Kept({name: os.path.getsize(stream.path) for name, stream in self._streams.items()})

    def end(self, kept: Kept, limit: int) -> dict[str, bytes]:
        """Return what was printed in a stretch, by stream; of more than `limit` bytes, the beginning and the end."""
        with self._lock:
            if self._users == 0:
                return {}  # a forked child: the log is its parent's
            self._users -= 1
            if self._users:
                self._settle()
            else:
                self._stop()
            try:
                found = {
                    name: stretch(stream.path, kept.begun.get(name, 0), limit) for name, stream in self._streams.items()
                }
            finally:
                if self._users == 0:
                    self._close()
            return {name: content for name, content in found.items() if content}

    def so_far(self, kept: Kept, limit: int, seen: dict[str, int]) -> dict[str, bytes]:
        """Return the whole lines of a stretch, of each stream that is longer than `seen` says, and note it there."""
        with self._lock:
            paths = {name: stream.path for name, stream in self._streams.items()}
        found = {}
        for name, path in paths.items():
            if (length := os.path.getsize(path)) != seen.get(name, kept.begun.get(name, 0)):
                content = stretch(path, kept.begun.get(name, 0), limit)
                found[name] = content[: content.rfind(b"\n") + 1]  # half a line may be half a secret
                seen[name] = length
        return {name: content for name, content in found.items() if content}

    def _open(self, run_id: str, hold: Callable[[str], IO[bytes]]) -> None:
        self._place = self._folder(run_id)
        os.makedirs(self._place, mode=0o700, exist_ok=True)
        self._held = hold(self._place)
        for name in STREAMS:
            if getattr(sys, name) is not None:
                self._streams[name] = _double(name, os.path.join(self._place, f"{name}.txt"))

    def _stop(self) -> None:
        """Have the streams go where they went before, whatever became of the files."""
        for stream in self._streams.values():
            with contextlib.suppress(OSError):
                stream.stop()

    def _close(self) -> None:
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)
        if self._held is not None:
            self._held.close()
        self._held, self._streams, self._place = None, {}, None

    def _settle(self) -> None:
        for stream in self._streams.values():
            stream.settle()


def _double(name: str, path: str) -> _Doubled:
    stream, number = getattr(sys, name), 1 + STREAMS.index(name)
    tee = shutil.which("tee")
    if tee is not None and stream is getattr(sys, f"__{name}__") and _descriptor_of(stream) == number:
        return _DoubledDescriptor(name, number, path, tee)
    return _DoubledStream(name, path)


def _descriptor_of(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (OSError, AttributeError, io.UnsupportedOperation):
        return None


class _DoubledDescriptor:
    """A descriptor that leads through `tee`."""

    def __init__(self, name: str, number: int, path: str, tee: str) -> None:
        self.path = path
        self._name = name
        self._number = number
        open(path, "ab").close()
        getattr(sys, name).flush()
        self._shown = os.dup(number)
        # In a session of its own: what is typed at the terminal does not end it before the training has ended.
        try:
            self._tee = subprocess.Popen(
                [tee, "-a", path],
                stdin=subprocess.PIPE,
                stdout=self._shown,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            os.close(self._shown)
            raise
        _tees.append(self._tee)
        assert self._tee.stdin is not None
        self._pipe = self._tee.stdin
        os.dup2(self._pipe.fileno(), number)

    def settle(self) -> None:
        """Return when all has been written that was given so far: nothing is on its way any more."""
        with contextlib.suppress(OSError, ValueError):
            getattr(sys, f"__{self._name}__").flush()
        until = time.monotonic() + _PATIENCE
        length, since = -1, time.monotonic()
        while self._tee.poll() is None and time.monotonic() < until:
            now = os.path.getsize(self.path)
            if now != length or self._waiting():
                length, since = now, time.monotonic()
            elif time.monotonic() - since >= _QUIET:
                return
            time.sleep(_PAUSE)

    def stop(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            getattr(sys, f"__{self._name}__").flush()
        os.dup2(self._shown, self._number)
        os.close(self._shown)
        if _has_other_children():
            self.settle()  # they may hold the pipe open, and go on writing to it
        self._pipe.close()
        try:
            self._tee.wait(0 if _has_other_children() else _PATIENCE)
        except subprocess.TimeoutExpired:
            pass  # it ends with those who still write to it
        else:
            _tees.remove(self._tee)

    def _waiting(self) -> int:
        """Return how many bytes are in the pipe."""
        answer = bytearray(4)
        try:
            fcntl.ioctl(self._pipe.fileno(), termios.FIONREAD, answer)
        except OSError:  # not on every system
            return 0
        return int.from_bytes(answer, sys.byteorder)


class _DoubledStream:
    """A stream of Python's that writes to a file, too."""

    def __init__(self, name: str, path: str) -> None:
        self.path = path
        self._name = name
        self._file = open(path, "ab")  # noqa: SIM115  -- held until the run ends
        self._shown = getattr(sys, name)
        self._tee = _Tee(self._shown, self._file)
        setattr(sys, name, self._tee)

    def settle(self) -> None:
        self._file.flush()

    def stop(self) -> None:
        if getattr(sys, self._name) is self._tee:
            setattr(sys, self._name, self._shown)
        self._tee.end()  # somebody may have put another stream over it
        self._file.close()


class _Tee:
    """Writes what it is given to a stream and to a file; in all else it is the stream."""

    def __init__(self, stream: Any, file: io.BufferedWriter) -> None:
        self._stream = stream
        self._file: io.BufferedWriter | None = file

    def write(self, text: str) -> int:
        if self._file is not None:
            with contextlib.suppress(OSError, ValueError):  # a full disk is no reason for the training to end
                self._file.write(text.encode("utf-8", "backslashreplace"))
        return int(self._stream.write(text))

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def end(self) -> None:
        self._file = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def stretch(path: str, begin: int, limit: int) -> bytes:
    """Return a file's content from a place on; of more than `limit` bytes, the beginning and the end."""
    with open(path, "rb") as file:
        length = max(file.seek(0, os.SEEK_END) - begin, 0)
        file.seek(begin)
        if length <= limit:
            return file.read(length)
        first = file.read(limit // 2)
        file.seek(begin + length - limit // 2)
        left_out = length - 2 * (limit // 2)
        return first + f"\n[… {left_out:,} bytes left out …]\n".encode() + file.read(limit // 2)


def _has_other_children() -> bool:
    """Whether this process has children but ours; so it is assumed where the kernel does not tell."""
    found: set[str] = set()
    try:
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(FileNotFoundError), open(f"/proc/self/task/{thread}/children") as file:
                found.update(file.read().split())
    except OSError:
        return True
    return bool(found - {str(tee.pid) for tee in _tees})


_tees: list[subprocess.Popen[bytes]] = []
