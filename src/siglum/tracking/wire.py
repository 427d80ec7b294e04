"""Conversions between the entities of tracking and MLflow's REST messages.

Used by the server and by `client.rest`, so that neither knows a field that the other does not. `write_…` makes a
message of an entity, `read_…` an entity of a message.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeVar, cast

from siglum.core.errors import InvalidInputError
from siglum.core.names import read_digits
from siglum.tracking.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    LifecycleStage,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    Tag,
    ViewType,
)
from siglum.tracking.messages import (
    DatasetFilterMessage,
    DatasetInputMessage,
    DatasetMessage,
    ExperimentMessage,
    LoggedModelDataMessage,
    LoggedModelInfoMessage,
    LoggedModelMessage,
    MetricMessage,
    ModelInputMessage,
    ModelOutputMessage,
    Named,
    OrderByMessage,
    ParamMessage,
    RunDataMessage,
    RunInfoMessage,
    RunInputsMessage,
    RunMessage,
    RunOutputsMessage,
    TagMessage,
)
from siglum.tracking.store import DatasetFilter, LoggedModelOrder

E = TypeVar("E", RunStatus, ViewType, LoggedModelStatus)

_RUN_STATUS = dict(enumerate(RunStatus, start=1))
_VIEW_TYPE = {int(view): view for view in ViewType}
_MODEL_STATUS = dict(enumerate(LoggedModelStatus))


# -- values --------------------------------------------------------------------------------------------------------


def write_value(value: float) -> float:
    """Return what to write for a metric value: the float, or the name that JSON has no number for."""
    if math.isfinite(value):
        return value
    name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return cast("float", name)


def _enum(kind: str, value: Named, by_name: type[E], by_number: dict[int, E]) -> E:
    if isinstance(value, str) and value in by_name.__members__:
        return by_name[value]
    for candidate in by_name:
        if candidate.value == value:
            return candidate
    number = value if isinstance(value, int) else read_digits(value)
    if number in by_number:
        return by_number[number]
    names = ", ".join(by_name.__members__)
    raise InvalidInputError(f"Invalid value {value!r} for parameter '{kind}' supplied.", hint=f"Use one of {names}.")


def read_run_status(value: Named) -> RunStatus:
    """Return the status of that name or number. Raises InvalidInputError."""
    return _enum("status", value, RunStatus, _RUN_STATUS)


def read_view_type(value: Named | None) -> ViewType:
    """Return the view of that name or number; active things only when there is none. Raises InvalidInputError."""
    return ViewType.ACTIVE_ONLY if value is None else _enum("view_type", value, ViewType, _VIEW_TYPE)


def read_model_status(value: Named) -> LoggedModelStatus:
    """Return the status of a logged model of that name or number. Raises InvalidInputError."""
    try:
        return LoggedModelStatus.from_wire(str(value))
    except ValueError:
        return _enum("status", value, LoggedModelStatus, _MODEL_STATUS)


def write_tags(tags: Iterable[Tag]) -> list[TagMessage]:
    """Return tags as messages."""
    return [TagMessage(tag.key, tag.value) for tag in tags]


def write_params(params: Iterable[Param]) -> list[ParamMessage]:
    """Return parameters as messages."""
    return [ParamMessage(param.key, param.value) for param in params]


def write_tag_map(tags: dict[str, str]) -> list[TagMessage]:
    """Return tags as messages, sorted by key."""
    return [TagMessage(key, tags[key]) for key in sorted(tags)]


def read_tag_map(tags: Iterable[Tag] | Iterable[Param]) -> dict[str, str]:
    """Return messages as a map."""
    return {tag.key: tag.value for tag in tags}


def write_metric(metric: Metric) -> MetricMessage:
    """Return a point as a message."""
    return MetricMessage(
        key=metric.key,
        value=write_value(metric.value),
        timestamp=metric.timestamp,
        step=metric.step,
        model_id=metric.model_id,
        dataset_name=metric.dataset_name,
        dataset_digest=metric.dataset_digest,
        run_id=metric.run_id,
    )


def read_metric(message: MetricMessage) -> Metric:
    """Return a message as a point."""
    return Metric(
        message.key,
        message.value,
        message.timestamp,
        message.step,
        message.model_id,
        message.dataset_name,
        message.dataset_digest,
        message.run_id,
    )


# -- experiments ---------------------------------------------------------------------------------------------------


def write_experiment(experiment: Experiment) -> ExperimentMessage:
    """Return an experiment as a message."""
    return ExperimentMessage(
        experiment_id=experiment.experiment_id,
        name=experiment.name,
        artifact_location=experiment.artifact_location,
        lifecycle_stage=experiment.lifecycle_stage.value,
        last_update_time=experiment.last_update_time,
        creation_time=experiment.creation_time,
        tags=write_tag_map(experiment.tags),
        workspace="default",
    )


def read_experiment(message: ExperimentMessage) -> Experiment:
    """Return a message as an experiment."""
    return Experiment(
        experiment_id=message.experiment_id,
        name=message.name,
        artifact_location=message.artifact_location or "",
        lifecycle_stage=LifecycleStage(message.lifecycle_stage or "active"),
        creation_time=message.creation_time or 0,
        last_update_time=message.last_update_time or 0,
        tags=read_tag_map(message.tags),
    )


# -- runs ----------------------------------------------------------------------------------------------------------


def write_run_info(info: RunInfo) -> RunInfoMessage:
    """Return what a run is as a message."""
    return RunInfoMessage(
        run_id=info.run_id,
        run_uuid=info.run_id,
        run_name=info.run_name,
        experiment_id=info.experiment_id,
        user_id=info.user_id,
        status=info.status.value,
        start_time=info.start_time,
        end_time=info.end_time,
        artifact_uri=info.artifact_uri,
        lifecycle_stage=info.lifecycle_stage.value,
    )


def read_run_info(message: RunInfoMessage) -> RunInfo:
    """Return a message as what a run is."""
    return RunInfo(
        run_id=message.run_id,
        run_name=message.run_name or "",
        experiment_id=message.experiment_id,
        user_id=message.user_id or "",
        status=read_run_status(message.status),
        start_time=message.start_time or 0,
        end_time=message.end_time,
        artifact_uri=message.artifact_uri or "",
        lifecycle_stage=LifecycleStage(message.lifecycle_stage or "active"),
    )


def write_dataset_input(given: DatasetInput) -> DatasetInputMessage:
    """Return a data set that a run read as a message."""
    dataset = given.dataset
    return DatasetInputMessage(
        dataset=DatasetMessage(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema=dataset.schema,
            profile=dataset.profile,
        ),
        tags=write_tags(given.tags),
    )


def read_dataset_input(message: DatasetInputMessage) -> DatasetInput:
    """Return a message as a data set that a run read."""
    given = message.dataset
    return DatasetInput(
        dataset=Dataset(
            name=given.name,
            digest=given.digest,
            source_type=given.source_type,
            source=given.source,
            schema=given.schema,
            profile=given.profile,
        ),
        tags=tuple(Tag(tag.key, tag.value) for tag in message.tags),
    )


def write_run(run: Run) -> RunMessage:
    """Return a run as a message."""
    return RunMessage(
        info=write_run_info(run.info),
        data=RunDataMessage(
            metrics=[MetricMessage(m.key, write_value(m.value), m.timestamp, m.step) for m in run.data.latest],
            params=[ParamMessage(key, run.data.params[key]) for key in sorted(run.data.params)],
            tags=write_tag_map(run.data.tags),
        ),
        inputs=RunInputsMessage(
            dataset_inputs=[write_dataset_input(given) for given in run.inputs.dataset_inputs],
            model_inputs=[ModelInputMessage(model_id=model.model_id) for model in run.inputs.model_inputs],
        ),
        outputs=RunOutputsMessage(
            model_outputs=[
                ModelOutputMessage(model_id=model.model_id, step=model.step) for model in run.outputs.model_outputs
            ]
        ),
    )


def read_run(message: RunMessage) -> Run:
    """Return a message as a run."""
    data = message.data or RunDataMessage()
    inputs = message.inputs or RunInputsMessage()
    outputs = message.outputs or RunOutputsMessage()
    latest = tuple(read_metric(metric) for metric in data.metrics)
    return Run(
        info=read_run_info(message.info),
        data=RunData(
            metrics={metric.key: metric.value for metric in latest},
            params=read_tag_map(data.params),
            tags=read_tag_map(data.tags),
            latest=latest,
        ),
        inputs=RunInputs(
            dataset_inputs=tuple(read_dataset_input(given) for given in inputs.dataset_inputs),
            model_inputs=tuple(LoggedModelInput(model_id=model.model_id) for model in inputs.model_inputs),
        ),
        outputs=RunOutputs(
            model_outputs=tuple(LoggedModelOutput(model_id=m.model_id, step=m.step) for m in outputs.model_outputs)
        ),
    )


# -- logged models -------------------------------------------------------------------------------------------------


def write_logged_model(model: LoggedModel) -> LoggedModelMessage:
    """Return a logged model as a message. MLflow writes a missing type or source run as an empty string."""
    return LoggedModelMessage(
        info=LoggedModelInfoMessage(
            model_id=model.model_id,
            experiment_id=model.experiment_id,
            name=model.name,
            creation_timestamp_ms=model.creation_timestamp,
            last_updated_timestamp_ms=model.last_updated_timestamp,
            artifact_uri=model.artifact_location,
            status=model.status.wire_name,
            model_type=model.model_type or "",
            source_run_id=model.source_run_id or "",
            status_message=model.status_message,
            tags=write_tag_map(model.tags),
        ),
        data=LoggedModelDataMessage(
            params=[ParamMessage(key, model.params[key]) for key in sorted(model.params)],
            metrics=[write_metric(metric) for metric in model.metrics],
        ),
    )


def read_logged_model(message: LoggedModelMessage) -> LoggedModel:
    """Return a message as a logged model."""
    info, data = message.info, message.data or LoggedModelDataMessage()
    return LoggedModel(
        experiment_id=info.experiment_id,
        model_id=info.model_id,
        name=info.name,
        artifact_location=info.artifact_uri,
        creation_timestamp=info.creation_timestamp_ms,
        last_updated_timestamp=info.last_updated_timestamp_ms,
        model_type=info.model_type or None,
        source_run_id=info.source_run_id or None,
        status=read_model_status(info.status),
        status_message=info.status_message,
        tags=read_tag_map(info.tags),
        params=read_tag_map(data.params),
        metrics=tuple(read_metric(metric) for metric in data.metrics),
    )


def read_dataset_filter(message: DatasetFilterMessage) -> DatasetFilter:
    """Return a message as a restriction to one data set."""
    return DatasetFilter(message.dataset_name, message.dataset_digest)


def read_order(messages: Sequence[OrderByMessage]) -> tuple[LoggedModelOrder, ...]:
    """Return messages as clauses of an order."""
    return tuple(LoggedModelOrder(m.field_name, m.ascending, m.dataset_name, m.dataset_digest) for m in messages)
