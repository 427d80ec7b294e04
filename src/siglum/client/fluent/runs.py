"""The life of runs: start, resume, nest, end, and what is captured on the way."""

from __future__ import annotations

import atexit
import io
import logging
import os
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from siglum.client import active, recording, stage_run, state, system_metrics
from siglum.client.active import RunScope, parse_status
from siglum.client.capture_options import CaptureOptions, capture_options
from siglum.client.fluent.experiments import as_tags, current_experiment_id
from siglum.client.forking import copy_series, fork_tags
from siglum.client.spool.places import waits_for_each
from siglum.client.spool.tracking import SpooledTrackingStore
from siglum.client.system_metrics import Sampler, Sampling
from siglum.client.tracking_uri import environment_value
from siglum.core.clock import now_ms
from siglum.core.errors import ConflictError, InvalidInputError, SiglumError, UnavailableError
from siglum.tracking.entities import LifecycleStage, Metric, Run, RunStatus, Tag
from siglum.tracking.store import TrackingStore

if TYPE_CHECKING:
    from siglum.client.run_output import RunOutput

PARENT_TAG = "mlflow.parentRunId"
NOTE_TAG = "mlflow.note.content"

_log = logging.getLogger("siglum")


class ActiveRun(Run, frozen=True, kw_only=True):
    """A run as it was when it became active; leaving its `with` block ends it, FAILED after an exception."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _leave(self, exc)


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
        resumed, around = _in_stage(_run_id_from_environment(), experiment_id, parent_run_id)
    source = get_run(fork_from) if fork_from is not None else None
    if source is not None and resumed is not None:
        resumed, around = None, resumed  # a fork is always a new run: in a stage, one below the stage's
    if resumed is not None:
        scope = _resume(resumed, experiment_id, run_name, _with_note(tags, description), options)
    else:
        scope = _create(
            experiment_id or current_experiment_id(),
            run_name,
            parent_run_id or around,
            parents[-1] if parents else None,
            _with_note(tags, description) | (fork_tags(source, fork_step) if source is not None else {}),
            options,
        )
        if source is not None:
            copy_series(scope.session.stores.tracking, source, scope.run_id, fork_step)
    scope.session.queue.open(scope.run_id, owner=True, each=each)
    parents.append(scope)
    state.set_last_run_id(scope.run_id)
    if sampling.enabled if log_system_metrics is None else log_system_metrics:
        scope.sampler = _sampler(scope, sampling)
    if options.output:
        scope.output = _keep_output(scope, options)
    return scope.run


def _keep_output(scope: RunScope, options: CaptureOptions) -> RunOutput:
    from siglum.client.run_output import RunOutput  # only for who asks for it

    def store(printed: Mapping[str, bytes]) -> None:
        queue = scope.session.queue
        if queue.offline or queue.is_away:
            return  # it is on this machine, and copies of it would pile up
        files = scope.session.stores.artifacts_for(scope.run.info.artifact_uri)
        for path, content in printed.items():
            files.put(path, io.BytesIO(content))
        queue.send(scope.run_id)  # as fast as the server takes it

    return RunOutput(scope.run_id, scope.session.stores.uri, options.max_output, store)


def _finish_output(scope: RunScope) -> None:
    if scope.output is not None:
        scope.output.finish(scope.session.stores.artifacts_for(scope.run.info.artifact_uri))


def _sampler(scope: RunScope, sampling: Sampling) -> Sampler:
    """Begin to sample what the machine does; in a run that goes on, behind the last sample of before."""
    before = [point.step for point in scope.run.data.latest if point.key.startswith(system_metrics.PREFIX)]

    def log(values: Mapping[str, float], number: int) -> None:
        now = now_ms()
        points = [Metric(key, float(value), now, number) for key, value in values.items()]
        scope.session.queue.put_many(scope.run_id, points)

    return Sampler(sampling, log, first=max(before, default=-1) + 1)


def end_run(status: str = "FINISHED") -> None:
    """End this thread's innermost active run; nothing happens when there is none.

    In a forked child that has started none, this ends its parent's run; the end of the child does not.

    Raises:
        SiglumError: Metric points that could not be stored; the run has ended all the same.
    """
    wanted = parse_status(status)
    if active.stack():
        _end(active.stack().pop(), wanted)


def _leave(run: ActiveRun, error: BaseException | None) -> None:
    """End the run whose `with` block was left; runs started inside and not ended are ended first."""
    scopes = active.stack()
    status = RunStatus.FINISHED if error is None else RunStatus.FAILED
    if all(scope.run_id != run.info.run_id for scope in scopes):
        return  # ended in the block, by end_run()
    while scopes:
        scope = scopes.pop()
        if error is not None and scope.output is not None:
            scope.output.add_error(error)
        try:
            if not scope.is_inherited:  # as in a forked child that leaves the block of its parent's run
                _end(scope, status)
        except SiglumError as unsent:
            if error is None:
                raise
            error.add_note(f"Also: {unsent}")  # the first error is the one that people must see
        if scope.run_id == run.info.run_id:
            break


def _end(scope: RunScope, status: RunStatus) -> None:
    if scope.sampler is not None:
        scope.sampler.stop()
    store, problems = scope.session.stores.tracking, []
    steps: tuple[Callable[[], object], ...] = (
        lambda: _finish_output(scope),
        lambda: scope.session.queue.settle(scope.run_id),
        lambda: recording.finish(scope),
        lambda: store.update_run(scope.run_id, status=status, end_time=now_ms()),
        lambda: scope.session.queue.settle(scope.run_id),
        lambda: scope.session.queue.end(scope.run_id),
    )
    for step in steps:  # each is tried, whatever became of those before
        try:
            step()
        except SiglumError as error:
            problems.append(error)
    if problems:
        raise problems[0]


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
            _end(scope, RunStatus.FAILED if failed else RunStatus.FINISHED)
        except SiglumError as error:
            _log.error("At exit: %s", error)  # nobody is left to raise to


def _create(
    experiment_id: str,
    run_name: str | None,
    parent_run_id: str | None,
    parent: RunScope | None,
    tags: dict[str, Any],
    options: CaptureOptions,
) -> RunScope:
    session = state.session()
    if parent_run_id is not None:
        if parent is None or parent.run_id != parent_run_id:
            _look_at(session.stores.tracking, parent_run_id)  # it must be there
        tags = {PARENT_TAG: parent_run_id, **tags}
    captured = recording.capture_for(parent, options)
    run = session.stores.tracking.create_run(
        experiment_id,
        user_id=captured.user,
        run_name=run_name,
        start_time=now_ms(),
        tags=as_tags({**captured.tags(), **tags}),
    )
    scope = RunScope(_active(run), session, captured, recording.open_inputs(parent))
    recording.begin(scope)
    return scope


def _resume(
    run_id: str, experiment_id: str | None, run_name: str | None, tags: dict[str, Any], options: CaptureOptions
) -> RunScope:
    session = state.session()
    store = session.stores.tracking
    run = _look_at(store, run_id)
    if run.info.lifecycle_stage != LifecycleStage.ACTIVE:
        raise ConflictError(f"Run {run_id} has been deleted.", hint="Restore it with restore_run() first.")
    if experiment_id is not None and experiment_id != (run.info.experiment_id or experiment_id):
        raise InvalidInputError(
            f"Run {run_id} belongs to experiment {run.info.experiment_id}, not {experiment_id}.",
            hint="Leave experiment_id out when a run is resumed.",
        )
    store.update_run(run_id, status=RunStatus.RUNNING, run_name=run_name)
    if tags:
        store.log_batch(run_id, tags=[Tag(key, str(value)) for key, value in tags.items()])
    captured = recording.capture_for(None, options)
    scope = RunScope(_active(_look_at(store, run_id)), session, captured, recording.open_inputs(None))
    if recording.is_recorded(run):
        scope.recorded = False  # what started the run stays on record, unless this process logs a model in it
    else:
        new = {key: value for key, value in scope.capture.tags().items() if key not in run.data.tags}
        store.log_batch(run_id, tags=[Tag(key, value) for key, value in new.items()])
        recording.begin(scope)
    return scope


def _in_stage(
    offered: str | None, experiment_id: str | None, parent_run_id: str | None
) -> tuple[str | None, str | None]:
    """Return the run to go on with and, if there is none, the one to be nested in: by the stage that runs, if any.

    `offered` is what the environment names. The stage's run is not gone on with from another experiment or store.
    """
    try:
        own = stage_run.find(state.session().stores.tracking)
    except UnavailableError:
        return offered, None  # the stage's run may wait to be sent, too
    if own is None:
        return (None if offered is not None and stage_run.names(offered) else offered), None
    chosen = experiment_id or state.experiment_id()
    if offered == own.info.run_id and (parent_run_id is not None or chosen not in (None, own.info.experiment_id)):
        offered = None
    return offered, own.info.run_id


def _look_at(store: TrackingStore, run_id: str) -> Run:
    """Return a run; of one on a server that does not answer, no more than its id. Raises NotFoundError."""
    try:
        return store.get_run(run_id)
    except UnavailableError:
        if not isinstance(store, SpooledTrackingStore):
            raise
        return store.assume(run_id)


def _active(run: Run) -> ActiveRun:
    return ActiveRun(info=run.info, data=run.data, inputs=run.inputs, outputs=run.outputs)


def _with_note(tags: Mapping[str, Any] | None, description: str | None) -> dict[str, Any]:
    found = dict(tags or {})
    if description is not None:
        if NOTE_TAG in found:
            raise InvalidInputError(f"Give the description either as an argument or as the tag {NOTE_TAG!r}.")
        found[NOTE_TAG] = description
    return found


def _run_id_from_environment() -> str | None:
    """Return the run that a parent process wants to be continued; only the first run of the process continues it."""
    found = environment_value(os.environ, "RUN_ID")
    os.environ.pop("SIGLUM_RUN_ID", None)
    os.environ.pop("MLFLOW_RUN_ID", None)
    return found


atexit.register(end_runs_at_exit)  # after `state` registered its own: runs end before their stores are closed
