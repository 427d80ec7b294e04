"""Blocking work on many items in several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def run_in_threads(work: Callable[[T], R], items: Sequence[T], limit: int) -> list[R]:
    """Do `work` for each item, at most `limit` at once; return the outcomes in the order of the items.

    The first exception, Ctrl-C too, keeps what has not begun from beginning and is raised when what has is done.
    """
    limit = min(limit, len(items))
    if limit <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(limit) as pool:
        try:
            return list(pool.map(work, items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
