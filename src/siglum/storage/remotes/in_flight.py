"""Many requests at once on an event loop of its own: bounded in number and in bytes, ended cleanly by the first error.

The loop runs in a thread, so that a caller who is inside another event loop (a notebook) may use it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def run_in_flight(work: Callable[[T], Awaitable[R]], items: Sequence[T], limit: int) -> list[R]:
    """Do `work` for each item, at most `limit` at once; return the outcomes in the order of the items.

    The first exception ends everything that is under way and is raised; so does Ctrl-C.
    """
    return run_loop(in_flight(work, items, limit))


def run_loop(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine to its end on an event loop in another thread; Ctrl-C cancels it and is raised."""
    outcome: list[R] = []
    failure: list[BaseException] = []
    started, ended = threading.Event(), threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[R]]] = []

    async def main() -> R:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        started.set()
        return await coroutine

    def target() -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                outcome.append(runner.run(main()))
        except BaseException as e:  # noqa: BLE001  -- handed to the thread that waits for it
            failure.append(e)
        finally:
            started.set()
            ended.set()

    threading.Thread(target=target, name="siglum-transfers").start()
    try:
        # Not `join`: interrupted once, that takes the thread for ended, and what is still being written stays behind.
        ended.wait()
    except BaseException:
        started.wait()
        for loop, task in running:
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile, which is what is wanted
                loop.call_soon_threadsafe(task.cancel)
        ended.wait()
        raise
    if failure:
        raise failure[0]
    return outcome[0]


async def in_flight(work: Callable[[T], Awaitable[R]], items: Sequence[T], limit: int) -> list[R]:
    """Do the same on the event loop that runs."""
    outcomes: dict[int, R] = {}
    pending: Iterator[tuple[int, T]] = iter(enumerate(items))

    async def worker() -> None:
        for number, item in pending:
            outcomes[number] = await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limit, len(items))):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    return [outcomes[number] for number in range(len(items))]


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the event loop: a third more requests a second with uvloop, which Windows does not have."""
    try:
        import uvloop  # here, since most commands transfer nothing
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


class ByteBudget:
    """How many bytes may be in memory at once, for one event loop.

    First come, first served; what is larger than all of it waits for all of it.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def hold(self, size: int) -> Any:
        """Wait until `size` bytes are free and hold them for the block."""
        size = min(size, self._total)
        if self._waiting or size > self._free:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((size, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._give_back(size)
                raise
        else:
            self._free -= size
        try:
            yield
        finally:
            self._give_back(size)

    def _give_back(self, size: int) -> None:
        self._free += size
        while self._waiting and (self._waiting[0][1].cancelled() or self._waiting[0][0] <= self._free):
            wanted, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free -= wanted
                turn.set_result(None)
