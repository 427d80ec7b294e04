"""The events of the last while: bounded in number and in bytes, read by all listeners, each from its own place."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from siglum.core.names import read_digits
from siglum.server.live.events import LiveEvent

MAX_EVENTS: Final = 4_096
MAX_BYTES: Final = 8 * 1024 * 1024

_encode = msgspec.json.Encoder().encode


class Told(msgspec.Struct, frozen=True):
    """An event in the ring: as it is sent, and without its points, to see whom it concerns."""

    number: int
    event: LiveEvent
    data: bytes


class Ring:
    """Events by number. It has no lock: who shares it between threads holds one."""

    def __init__(self) -> None:
        self.newest = 0
        self._epoch = secrets.token_hex(6)
        self._told: deque[Told] = deque()
        self._bytes = 0

    def append(self, event: LiveEvent) -> bytes:
        """Add an event and return it as JSON. The oldest go when there are too many."""
        self.newest += 1
        data = _encode(event)
        event.metrics = []
        self._told.append(Told(self.newest, event, data))
        self._bytes += len(data)
        while len(self._told) > MAX_EVENTS or (self._bytes > MAX_BYTES and len(self._told) > 1):
            self._bytes -= len(self._told.popleft().data)
        return data

    def after(self, number: int) -> Sequence[Told] | None:
        """Return the events after a number, None when some of them are gone."""
        missing = self.newest - number
        if missing <= 0:
            return ()
        if missing > len(self._told):
            return None
        found = []
        for told in reversed(self._told):
            if told.number <= number:
                break
            found.append(told)
        found.reverse()
        return found

    def forget(self) -> None:
        """Have what follows on no earlier event: nobody can be given all that happened since."""
        self.newest += 1
        self._told.clear()
        self._bytes = 0

    def identity(self, number: int) -> str:
        """Return the id of an event, as listeners see it: it is no other server's."""
        return f"{self._epoch}-{number}"

    def number_of(self, identity: str) -> int | None:
        """Return the number of an event of this ring; None for any other text."""
        epoch, _, digits = identity.partition("-")
        number = read_digits(digits)
        return number if epoch == self._epoch and number is not None and number <= self.newest else None
