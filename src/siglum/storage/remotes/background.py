"""An event loop in a thread of its own, for clients that only speak asyncio, behind methods that block."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what the coroutine returns. Interrupted, it is cancelled: its clean-up runs until `close` at most."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._running())
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
                self._finalizer = weakref.finalize(self, _end, self._loop, thread, self._goodbye)
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


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread, goodbye: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(TimeoutError):
        asyncio.run_coroutine_threadsafe(_drain(goodbye), loop).result(_GOODBYE_SECONDS * 2)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_GOODBYE_SECONDS)


async def _drain(goodbye: Callable[[], Awaitable[None]]) -> None:
    current = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not current]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_GOODBYE_SECONDS)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_SECONDS):
            await goodbye()
    await asyncio.get_running_loop().shutdown_default_executor()
