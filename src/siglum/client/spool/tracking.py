"""`TrackingStore` of a server for a training script: what is written to runs goes to the spool, and is not waited for.

What needs an answer is asked of the server, after what this process has written to the run has been sent.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from siglum.client.parameters import OnConflict
from siglum.client.spool.asking import AskedStore
from siglum.client.spool.queue import SpoolQueue
from siglum.client.spool.records import (
    Batch,
    Create,
    DropTag,
    Inputs,
    Outputs,
    Params,
    Record,
    Tags,
    Update,
)
from siglum.core import limits
from siglum.core.clock import now_ms
from siglum.core.errors import ConflictError, NotFoundError, UnavailableError
from siglum.tracking.entities import (
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunStatus,
    Tag,
)
from siglum.tracking.run_names import random_run_name
from siglum.tracking.store import TrackingStore
from siglum.tracking.validation import check_batch_sizes, check_dataset_input, check_params, check_tags, group_metrics

_NAME_TAG: Final = "mlflow.runName"


class SpooledTrackingStore(AskedStore):
    """A `TrackingStore`: runs of one store. Values that can never be stored are refused at once, as the store would.

    What is not written here is asked of the store itself.

    Whether a run is there, has been deleted, or has a parameter with another value is known when the server has
    answered: `SpoolQueue.flush` and `settle` raise it.
    """

    def __init__(self, store: TrackingStore, queue: SpoolQueue, *, waits: bool = False) -> None:
        """Write by way of `queue`; with `waits`, return when the store has it, if it answers, but for metric points."""
        super().__init__(store, queue)
        self._waits = waits
        self._expected: set[str] = set()
        self._replaces: bool | None = None

    def is_expected(self, run_id: str) -> bool:
        """Whether a run was begun here without the server, so that where its files will be is not known."""
        return run_id in self._expected

    def assume(self, run_id: str) -> Run:
        """Return a run that is gone on with while its server does not answer: nothing but its id is known."""
        self._expected.add(run_id)
        return _expected(run_id, "", "", "", 0, {})

    def params_here(self, run_id: str) -> dict[str, str]:
        """Return the parameters that a run is known to have without asking."""
        return dict(self._queue.known_params(run_id))

    # -- written to the spool --------------------------------------------------------------------------------
    def create_run(
        self,
        experiment_id: str,
        *,
        user_id: str = "",
        run_name: str | None = None,
        start_time: int | None = None,
        tags: Sequence[Tag] = (),
        run_id: str | None = None,
    ) -> Run:
        """Return the run as the server made it or, when it does not answer, as it will be made."""
        run_id = uuid.uuid4().hex if run_id is None else run_id
        by_key = check_tags(tags, limits.RUN_TAG_VALUE)
        name = run_name or by_key.get(_NAME_TAG) or random_run_name(random.SystemRandom())
        began = now_ms() if start_time is None else start_time
        self._queue.open(run_id, owner=True)
        self._queue.put_record(run_id, Create(experiment_id, user_id, name, began, by_key))
        problem = self._queue.settle_new(run_id)
        if isinstance(problem, UnavailableError):
            self._expected.add(run_id)
            return _expected(run_id, experiment_id, user_id, name, began, by_key)
        if problem is not None:
            raise problem
        made = self._queue.made(run_id) or self._store.get_run(run_id)
        if made.info.run_id != run_id:  # a server that chooses ids: the run goes by that one from now on
            self._queue.end(run_id)
            self._queue.open(made.info.run_id, owner=True)
        return made

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        """Change what is not None, and return no more than what was given."""
        self._put(run_id, Update(status, end_time, run_name))
        return RunInfo(
            run_id=run_id,
            run_name=run_name or "",
            experiment_id="",
            user_id="",
            status=status or RunStatus.RUNNING,
            start_time=0,
            end_time=end_time,
            artifact_uri="",
        )

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[Tag] = (),
        idempotency_key: str | None = None,  # noqa: ARG002  -- the spool has its own
    ) -> None:
        check_batch_sizes(len(metrics), len(params), len(tags))
        group_metrics(metrics)
        values = check_params(params)
        by_key = check_tags(tags, limits.RUN_TAG_VALUE)
        self._check_known(run_id, values)
        kinds = bool(metrics) + bool(params) + bool(tags)
        if kinds > 1:
            self._put(run_id, Batch(tuple(metrics), tuple(params), tuple(tags)))
        elif metrics:
            self._queue.put_many(run_id, metrics)
        elif params:
            self._put(run_id, Params(values))
        elif tags:
            self._put(run_id, Tags(by_key))
        self._queue.known_params(run_id).update(values)

    def put_params(self, run_id: str, params: Sequence[Param], on_conflict: OnConflict) -> None:
        """Log parameters; what is to be done about those with another value is done when they are sent."""
        values, known = check_params(params), self._queue.known_params(run_id)
        if on_conflict == "error":
            self._check_known(run_id, values)
        elif on_conflict == "replace":
            self._check_replaces(run_id)
        self._put(run_id, Params(values, on_conflict))
        known.update({key: value for key, value in values.items() if on_conflict == "replace" or key not in known})

    def replace_params(self, run_id: str, params: Sequence[Param]) -> None:
        self.put_params(run_id, params, "replace")

    def delete_tag(self, run_id: str, key: str) -> None:
        self._put(run_id, DropTag(key))
        self._queue.settle(run_id)

    def log_inputs(
        self, run_id: str, *, datasets: Sequence[DatasetInput] = (), models: Sequence[LoggedModelInput] = ()
    ) -> None:
        for number, item in enumerate(datasets):
            check_dataset_input(item, f"datasets[{number}]")
        if datasets or models:
            self._put(run_id, Inputs(tuple(datasets), tuple(models)))

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        self._put(run_id, Outputs(tuple(models)))

    def _put(self, run_id: str, record: Record) -> None:
        self._queue.put_record(run_id, record)
        if self._waits:
            self._queue.settle_named(run_id)

    def _check_replaces(self, run_id: str) -> None:
        """Ask the server, once, whether it replaces parameters at all. Raises NotSupportedError when it does not.

        While it does not answer, that is found out when the parameters are sent.
        """
        if self._replaces or self._queue.is_away:
            return
        try:
            self._store.replace_params(run_id, ())
        except UnavailableError as error:
            self._queue.note_away(error)
            return
        except NotFoundError:
            pass  # the run is not there yet, and so the call is
        self._replaces = True

    def _check_known(self, run_id: str, values: Mapping[str, str]) -> None:
        known = self._queue.known_params(run_id) if values else {}
        for key, value in values.items():
            if known.get(key, value) != value:
                there, new = f"{known[key]!r:.100}", f"{value!r:.100}"
                raise ConflictError(
                    f"Parameter {key!r} of run {run_id} is {there} and cannot be changed to {new}.",
                    hint="A parameter is logged once; log the other value in a new run, or under another name.",
                )


def _expected(run_id: str, experiment: str, user: str, name: str, start_time: int, tags: dict[str, str]) -> Run:
    return Run(
        info=RunInfo(
            run_id=run_id,
            run_name=name,
            experiment_id=experiment,
            user_id=user,
            status=RunStatus.RUNNING,
            start_time=start_time,
            artifact_uri=f"mlflow-artifacts:/{experiment}/{run_id}/artifacts",
        ),
        data=RunData(tags=tags | ({_NAME_TAG: name} if name else {})),
    )
