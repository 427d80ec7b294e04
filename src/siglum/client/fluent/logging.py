"""What a run logs: parameters, metrics, tags and inputs.

Nothing of it waits for a server: it goes to the spool, and a thread sends it. In a database of this machine all but
metric points is stored when the call returns.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from siglum.client import active_model, parameters
from siglum.client.arguments import as_integer, as_number
from siglum.client.datasets import DataSet
from siglum.client.fluent.runs import current_scope, session_of
from siglum.client.parameters import OnConflict
from siglum.client.pending import PendingWrites, handle
from siglum.client.state import Session
from siglum.core import limits
from siglum.core.errors import InvalidInputError
from siglum.core.names import check_int64, check_key
from siglum.lineage.datasets import dataset_input
from siglum.lineage.inputs import DataInput, record_input
from siglum.tracking.entities import DatasetInput, LoggedModelInput, LoggedModelOutput, Metric, Tag

_MAX_KNOWN_KEYS = 10_000
_INT32 = 2**31
_MILLISECONDS = "Give milliseconds since the epoch, such as time.time_ns() // 1_000_000."
_known_keys: set[str] = set()


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: DataSet | None = None,
) -> PendingWrites | None:
    """Log one point of a metric. Costs the caller a few microseconds: a thread sends it within about 50 ms.

    Args:
        key: The metric's name.
        value: A number; NaN and infinities are kept as such.
        step: Where in the training it was measured; 0 when None.
        synchronous: True returns when the point is stored, or in the spool of a server that is away; False returns a
            handle to wait on.
        timestamp: Milliseconds since the epoch; now when None.
        run_id: Another run than the active one.
        model_id: The logged model that was measured; the one of `set_active_model` when None.
        dataset: The data set that was measured on; it becomes an input of the run.

    Raises:
        InvalidInputError: A key, value or step that can never be stored; nothing is queued.
    """
    if run_id is None:
        scope = current_scope()
        run_id, session = scope.run_id, scope.session
    else:
        session = session_of(run_id)
    point = _point(key, value, step, timestamp, model_id)
    if dataset is not None:
        point = _measured_on(session, run_id, point, dataset)
    session.queue.put(run_id, point)
    return None if synchronous is None else handle(session, run_id, synchronous)


def log_metrics(
    metrics: Mapping[str, float],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: DataSet | None = None,
) -> PendingWrites | None:
    """Log one point of each of several metrics, at the same step and time; see `log_metric`."""
    run_id, session = _target(run_id)
    timestamp = time.time_ns() // 1_000_000 if timestamp is None else timestamp
    points = [_point(key, value, step, timestamp, model_id) for key, value in metrics.items()]
    if dataset is not None:
        points = [_measured_on(session, run_id, point, dataset) for point in points]
    session.queue.put_many(run_id, points)
    return None if synchronous is None else handle(session, run_id, synchronous)


def log_param(key: str, value: Any, synchronous: bool | None = None, *, on_conflict: OnConflict = "error") -> Any:
    """Log a parameter and return its value.

    Args:
        key: The parameter's name.
        value: Becomes a string.
        synchronous: True returns when the parameter is stored, or in the spool of a server that is away; False returns
            a handle to wait on.
        on_conflict: What to do when it was logged with another value: `error` raises, `keep` leaves that value,
            `replace` takes the new one and keeps the old in the tag `siglum.params.replaced`.

    Raises:
        ConflictError: Another value is there, with `error`. One that another process has logged on a server meanwhile
            is known, and raised, when this is sent: by `flush`, `end_run` and calls that wait.
        NotSupportedError: `replace`, and the server is not Siglum's.
    """
    pending = log_params({key: value}, synchronous, on_conflict=on_conflict)
    return value if pending is None else pending


def log_params(
    params: Mapping[str, Any],
    synchronous: bool | None = None,
    run_id: str | None = None,
    *,
    on_conflict: OnConflict = "error",
) -> PendingWrites | None:
    """Log several parameters, 100 in a transaction; see `log_param`."""
    run_id, session = _target(run_id)
    parameters.log(session.stores.tracking, run_id, params, on_conflict)
    return handle(session, run_id, synchronous)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> PendingWrites | None:
    """Set a tag of the active run."""
    return set_tags({key: value}, synchronous)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> PendingWrites | None:
    """Set several tags of the active run, 100 in a transaction."""
    run_id, session = _target(None)
    listed = [Tag(check_key(key, "key"), str(value)) for key, value in tags.items()]
    for start in range(0, len(listed), limits.BATCH_TAGS):
        session.stores.tracking.log_batch(run_id, tags=listed[start : start + limits.BATCH_TAGS])
    return handle(session, run_id, synchronous)


def delete_tag(key: str) -> None:
    """Remove a tag of the active run. Raises NotFoundError when it is not there."""
    run_id, session = _target(None)
    session.stores.tracking.delete_tag(run_id, key)


def log_input(
    dataset: DataSet | str | os.PathLike[str] | None = None,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: LoggedModelInput | None = None,
) -> None:
    """Record data (or a logged model) that the active run reads.

    Args:
        dataset: A path (file or folder, hashed now), or a data set of `siglum.data`.
        context: The role in which it is read, such as `training` or `validation`.
        tags: More about this use of the data.
        model: A logged model that the run reads.

    Raises:
        NotFoundError: The path does not exist.
    """
    log_inputs(
        None if dataset is None else [dataset],
        None if context is None else [context],
        None if tags is None else [tags],
        None if model is None else [model],
    )


def log_inputs(
    datasets: Sequence[DataSet | str | os.PathLike[str] | None] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Sequence[LoggedModelInput | None] | None = None,
) -> None:
    """Record several inputs; the i-th context and tags belong to the i-th data set. See `log_input`."""
    datasets, scope = list(datasets or ()), current_scope()
    for name, given in (("contexts", contexts), ("tags_list", tags_list)):
        if given is not None and len(given) != len(datasets):
            raise InvalidInputError(f"{name} has {len(given)} entries for {len(datasets)} data sets.")
    found: list[DatasetInput] = []
    for number, dataset in enumerate(datasets):
        if dataset is None:
            continue
        context = contexts[number] if contexts is not None else None
        item, made = _input(dataset, context or "")
        extra = tuple(Tag(key, str(value)) for key, value in ((tags_list[number] if tags_list else None) or {}).items())
        record_input(item)
        scope.sent_inputs.add(item)
        found.append(DatasetInput(dataset=made.dataset, tags=(*made.tags, *extra)))
    read = [model for model in models or () if model is not None]
    if found or read:
        scope.session.stores.tracking.log_inputs(scope.run_id, datasets=found, models=read)


def log_outputs(models: Sequence[LoggedModelOutput] | None = None) -> None:
    """Record logged models that the active run made."""
    scope = current_scope()
    if models:
        scope.session.stores.tracking.log_outputs(scope.run_id, models)


def _target(run_id: str | None) -> tuple[str, Session]:
    if run_id is not None:
        return run_id, session_of(run_id)
    scope = current_scope()
    return scope.run_id, scope.session


def _point(key: str, value: float, step: int | None, timestamp: int | None, model_id: str | None) -> Metric:
    if key not in _known_keys:
        check_key(key, "key")
        if len(_known_keys) < _MAX_KNOWN_KEYS:
            _known_keys.add(key)
    number = value if value.__class__ is float else as_number(value, key)
    if step is None:
        step = 0
    elif step.__class__ is not int:
        step = as_integer(step, "step")
    elif not -_INT32 < step < _INT32:
        check_int64(step, "step")
    if timestamp is None:
        timestamp = time.time_ns() // 1_000_000
    else:
        timestamp = as_integer(timestamp, "timestamp", hint=_MILLISECONDS)
        if timestamp < 0:
            raise InvalidInputError(f"The timestamp of metric {key!r} is negative: {timestamp}.")
    return Metric(key, number, timestamp, step, model_id or active_model.get_id())


def _measured_on(session: Session, run_id: str, point: Metric, dataset: DataSet) -> Metric:
    made = dataset.as_dataset_input("")
    session.stores.tracking.log_inputs(run_id, datasets=[made])
    name, digest = made.dataset.name, made.dataset.digest
    return msgspec.structs.replace(point, dataset_name=name, dataset_digest=digest)


def _input(dataset: DataSet | str | os.PathLike[str], context: str) -> tuple[DataInput, DatasetInput]:
    if isinstance(dataset, DataSet):
        return dataset.as_data_input(context), dataset.as_dataset_input(context)
    if not isinstance(dataset, str | os.PathLike):
        raise InvalidInputError(
            f"An input is a path or a data set, not {type(dataset).__name__}.",
            hint="Make a data set of a table with siglum.data.from_pandas().",
        )
    # Only for files: what reads them knows all of pipelines.
    from siglum.client import data_files
    from siglum.lineage.data_inputs import input_of_path

    item = input_of_path(os.fspath(dataset), os.getcwd(), context)
    made = dataset_input(item)
    return item, DatasetInput(dataset=made.dataset, tags=(*made.tags, data_files.tracked_tag(item)))
