"""What a person should know while something takes its time: told by any layer, heard by whoever talks to people.

A library prints nothing; where nobody listens, a notice is lost, and nothing else with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeAlias

Listener: TypeAlias = Callable[[str], None]

_listeners: list[Listener] = []


def notify(text: str) -> None:
    """Tell those who listen, in one sentence."""
    for listener in _listeners:
        listener(text)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have `listener` called with each notice of the block, from whatever thread it comes."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
