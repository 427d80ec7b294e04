"""Run a transaction again when it was lost without having changed anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from siglum.tracking.sql.port import TransactionLostError

T = TypeVar("T")

DELAYS: Final = (0.0, 0.1, 0.4, 1.2)
"""Seconds before each repetition: at once, since often only an idle connection was cut, then as a restart takes."""


def retried(work: Callable[[], T]) -> T:
    """Return what `work` returns, which is called again after a TransactionLostError. Raises the last one."""
    for delay in DELAYS:
        try:
            return work()
        except TransactionLostError:
            time.sleep(delay)
    return work()
