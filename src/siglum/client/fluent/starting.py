"""How runs begin: a new one, one that goes on, one that is a stage's; and what samples and listens while they last."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from siglum.client import recording, stage_run, state, system_metrics
from siglum.client.active import RunScope
from siglum.client.capture_options import CaptureOptions
from siglum.client.fluent.ending import leave
from siglum.client.fluent.experiments import as_tags
from siglum.client.spool.tracking import SpooledTrackingStore
from siglum.client.system_metrics import Sampler, Sampling
from siglum.client.tracking_uri import environment_value
from siglum.core.clock import now_ms
from siglum.core.errors import ConflictError, InvalidInputError, UnavailableError
from siglum.tracking.entities import LifecycleStage, Metric, Run, RunStatus, Tag
from siglum.tracking.store import TrackingStore

if TYPE_CHECKING:
    from siglum.client.run_output import RunOutput

PARENT_TAG = "mlflow.parentRunId"
NAME_TAG = "mlflow.runName"
NOTE_TAG = "mlflow.note.content"


class ActiveRun(Run, frozen=True, kw_only=True):
    """A run as it was when it became active; leaving its `with` block ends it, FAILED after an exception."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        leave(self.info.run_id, exc)


def create(
    experiment_id: str,
    run_name: str | None,
    parent_run_id: str | None,
    parent: RunScope | None,
    tags: dict[str, Any],
    options: CaptureOptions,
) -> RunScope:
    """Make a new run. Raises NotFoundError for a parent or an experiment that there is not."""
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


def resume(
    run_id: str, experiment_id: str | None, run_name: str | None, tags: dict[str, Any], options: CaptureOptions
) -> RunScope:
    """Go on with a run. Raises NotFoundError, and ConflictError for one that was deleted."""
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


def run_of_stage(
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


def tags_of(tags: Mapping[str, Any] | None, run_name: str | None, description: str | None) -> dict[str, Any]:
    """Return the tags of a run that begins, with its description; a name that is given is not that of the tags."""
    found = dict(tags or {})
    if run_name:
        found.pop(NAME_TAG, None)
    if description is not None:
        if NOTE_TAG in found:
            raise InvalidInputError(f"Give the description either as an argument or as the tag {NOTE_TAG!r}.")
        found[NOTE_TAG] = description
    return found


def run_id_from_environment() -> str | None:
    """Return the run that a parent process wants to be continued; only the first run of the process continues it."""
    found = environment_value(os.environ, "RUN_ID")
    os.environ.pop("SIGLUM_RUN_ID", None)
    os.environ.pop("MLFLOW_RUN_ID", None)
    return found


def keep_output(scope: RunScope, options: CaptureOptions) -> RunOutput:
    """Begin to keep what the process prints, and to store it every few seconds."""
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


def sample(scope: RunScope, sampling: Sampling) -> Sampler:
    """Begin to sample what the machine does; in a run that goes on, behind the last sample of before."""
    before = [point.step for point in scope.run.data.latest if point.key.startswith(system_metrics.PREFIX)]

    def log(values: Mapping[str, float], number: int) -> None:
        now = now_ms()
        points = [Metric(key, float(value), now, number) for key, value in values.items()]
        scope.session.queue.put_many(scope.run_id, points)

    return Sampler(sampling, log, first=max(before, default=-1) + 1)
