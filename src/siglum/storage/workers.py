"""Work on many small files dealt out to forked copies of this process: the interpreter costs more there than the disk.

Threads would not help (one interpreter lock). A worker that dies costs time, never data: the parent takes no answer as
"not done". When the parent dies, its workers stop; until then they hold the locks that it held.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

T = TypeVar("T")
# What a worker does: with the number of its part, the part, and what to call now and then; returns its answer.
Task: TypeAlias = Callable[[int, Sequence[T], Callable[[], None]], bytes]

# Opening and reading a file takes as long as to hash so many bytes; looking at it takes a fraction of that.
_FILE_OVERHEAD = 1 << 16
A_LOOK = 1 << 12
# From what sum on a fork pays.
_WORTH_FORKING = 64 << 20
_MOST_WORKERS = 8
# Who opens files waits for the disk half of the time, when it has not been at them for a while.
_OPENING_A_CORE = 2


def share_out(items: Sequence[T], total_bytes: int, each: int = _FILE_OVERHEAD) -> list[Sequence[T]]:
    """Deal files out to as many processes as pay, this one first: item i goes to part i modulo their number.

    `each` is what a file costs beyond its bytes, in bytes that could be hashed instead.
    """
    workers = _workers_for(items, total_bytes, each)
    return [items[number::workers] for number in range(workers)]


def cut_up(items: Sequence[T], total_bytes: int, each: int = _FILE_OVERHEAD) -> list[Sequence[T]]:
    """Do as `share_out`, but each process gets what is together: files of one folder are best made by one process."""
    workers = _workers_for(items, total_bytes, each)
    ends = [len(items) * number // workers for number in range(workers + 1)]
    return [items[start:end] for start, end in itertools.pairwise(ends)]


def _workers_for(items: Sequence[object], total_bytes: int, each: int) -> int:
    if total_bytes + len(items) * each < _WORTH_FORKING or not may_fork():
        return 1
    at_once = _cores() * (1 if each == A_LOOK else _OPENING_A_CORE)
    return max(1, min(at_once, _MOST_WORKERS, len(items)))


def run_parts(parts: Sequence[Sequence[T]], task: Task[T]) -> list[bytes | None]:
    """Do `task` for each part, the first one here, the others in workers; return their answers, None for one that died.

    Whatever is raised here, no worker is left running.
    """
    with contextlib.ExitStack() as running:
        workers = [
            running.enter_context(contextlib.closing(_Worker(number, part, task)))
            for number, part in enumerate(parts)
            if number
        ]
        own = task(0, parts[0], lambda: None)
        return [own, *(worker.answer() for worker in workers)]


def may_fork() -> bool:
    """Whether a fork is safe and of use.

    That of a process with several threads may inherit a lock that nobody will ever open.
    """
    return hasattr(os, "fork") and threading.active_count() == 1 and _cores() > 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class _Worker:
    """A forked process that does one part."""

    def __init__(self, number: int, part: Sequence[T], task: Task[T]) -> None:
        parent = os.getpid()
        self._pipe, sink = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            status = 1
            try:
                _send(sink, task(number, part, lambda: _check_parent(parent)))
                status = 0
            finally:
                os._exit(status)  # never into the caller's cleaning up, which is the parent's
        os.close(sink)

    def answer(self) -> bytes | None:
        """Wait for the worker; return its answer, None if it did not come to its end."""
        answer = bytearray()
        while block := os.read(self._pipe, 1 << 16):
            answer += block
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return bytes(answer) if status == 0 else None

    def close(self) -> None:
        """Stop the worker if it still runs: from here on it writes nothing."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        os.close(self._pipe)


def _check_parent(parent: int) -> None:
    if os.getppid() != parent:
        raise SystemExit


def _send(pipe: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(pipe, rest) :]
