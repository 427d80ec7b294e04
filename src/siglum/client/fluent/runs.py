"""The life of runs: start, resume, nest, end, and what is captured on the way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from siglum.client import active, state
from siglum.client.active import RunScope, parse_status
from siglum.client.arguments import as_experiment_id
from siglum.client.capture_options import capture_options
from siglum.client.fluent import starting
from siglum.client.fluent.ending import end
from siglum.client.fluent.experiments import current_experiment_id
from siglum.client.fluent.starting import PARENT_TAG, ActiveRun
from siglum.client.forking import copy_series, fork_tags
from siglum.client.spool.places import waits_for_each
from siglum.core.errors import ConflictError, InvalidInputError
from siglum.tracking.entities import Run


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
    *,
    fork_from: str | None = None,
    fork_step: int | None = None,
    log_output: bool | None = None,
    log_diff: bool | None = None,
    sync: str | None = None,
) -> ActiveRun:
    """Start a run, or go on with the one named by `run_id` (or by SIGLUM_RUN_ID, MLFLOW_RUN_ID, once).

    A new run records by itself what it needs to be made again: commit and uncommitted change, command, packages,
    the data of its pipeline stage. The run is active in this thread until `end_run`, or until its `with` block ends.

    In a stage that `siglum repro` runs, the first run of a process is the stage's own; what it cannot be, since it
    belongs to another experiment, and all further runs are nested in that one.

    Args:
        run_id: Go on with this run.
        experiment_id: The experiment of a new run; the current one when None.
        run_name: Its name; one is made up when None.
        nested: Start it inside the run that is active.
        parent_run_id: Nest it in this run, active or not.
        tags: Tags to begin with; values become strings.
        description: A text about it, kept in the tag `mlflow.note.content`.
        log_system_metrics: Sample the use of processors, memory, disk, network and GPUs in the background; None: as
            `enable_system_metrics_logging` or the environment says.
        fork_from: Go on, in a new run, from another run: it gets that run's series.
        fork_step: Up to and including this step; all of them when None.
        log_output: Keep what the process prints while the run lasts, as `siglum/stdout.txt` and `siglum/stderr.txt`,
            stored every few seconds and at the end; None: as `SIGLUM_LOG_OUTPUT` says. A nested run prints into its
            parent's output, too.
        log_diff: Keep the uncommitted change of the code, with secrets masked; else only its SHA-256. None: as
            `SIGLUM_LOG_DIFF` says, and yes without it.
        sync: `each` has every call return only when the store has what it wrote (or, while a server is away, when the
            spool has); `background` has a thread send it. None: as `SIGLUM_SYNC` says, and `background` without it.

    Raises:
        InvalidInputError: A fork of a run that is resumed, or `fork_step` without `fork_from`.
        ConflictError: Another run is active in this thread and `nested` is false, or the run has been deleted.
        NotFoundError: No such run, parent or experiment.
    """
    run_id = run_id or None  # scripts hand on an empty variable
    run_name = None if run_name is None else str(run_name)
    experiment_id = None if experiment_id is None else as_experiment_id(experiment_id)
    given = starting.tags_of(tags, run_name, description)
    sampling, options = state.sampling(), capture_options(os.environ, diff=log_diff, output=log_output)
    each = waits_for_each(sync, os.environ)
    if fork_from is None and fork_step is not None:
        raise InvalidInputError("fork_step says up to where a run is forked: it needs fork_from.")
    if run_id is not None and fork_from is not None:
        raise InvalidInputError("A run is either resumed or forked.", hint="Leave run_id or fork_from out.")
    parents = active.stack()
    if parents and not nested:
        raise ConflictError(
            f"Run {parents[-1].run_id} is already active in this thread.",
            hint="End it with end_run(), or start this one with nested=True.",
        )
    resumed, around = run_id, parents[-1].run_id if parents else None
    if run_id is None and not parents:
        resumed, around = starting.run_of_stage(starting.run_id_from_environment(), experiment_id, parent_run_id)
    source = get_run(fork_from) if fork_from is not None else None
    if source is not None and resumed is not None:
        resumed, around = None, resumed  # a fork is always a new run: in a stage, one below the stage's
    if resumed is not None:
        scope = starting.resume(resumed, experiment_id, run_name, given, options)
    else:
        scope = starting.create(
            experiment_id or current_experiment_id(),
            run_name,
            parent_run_id or around,
            parents[-1] if parents else None,
            given | (fork_tags(source, fork_step) if source is not None else {}),
            options,
        )
        if source is not None:
            copy_series(scope.session.stores.tracking, source, scope.run_id, fork_step)
    scope.session.queue.open(scope.run_id, owner=True, each=each)
    parents.append(scope)
    state.set_last_run_id(scope.run_id)
    if sampling.enabled if log_system_metrics is None else log_system_metrics:
        scope.sampler = starting.sample(scope, sampling)
    if options.output:
        scope.output = starting.keep_output(scope, options)
    return scope.run


def end_run(status: str = "FINISHED") -> None:
    """End this thread's innermost active run; nothing happens when there is none.

    In a forked child that has started none, this ends its parent's run; the end of the child does not.

    Raises:
        SiglumError: Metric points that could not be stored; the run has ended all the same.
    """
    wanted = parse_status(status)
    if active.stack():
        end(active.stack().pop(), wanted)


def active_run() -> ActiveRun | None:
    """Return this thread's innermost active run as it was when it became active; see `get_run` for the present."""
    scope = active.current()
    return scope.run if scope is not None else None


def last_active_run() -> Run | None:
    """Return the active run, else the run that was last active in this process, as it is now; None without any."""
    scope = active.current()
    last = scope.run_id if scope is not None else state.last_run_id()
    return get_run(last) if last is not None else None


def get_run(run_id: str) -> Run:
    """Return a run with all it logged, deleted or not. Raises NotFoundError."""
    session = session_of(run_id)
    session.queue.catch_up(run_id)
    return session.stores.tracking.get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """Return the run that `run_id` is nested in, or None."""
    parent = get_run(run_id).data.tags.get(PARENT_TAG)
    return get_run(parent) if parent is not None else None


def delete_run(run_id: str) -> None:
    """Mark a run as deleted; it can be restored."""
    session = session_of(run_id)
    session.queue.catch_up(run_id)
    session.stores.tracking.delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Undo `delete_run`."""
    state.session().stores.tracking.restore_run(run_id)


def session_of(run_id: str) -> state.Session:
    """Return the session of an active run, of any other the one in force."""
    for scope in active.stack():
        if scope.run_id == run_id:
            return scope.session
    return state.session()


def current_scope() -> RunScope:
    """Return this thread's active run; like MLflow, start one when there is none."""
    scope = active.current()
    if scope is None:
        start_run()
        scope = active.stack()[-1]
    return scope
