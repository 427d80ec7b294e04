"""How runs end: by `end_run`, when their `with` block is left, when the interpreter ends."""

from __future__ import annotations

import atexit
import logging
import sys
from collections.abc import Callable

from siglum.client import active, recording, state
from siglum.client.active import RunScope
from siglum.core.clock import now_ms
from siglum.core.errors import SiglumError
from siglum.tracking.entities import RunStatus

_log = logging.getLogger("siglum")


def leave(run_id: str, error: BaseException | None) -> None:
    """End the run whose `with` block was left; runs started inside and not ended are ended first."""
    scopes = active.stack()
    status = RunStatus.FINISHED if error is None else RunStatus.FAILED
    if all(scope.run_id != run_id for scope in scopes):
        return  # ended in the block, by end_run()
    while scopes:
        scope = scopes.pop()
        if error is not None and scope.output is not None:
            scope.output.add_error(error)
        try:
            if not scope.is_inherited:  # as in a forked child that leaves the block of its parent's run
                end(scope, status)
        except SiglumError as unsent:
            if error is None:
                raise
            error.add_note(f"Also: {unsent}")  # the first error is the one that people must see
        if scope.run_id == run_id:
            break


def end(scope: RunScope, status: RunStatus) -> None:
    """End a run that is active no more. Raises SiglumError for what could not be stored; it has ended all the same."""
    state.set_last_run_id(scope.run_id)
    if scope.sampler is not None:
        scope.sampler.stop()
    store, problems = scope.session.stores.tracking, []
    steps: tuple[Callable[[], object], ...] = (
        lambda: _finish_output(scope),
        lambda: scope.session.queue.finish(scope.run_id),
        lambda: recording.finish(scope),
        lambda: store.update_run(scope.run_id, status=status, end_time=now_ms()),
        lambda: scope.session.queue.finish(scope.run_id),
        lambda: scope.session.queue.end(scope.run_id),
    )
    for step in steps:  # each is tried, whatever became of those before
        try:
            step()
        except SiglumError as error:
            problems.append(error)
    if problems:
        raise problems[0]


def end_runs_at_exit() -> None:
    """End this thread's active runs when the interpreter ends: FAILED when it ends with an exception.

    A forked child does not end what its parent has started.
    """
    failed = hasattr(sys, "last_value") and not hasattr(sys, "ps1")
    while active.stack():
        scope = active.stack().pop()
        if scope.is_inherited:
            continue
        try:
            end(scope, RunStatus.FAILED if failed else RunStatus.FINISHED)
        except SiglumError as error:
            _log.error("At exit: %s", error)  # nobody is left to raise to


def _finish_output(scope: RunScope) -> None:
    if scope.output is not None:
        scope.output.finish(scope.session.stores.artifacts_for(scope.run.info.artifact_uri))


atexit.register(end_runs_at_exit)  # after `state` registered its own: runs end before their stores are closed
