"""An event loop in a thread of its own, for clients that only speak asyncio, behind methods that block."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
# Saying good-bye to a server that does not answer must not hold up the end of a command.
_GOODBYE_SECONDS = 5.0


class BackgroundLoop:
    """Runs coroutines for any number of threads. The thread starts with the first one.

    `goodbye` is awaited in the loop when it closes: by `close`, when this object is gone, or at the end of the process.
    It must not refer to the owner of this object, or the owner would never be gone.

    `expected` are errors that tasks of the client may end with unseen, as those that were under way over a connection
    that was dropped. asyncio would write each of them to the terminal.
    """

    def __init__(
        self, name: str, goodbye: Callable[[], Awaitable[None]], expected: tuple[type[BaseException], ...]
    ) -> None:
        self._name = name
        self._goodbye = goodbye
        self._expected = expected
        self._starting = threading.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what the coroutine returns. Interrupted, it is cancelled; `close` waits until it has cleaned up."""
        future = asyncio.run_coroutine_threadsafe(_listed(coroutine, self._tasks), self._running())
        try:
            return future.result()
        except BaseException:
            future.cancel()  # means nothing when it is the coroutine's own error
            raise

    def close(self) -> None:
        """Cancel what runs, say good-bye, end the thread. The next `run` starts another one."""
        with self._starting:
            if self._finalizer is not None:
                self._finalizer()
            self._loop = self._finalizer = None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_exception_handler(functools.partial(_on_unseen_error, self._expected))
                thread = threading.Thread(target=_serve, args=(self._loop,), name=self._name, daemon=True)
                thread.start()
                self._finalizer = weakref.finalize(self, _end, self._loop, thread, self._tasks, self._goodbye)
            return self._loop


def _on_unseen_error(
    expected: tuple[type[BaseException], ...], loop: asyncio.AbstractEventLoop, context: dict[str, Any]
) -> None:
    if not isinstance(context.get("exception"), expected):
        loop.default_exception_handler(context)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()


async def _listed(coroutine: Coroutine[Any, Any, T], tasks: set[asyncio.Task[Any]]) -> T:
    task = asyncio.current_task()
    assert task is not None
    tasks.add(task)
    try:
        return await coroutine
    finally:
        tasks.discard(task)


def _end(
    loop: asyncio.AbstractEventLoop,
    thread: threading.Thread,
    tasks: set[asyncio.Task[Any]],
    goodbye: Callable[[], Awaitable[None]],
) -> None:
    with contextlib.suppress(TimeoutError):
        asyncio.run_coroutine_threadsafe(_drain(tasks, goodbye), loop).result(_GOODBYE_SECONDS * 4)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_GOODBYE_SECONDS)


async def _drain(tasks: set[asyncio.Task[Any]], goodbye: Callable[[], Awaitable[None]]) -> None:
    # The client's own tasks go on meanwhile: cleaning up needs its connections.
    await _cancel(task for task in tasks if not task.cancelling())
    if tasks:
        await asyncio.wait(tasks, timeout=_GOODBYE_SECONDS)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_SECONDS):
            await goodbye()
    await _cancel(task for task in asyncio.all_tasks() if task is not asyncio.current_task())
    await asyncio.get_running_loop().shutdown_default_executor()


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    cancelled = list(tasks)
    for task in cancelled:
        task.cancel()
    if cancelled:
        await asyncio.wait(cancelled, timeout=_GOODBYE_SECONDS)
