"""Time as a parameter: who needs the time takes a `Clock`, so that a test can pass its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], int]
"""Returns milliseconds since the epoch, UTC."""


def now_ms() -> int:
    """Return the time in milliseconds since the epoch. The `Clock` of a real process."""
    return time.time_ns() // 1_000_000
