"""Active runs: each thread's stack of them, and what is being recorded of each."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from siglum.client import state
from siglum.client.system_metrics import Sampler
from siglum.core.errors import InvalidInputError
from siglum.lineage.capture import Capture
from siglum.lineage.inputs import DataInput, InputLog
from siglum.tracking.entities import RunStatus

if TYPE_CHECKING:
    from siglum.client.fluent.starting import ActiveRun
    from siglum.client.run_output import RunOutput


class RunScope:
    """A run that is active in a thread, with the circumstances of this process.

    `recorded` says whether these are what the run has on record: not so when it was started elsewhere and resumed.
    """

    __slots__ = (
        "_generation",
        "_pid",
        "_session",
        "_uris",
        "capture",
        "inputs",
        "output",
        "recorded",
        "run",
        "sampler",
        "sent_inputs",
    )

    def __init__(self, run: ActiveRun, session: state.Session, capture: Capture, inputs: InputLog) -> None:
        self.run = run
        self.capture = capture
        self.inputs = inputs
        self.recorded = True
        self.sent_inputs: set[DataInput] = set()
        self.sampler: Sampler | None = None
        self.output: RunOutput | None = None
        self._pid = os.getpid()
        self._session = session
        self._uris = session.uris
        self._generation = state.generation()

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.info.run_id

    @property
    def is_inherited(self) -> bool:
        """Whether another process made the run active, and this is a forked child of it."""
        return self._pid != os.getpid()

    @property
    def session(self) -> state.Session:
        """The stores that the run was started in, wherever the tracking URI has been moved to meanwhile."""
        if self._generation != state.generation():  # closed, or this is a forked child: open our own
            self._session = state.session(*self._uris)
            self._generation = state.generation()
        return self._session


class _Thread(threading.local):
    def __init__(self) -> None:
        self.stack: list[RunScope] = []


_thread = _Thread()


def stack() -> list[RunScope]:
    """Return this thread's active runs, the innermost last."""
    return _thread.stack


def current() -> RunScope | None:
    """Return this thread's innermost active run."""
    active = _thread.stack
    return active[-1] if active else None


def parse_status(status: str | RunStatus) -> RunStatus:
    """Return the status that ends a run, from its name in any case."""
    try:
        return RunStatus(str(status).upper())
    except ValueError:
        names = ", ".join(RunStatus)
        raise InvalidInputError(f"{status!r} is not the status of a run.", hint=f"Use one of {names}.") from None
