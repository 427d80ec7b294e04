"""Threads that carry out what is put into them, one item after the other, and can be left with what they did not do."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

from siglum.lineage.operations import Operation
from siglum.lineage.trace import RecordSource

Later: TypeAlias = Callable[[RecordSource | None], Iterable[Operation]]
"""Works operations out when it is their turn: what takes longer than a stage should wait, or has to ask the store.

It gets None when the store does not answer, and may be called again when the store was too slow."""


class Lane:
    """A thread that carries out what is put into it, in order. An item stays in it until it was carried out.

    One that had nothing to do begins `pause` seconds after something comes, unless it is to end: whoever puts much in
    at once, and has more urgent things to do just then, is not kept from them by the interpreter's lock.
    """

    def __init__(self, name: str, carry_out: Callable[[Operation | Later], None], pause: float = 0.0) -> None:
        self._carry_out = carry_out
        self._pause = pause
        self._items: deque[Operation | Later] = deque()
        self._change = threading.Condition()
        self._ends = False
        self.carried_out = 0
        self._thread = threading.Thread(target=self._work, name=f"siglum {name}", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def put(self, item: Operation | Later) -> None:
        """Add an item behind all others."""
        with self._change:
            self._items.append(item)
            self._change.notify()

    def finish(self) -> None:
        """Let the thread end when all was carried out."""
        with self._change:
            self._ends = True
            self._change.notify()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, for so long."""
        self._thread.join(seconds)

    def is_alive(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    def abandon(self) -> list[Operation | Later]:
        """Carry out nothing more; return what was not, with what is at work just now."""
        with self._change:
            left, self._items = list(self._items), deque()
            self._ends = True
            return left

    def _work(self) -> None:
        while True:
            with self._change:
                if not self._items or not self.carried_out:
                    self._change.wait_for(lambda: self._items or self._ends)
                    self._change.wait_for(lambda: self._ends, self._pause)
                if not self._items:
                    return
                item = self._items[0]
            self._carry_out(item)
            self.carried_out += 1
            with self._change:
                if self._items and self._items[0] is item:
                    self._items.popleft()
