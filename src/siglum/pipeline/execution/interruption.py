"""Ctrl-C, and being told to end, during a run of a pipeline: held back while something is done that must be whole."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Has SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, but not within `held`; a second one is let through there.

    Outside of the main thread, and for a signal that somebody else handles or ignores, nothing is changed.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._depth = 0
        self._came = 0
        self._hurry: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if handler in (signal.SIG_DFL, signal.default_int_handler):
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self, hurry: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold interruptions back in a block; one that came is raised behind it.

        With `hurry`, that is called for each instead, from a signal handler: it may wait for no lock.
        """
        self._came = 0
        self._depth += 1
        self._hurry = hurry
        try:
            yield
        finally:
            self._hurry = None
            self._depth -= 1
        if self._came:
            raise KeyboardInterrupt

    def _handle(self, *_: object) -> None:
        self._came += 1
        if self._hurry is not None:
            self._hurry()
        elif not self._depth or self._came > 1:
            raise KeyboardInterrupt
