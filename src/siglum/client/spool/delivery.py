"""How a spool's records reach a store: in order, in batches, and each once although any call may be repeated.

A batch has an idempotency key made of its place in the spool, and where it ends is noted before it is sent: who sends
it again, be it another process, sends the same. All other records change nothing when they are carried out twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from siglum.client import parameters
from siglum.client.artifact_folder import ArtifactFolder
from siglum.client.spool.file_delivery import FileDelivery, drop_copies
from siglum.client.spool.frames import Found
from siglum.client.spool.records import (
    NAMED,
    Append,
    Batch,
    Create,
    DropTag,
    File,
    Inputs,
    Outputs,
    Params,
    Point,
    Record,
    Tags,
    Update,
)
from siglum.client.spool.selection import Selection, Unread, select
from siglum.core.errors import (
    AlreadyExistsError,
    BusyError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    SiglumError,
    UnauthenticatedError,
)
from siglum.lineage.named_experiment import find_experiment
from siglum.storage.artifacts.replacing import NumberedWrite
from siglum.tracking.entities import Metric, Param, Run, Tag
from siglum.tracking.store import TrackingStore

ID_TAG: Final = "siglum.offline_id"
"""The id of a run that was recorded offline, on a server that gave it another one."""
_MOST: Final = 1000

_REFUSALS: Final = (
    InvalidInputError,
    ConflictError,
    AlreadyExistsError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
)
_WILL_PASS: Final = (BusyError, UnauthenticatedError)
"""Among these, what is over when somebody else is done, or has logged in."""

OnRefused = Callable[[Sequence[Record], SiglumError], None]


class Unsent(Protocol):
    """Records that wait in order: a `RunSpool`, or a journal that another process left."""

    @property
    def run_id(self) -> str: ...
    @property
    def spool_id(self) -> str: ...
    @property
    def copies(self) -> str: ...
    @property
    def acked(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    def peek(self, most: int) -> Found: ...
    def mark(self, acked: int, attempt: int) -> None: ...
    def set_aside(self, place: Unread) -> None: ...
    def refuse(self, records: Sequence[Record], end: int, error: SiglumError) -> None: ...


class Delivery:
    """Writes to one store. May be used from several threads, for different runs."""

    def __init__(self, tracking: TrackingStore, artifacts_for: Callable[[str], ArtifactFolder]) -> None:
        self._tracking = tracking
        self._files = FileDelivery(tracking, artifacts_for)
        self._ids: dict[str, str] = {}
        self._looked_for: set[str] = set()
        self.made: dict[str, Run] = {}
        """Runs that were made and not asked for yet, by the ids that they were to have."""

    def send(self, unsent: Unsent, on_refused: OnRefused, *, go_on: Callable[[], bool] = lambda: True) -> None:
        """Send what waits, until nothing does or `go_on` says no.

        What is refused for good is noted beside the spool, goes to `on_refused`, and holds up nothing behind it; nor
        does what cannot be read, which is set aside.

        Raises:
            SiglumError: Why the rest was not taken; it is as it was.
        """
        while go_on() and (waiting := unsent.peek(_MOST)):
            chosen = select(waiting, unsent.acked, unsent.attempt)
            for place in chosen.unread:
                unsent.set_aside(place)
            records, end = chosen.records, chosen.end
            unsent.mark(unsent.acked, end)
            try:
                self._carry_out(unsent, records, end)
            except SiglumError as error:
                if isinstance(error, NotFoundError) and self._find_renamed(unsent.run_id):
                    continue
                # What is left of a batch that was sent whole before some of it was damaged has been stored with it.
                if not (chosen.unread and _was_stored(error)):
                    if not self._takes_nothing(unsent.run_id, records[0], error) and len(records) > 1:
                        self._one_by_one(unsent, chosen, on_refused)
                        continue
                    unsent.refuse(records, end, error)
                    on_refused(records, error)
            unsent.mark(end, end)
            drop_copies(unsent.copies, records, end)

    def id_of(self, run_id: str) -> str:
        """Return the id of a run in the store."""
        return self._ids.get(run_id, run_id)

    def _one_by_one(self, unsent: Unsent, chosen: Selection, on_refused: OnRefused) -> None:
        """Send the records of a batch that was refused as a whole: all but the bad ones are taken."""
        for record, end in zip(chosen.records, chosen.ends, strict=True):
            unsent.mark(unsent.acked, end)
            try:
                self._carry_out(unsent, [record], end)
            except SiglumError as error:
                self._takes_nothing(unsent.run_id, record, error)
                unsent.refuse([record], end, error)
                on_refused([record], error)
            unsent.mark(end, end)

    def _takes_nothing(self, run_id: str, record: Record, error: SiglumError) -> bool:
        """Return whether a run takes nothing at all any more, as a deleted one, once the store has refused a record.

        What makes the run is never given up: nothing else could be stored without it.

        Raises:
            SiglumError: It is no refusal, and the record waits: for the server, a login, a right, room, or its run.
        """
        if isinstance(record, Create) or not isinstance(error, _REFUSALS) or isinstance(error, _WILL_PASS):
            raise error
        try:
            self._tracking.log_batch(self.id_of(run_id))  # nothing: would more have been taken?
        except _WILL_PASS as reason:
            raise reason from error
        except (InvalidInputError, ConflictError):
            return True
        return False

    def _carry_out(self, unsent: Unsent, records: Sequence[Record], end: int) -> None:
        run_id = self.id_of(unsent.run_id)
        if not records:
            return
        match records[0]:
            case Point() | Tags() | Params(_, "error") | Batch():
                self._log(run_id, records, f"{unsent.spool_id}:{unsent.acked}-{end}")
            case Params(values, on_conflict):
                parameters.log(self._tracking, run_id, values, on_conflict)
            case Create():
                self._create(unsent.run_id, records[0])
            case DropTag(key):
                self._tracking.delete_tag(run_id, key)
            case Inputs(datasets, models):
                self._tracking.log_inputs(run_id, datasets=datasets, models=models)
            case Outputs(models):
                self._tracking.log_outputs(run_id, models)
            case Update(status, end_time, name):
                self._tracking.update_run(run_id, status=status, end_time=end_time, run_name=name)
            case File():
                self._files.put(run_id, records[0], unsent.copies)
            case Append():
                self._files.append(run_id, records[0], unsent.copies, NumberedWrite(unsent.spool_id, end))

    def _log(self, run_id: str, records: Sequence[Record], key: str) -> None:
        metrics: list[Metric] = []
        params: list[Param] = []
        tags: dict[str, str] = {}
        for record in records:
            match record:
                case Point():
                    metrics.append(record.metric())
                case Params(values):
                    params += [Param(name, value) for name, value in values.items()]
                case Tags(values):
                    tags |= values
                case Batch():
                    metrics += record.metrics
                    params += record.params
                    tags |= {tag.key: tag.value for tag in record.tags}
        self._tracking.log_batch(
            run_id,
            metrics=metrics,
            params=list(dict.fromkeys(params)),  # two processes may have logged the same
            tags=[Tag(name, value) for name, value in tags.items()],
            idempotency_key=key,
        )

    def _create(self, run_id: str, new: Create) -> None:
        named = new.experiment.startswith(NAMED)
        experiment = find_experiment(self._tracking, new.experiment[len(NAMED) :]) if named else new.experiment
        tags = [Tag(key, value) for key, value in new.tags.items()]
        try:
            self.made[run_id] = self._tracking.create_run(
                experiment, user_id=new.user, run_name=new.name, start_time=new.start_time, tags=tags, run_id=run_id
            )
        except AlreadyExistsError:
            return
        except NotSupportedError:  # MLflow's server chooses ids itself
            found = self._tracking.search_runs([experiment], filter_string=f"tags.`{ID_TAG}` = '{run_id}'").items
            run = (
                found[0]
                if found
                else self._tracking.create_run(
                    experiment,
                    user_id=new.user,
                    run_name=new.name,
                    start_time=new.start_time,
                    tags=[*tags, Tag(ID_TAG, run_id)],
                )
            )
            self.made[run_id] = run
            self._ids[run_id] = run.info.run_id

    def _find_renamed(self, run_id: str) -> bool:
        """Look, once, for a run that another process made on a server that chooses ids; return whether it is there."""
        if run_id in self._looked_for:
            return False
        self._looked_for.add(run_id)
        experiments = [each.experiment_id for each in self._tracking.search_experiments().items]
        found = self._tracking.search_runs(experiments, filter_string=f"tags.`{ID_TAG}` = '{run_id}'").items
        if found:
            self._ids[run_id] = found[0].info.run_id
        return bool(found)


def _was_stored(error: SiglumError) -> bool:
    return isinstance(error, ConflictError) and "idempotency key" in error.message
