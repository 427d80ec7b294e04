"""The port to whatever runs a stage's commands: this machine's processes, or a cluster later.

A stage is handed over as an `Action`, a value that says all that is needed to run it elsewhere, and comes back as an
`ActionResult`. Which action may start when is decided above (`pipeline.schedule`); an executor runs what it is given.

An executor for another machine takes what `inputs` names from the workspace, by digest (what it has already need not be
sent again), runs the commands in a folder of its own, and brings `outputs` back into the workspace, with the digest of
each. `siglum.testing.ExecutorContract` holds implementations to what is said here.
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

    Paths of inputs and outputs are posix, from the repository's root. Code that a stage does not declare is no input.
    """

    address: str
    commands: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    """Absolute: where the commands run."""
    inputs: dict[str, str] = {}
    """Digests of what the commands read, as DVC addresses them (`<md5>` or `<md5>.dir`), by path: dependencies, files
    of parameters, and outputs that stay in place from one run to the next."""
    outputs: tuple[str, ...] = ()
    """What the commands write."""
    resources: Resources = Resources()
    timeout: float | None = None
    """Seconds for all commands together, after which they are ended with all their processes."""
    log: str = ""
    """The absolute path of the file that gets standard output and standard error, appended; "" for nowhere."""
    root: str = ""
    """The absolute path of the repository. Where commands run elsewhere, `DVC_ROOT` in their environment, which names
    it, becomes the folder that stands for it there."""


class ActionResult(msgspec.Struct, frozen=True):
    """How an action ended. Times are wall clock, in seconds since 1970."""

    started_at: float
    ended_at: float
    exit_status: int | None
    """Of the last command that ran; negative for one that a signal ended, None when none could be started."""
    error: str | None = None
    """What went wrong, as the rest of a sentence about the stage; None when all commands succeeded."""
    log: str = ""
    """The file that holds what the commands printed, the action's `log`; "" when there is none."""
    outputs: dict[str, str] | None = None
    """Digests of the outputs by path, once they are in the workspace, which is held to them; None leaves it to the
    caller to find out what they are, as for commands that write into the workspace themselves."""

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
