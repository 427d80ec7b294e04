"""A sign of life on a terminal for work that takes longer than a second."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType

from siglum.cli.console import Console
from siglum.core.text import size

_FIRST_SECONDS = 1.0
_THEN_SECONDS = 0.5


@contextlib.contextmanager
def busy(console: Console, what: str) -> Iterator[None]:
    """Show what is being done, since when and how much was read, while a block runs; nothing away from a terminal.

    A timer of the kernel's does it, not a thread: the block may start worker processes, which threads would endanger.
    """
    if not console.interactive or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        yield
        return
    started = time.monotonic()
    most = 0

    def show(_signal: int, _frame: FrameType | None) -> None:
        nonlocal most
        most = max(most, _bytes_read())
        seconds = int(time.monotonic() - started)
        sys.stderr.write(f"\r{what}: {seconds} s, {size(most)} read\033[K")
        sys.stderr.flush()

    signal.signal(signal.SIGALRM, show)
    signal.setitimer(signal.ITIMER_REAL, _FIRST_SECONDS, _THEN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if time.monotonic() - started > _FIRST_SECONDS:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def _bytes_read() -> int:
    """Return what this process and its workers have read so far; 0 where the kernel does not tell."""
    return sum(_read_by(pid) for pid in ("self", *_workers()))


def _workers() -> list[str]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


def _read_by(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("rchar:")), 0)
    except OSError:
        return 0
