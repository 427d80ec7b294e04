"""The executor for this machine: each action in processes of its own, watched by a thread.

A thread lives only as long as its action, so that none is left when nothing runs: other parts of the program fork
then, which a process with several threads cannot do safely.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from concurrent.futures import Future

from siglum.pipeline.execution.commands import CommandRunner, OnOutput
from siglum.pipeline.execution.executor import Action, ActionFuture, ActionResult, Resources
from siglum.pipeline.execution.orphans import RunningCommands

_GPU = re.compile(r"nvidia\d+\Z")
_VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"


class LocalPool:
    """An `Executor` over this machine's processes.

    An action that asks for GPUs is told by `CUDA_VISIBLE_DEVICES` which are its own, where this machine has any.
    """

    def __init__(
        self,
        jobs: int | None = None,
        *,
        attended: bool = False,
        on_output: OnOutput | None = None,
        running: RunningCommands | None = None,
    ) -> None:
        """Make a pool for `jobs` actions at once (by default as many as there are cores).

        With `attended`, commands share the terminal, as one that asks something needs. `on_output` gets what commands
        print, from their threads. Commands are noted in `running` while they run.
        """
        self._gpus = _visible_gpus()
        self._free_gpus = list(self._gpus)
        self._attended = attended
        self._on_output = on_output
        self._commands = running
        self._running: set[_LocalFuture] = set()
        self._latest: CommandRunner | None = None
        self._guard = threading.Lock()
        self._resources = Resources(jobs or cores(), _memory(), max(1, len(self._gpus)))

    @property
    def resources(self) -> Resources:
        return self._resources

    def submit(self, action: Action) -> ActionFuture:
        with self._guard:
            wanted = action.resources.gpus
            gpus, self._free_gpus = self._free_gpus[:wanted], self._free_gpus[wanted:]
        extra = {_VISIBLE_GPUS: ",".join(gpus)} if gpus else {}
        runner = CommandRunner(
            action, attended=self._attended, on_output=self._on_output, extra=extra, running=self._commands
        )
        self._latest = runner
        future = _LocalFuture(runner)
        future.set_running_or_notify_cancel()
        future.thread = threading.Thread(target=self._work, args=(future, gpus), name=f"siglum {action.address}")
        self._running.add(future)
        future.thread.start()
        return future

    def shutdown(self, *, cancel: bool = False) -> None:
        with self._guard:
            running = list(self._running)
        if cancel:
            for future in running:
                future.runner.end("was interrupted", heard=True)
        for future in running:
            future.join()
        if cancel and self._latest is not None:
            self._latest.sweep()

    def _work(self, future: _LocalFuture, gpus: list[str]) -> None:
        try:
            result = future.runner.run()
        except BaseException as error:  # noqa: BLE001  -- whatever it is, who waits for the future has to see it
            self._forget(future, gpus)
            future.set_exception(error)
        else:
            self._forget(future, gpus)
            future.set_result(result)

    def _forget(self, future: _LocalFuture, gpus: list[str]) -> None:
        with self._guard:
            self._running.discard(future)
            self._free_gpus = sorted([*self._free_gpus, *gpus], key=self._gpus.index)


class _LocalFuture(Future[ActionResult]):
    """Its `result` is there only when its thread is gone."""

    def __init__(self, runner: CommandRunner) -> None:
        super().__init__()
        self.runner = runner
        self.thread: threading.Thread | None = None

    def cancel(self) -> bool:
        """Begin to end the action; its result comes when its processes are gone. Once more: the next harder signal."""
        if self.done():
            return False
        if self.runner.ending:
            self.runner.hurry()
            return True
        self.runner.end("was cancelled")
        return True

    def result(self, timeout: float | None = None) -> ActionResult:
        found = super().result(timeout)
        self.join()
        return found

    def join(self) -> None:
        """Wait for the thread to end."""
        if self.thread is not None and self.thread.ident is not None:
            self.thread.join()


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return 1 << 62


def _visible_gpus() -> list[str]:
    named = os.environ.get(_VISIBLE_GPUS)
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    with contextlib.suppress(OSError):
        return sorted((name.removeprefix("nvidia") for name in os.listdir("/dev") if _GPU.match(name)), key=int)
    return []
