"""The port to whatever runs a stage's commands: this machine's processes, or a cluster later.

A stage is handed over as an `Action`, a value that says all that is needed to run it elsewhere, and comes back as an
`ActionResult`. Which action may start when is decided above (`pipeline.schedule`); an executor runs what it is given.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol, TypeAlias

import msgspec


class Resources(msgspec.Struct, frozen=True):
    """What an action takes while it runs, or what an executor has. `memory` is in bytes."""

    cores: int = 1
    memory: int = 0
    gpus: int = 0


class Action(msgspec.Struct, frozen=True):
    """A stage's commands, to be run one after the other, each in its own shell, until one fails.

    Paths of inputs and outputs are posix, from the repository's root.
    """

    address: str
    commands: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    """Absolute: where the commands run."""
    inputs: dict[str, str] = {}
    """Digests of what the commands read, as DVC addresses them (`<md5>` or `<md5>.dir`), by path."""
    outputs: tuple[str, ...] = ()
    resources: Resources = Resources()
    timeout: float | None = None
    """Seconds for all commands together, after which they are ended with all their processes."""
    log: str = ""
    """The absolute path of the file that gets standard output and standard error, appended; "" for nowhere."""


class ActionResult(msgspec.Struct, frozen=True):
    """How an action ended. Times are wall clock, in seconds since 1970."""

    started_at: float
    ended_at: float
    exit_status: int | None
    """Of the last command that ran; negative for one that a signal ended, None when none could be started."""
    error: str | None = None
    """What went wrong, as the rest of a sentence about the stage; None when all commands succeeded."""
    log: str = ""
    outputs: dict[str, str] | None = None
    """Digests of the outputs by path, once they are in the workspace; None leaves it to the caller to hash them."""

    @property
    def duration(self) -> float:
        """How long it took, in seconds."""
        return self.ended_at - self.started_at


ActionFuture: TypeAlias = Future[ActionResult]


class Executor(Protocol):
    """Runs actions. Shaped like `concurrent.futures.Executor`; methods are called from one thread.

    A command that fails is a result, not an exception; a future raises only when an executor itself cannot go on.
    """

    @property
    def resources(self) -> Resources:
        """All that there is to share among the actions that run at once."""
        ...

    def submit(self, action: Action) -> ActionFuture:
        """Start an action without waiting for it.

        The future's `cancel` also ends one that runs, with all its processes; its result then says so.
        """
        ...

    def shutdown(self, *, cancel: bool = False) -> None:
        """Wait until all actions ended; with `cancel`, end them first: as Ctrl-C does, and in the end by force."""
        ...
