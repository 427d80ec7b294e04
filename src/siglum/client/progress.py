"""A bar for transfers of files that take longer than a second: on a terminal and in a notebook, nothing elsewhere.

Needs no other package. `SIGLUM_ENABLE_ARTIFACTS_PROGRESS_BAR=false`, or MLflow's variable of that name, turns it off.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TextIO

import msgspec

from siglum.client.capture_options import flag
from siglum.core.errors import InvalidInputError
from siglum.core.html import escaped
from siglum.core.text import size
from siglum.lineage.notebook import current_shell, is_notebook

VARIABLE = "ENABLE_ARTIFACTS_PROGRESS_BAR"
_FIRST_SECONDS = 1.0
_THEN_SECONDS = 0.1
_WIDTH = 24


class State(msgspec.Struct, frozen=True):
    """How far a transfer is: bytes moved, of how many, in how many seconds."""

    what: str
    moved: int
    total: int
    seconds: float

    @property
    def share(self) -> float:
        """The part that is done, from 0 to 1."""
        return min(self.moved / self.total, 1.0) if self.total else 1.0

    def words(self) -> str:
        """Return how much, how fast, and how long it will still take."""
        rate = self.moved / self.seconds if self.seconds > 0 else 0.0
        left = f", {_clock((self.total - self.moved) / rate)} left" if rate and self.moved < self.total else ""
        return f"{size(self.moved)} of {size(self.total)}, {size(round(rate))}/s{left}"


class Display(Protocol):
    """Where a person sees it."""

    def show(self, state: State) -> None:
        """Show it in place of what was shown before."""

    def end(self, state: State) -> None:
        """Show that it is done, or take it away."""


class Transfer:
    """A transfer that goes on. Not for several threads."""

    def __init__(
        self,
        what: str,
        total: int,
        display: Display | None,
        clock: Callable[[], float] = time.monotonic,
        when: Callable[[], bool] = lambda: True,
    ) -> None:
        """Begin one. It is shown while `when` says so."""
        self._when = when
        self._what = what
        self._total = total
        self._display = display
        self._clock = clock
        self._moved = 0
        self._begun = clock()
        self._next = self._begun + _FIRST_SECONDS
        self._shown = False

    def moved(self, count: int) -> None:
        """Count bytes that have been moved."""
        self._moved += count
        now = self._clock()
        if self._display is not None and now >= self._next and self._when():
            self._next = now + _THEN_SECONDS
            self._shown = True
            self._display.show(self._state(now))

    def reach(self, moved: int) -> None:
        """Count up to a number of bytes, where the store has not told of each."""
        self.moved(max(moved - self._moved, 0))

    def end(self) -> None:
        """Take the bar away, when it was shown."""
        if self._display is not None and self._shown:
            self._display.end(self._state(self._clock()))

    def _state(self, now: float) -> State:
        return State(self._what, self._moved, self._total, now - self._begun)


class TerminalBar:
    """One line that is written over, and gone at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, state: State) -> None:
        filled = round(state.share * _WIDTH)
        bar = "█" * filled + "░" * (_WIDTH - filled)
        line = f"{state.what} {bar} {state.share:4.0%} {state.words()}"
        self._write(f"\r{line[: shutil.get_terminal_size().columns - 1]}\033[K")

    def end(self, state: State) -> None:  # noqa: ARG002  -- a terminal goes on as if nothing had been
        self._write("\r\033[K")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a terminal that has gone is no reason to stop
            self._stream.write(text)
            self._stream.flush()


class NotebookBar:
    """A bar below the cell, which stays there as a line."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, state: State) -> None:
        bar = f'<progress max="1" value="{state.share:.3f}"></progress>'
        self._write(f"<div>{escaped(state.what)} {bar} {escaped(state.words())}</div>")

    def end(self, state: State) -> None:
        done = f"{size(state.moved)} in {_clock(state.seconds)}"
        self._write(f"<div>{escaped(state.what)}: {escaped(done)}</div>")

    def _write(self, html: str) -> None:
        display = importlib.import_module("IPython.display")  # only in a notebook, where it is loaded
        if self._handle is None:
            self._handle = display.display(display.HTML(html), display_id=True)
        else:
            self._handle.update(display.HTML(html))


class _Thread(threading.local):
    current: Transfer | None = None


_thread = _Thread()


_waiting: set[int] = set()
"""The threads that wait. No lock: to add and to take out are one step each, and a forked child may fork in between."""


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Say that a thread waits, while a block runs, for what is sent in the background."""
    thread = threading.get_ident()
    _waiting.add(thread)
    try:
        yield
    finally:
        _waiting.discard(thread)


def somebody_waits() -> bool:
    """Whether a thread waits for what is sent in the background."""
    return bool(_waiting)


@contextlib.contextmanager
def transfer(
    what: str, total: int, *, shown: bool | None = None, when: Callable[[], bool] = lambda: True
) -> Iterator[Transfer]:
    """Show how far a transfer of `total` bytes is while a block runs; inside another one, that goes on.

    Args:
        what: Such as `Uploading model`.
        total: Bytes.
        shown: Whether it may be shown at all; None: as the environment says.
        when: Asked before each time that it is shown.
    """
    if _thread.current is not None:
        yield Transfer(what, total, None)
        return
    found = Transfer(what, total, _display(os.environ) if shown is not False else None, when=when)
    _thread.current = found
    try:
        yield found
    finally:
        _thread.current = None
        found.end()


def moved(count: int) -> None:
    """Count bytes for the transfer that goes on in this thread, if any."""
    if _thread.current is not None:
        _thread.current.moved(count)


def _display(environ: Mapping[str, str]) -> Display | None:
    try:
        wanted = flag(environ, VARIABLE, default=True)
    except InvalidInputError:
        wanted = False  # no file is left where it is for the sake of a bar
    if not wanted:
        return None
    if is_notebook(current_shell()):
        return NotebookBar()
    stream = sys.stderr
    if stream is not None and stream.isatty() and environ.get("TERM") != "dumb":
        return TerminalBar(stream)
    return None


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60}:{whole % 60:02d} min"
