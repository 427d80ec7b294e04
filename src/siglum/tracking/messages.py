"""What MLflow's REST messages for experiments, runs and logged models are made of.

Facts of the format:

- Names are snake_case, times are milliseconds, 64-bit integers are JSON numbers; a numeric string is accepted.
- What is not set is left out, empty lists are left out; unknown fields are ignored.
- A metric value that is not finite is the string "NaN", "Infinity" or "-Infinity", as protobuf's JSON has it, both
  ways. MLflow's own server stores and answers an infinity as ±1.797e308; its client reads the strings exactly, so
  Siglum keeps infinities exact.
- Where MLflow's server ignores a value that it cannot read (an unknown status, a fractional step), Siglum refuses it.
- Fields that only Siglum has (`run_id` in `CreateRun`, `sha256` of a file) are ignored by MLflow on either side.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from siglum.tracking.entities import Metric, Param, Tag

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Named = str | int
"""An enum's value as protobuf's JSON has it: its name or its number."""


class Message(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Base of all messages: what has its default is left out."""


class TagMessage(Tag, frozen=True, gc=False):
    """A tag, which it is. Clients may leave out an empty value."""

    value: str = ""


class ParamMessage(Param, frozen=True, gc=False):
    """A parameter, which it is. Clients may leave out an empty value."""

    value: str = ""


class MetricMessage(Metric, frozen=True, omit_defaults=True, gc=False):
    """A point of a series, which it is, so that a batch is decoded straight into what the store takes.

    To be written, `value` is a string where it is not finite.
    """

    timestamp: Int64
    step: Int64 = msgspec.field(default_factory=int)  # a factory, so that step 0 is written


class ExperimentMessage(Message, kw_only=True):
    """An experiment."""

    experiment_id: str
    name: str
    artifact_location: str | None = None
    lifecycle_stage: str | None = None
    last_update_time: Int64 | None = None
    creation_time: Int64 | None = None
    tags: list[TagMessage] = []
    workspace: str | None = None


class RunInfoMessage(Message, kw_only=True):
    """What a run is. `run_uuid` repeats `run_id` for clients of MLflow 1."""

    run_id: str
    run_uuid: str | None = None
    run_name: str | None = None
    experiment_id: str
    user_id: str | None = None
    status: Named
    start_time: Int64 | None = None
    end_time: Int64 | None = None
    artifact_uri: str | None = None
    lifecycle_stage: str | None = None


class RunDataMessage(Message, kw_only=True):
    """What a run logged: the greatest point of each key, parameters, tags."""

    metrics: list[MetricMessage] = []
    params: list[ParamMessage] = []
    tags: list[TagMessage] = []


class DatasetMessage(Message, kw_only=True):
    """A data set."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class DatasetInputMessage(Message, kw_only=True):
    """A data set and the tags of its use."""

    dataset: DatasetMessage
    tags: list[TagMessage] = []


class ModelInputMessage(Message, kw_only=True):
    """A logged model that a run read."""

    model_id: str


class ModelOutputMessage(Message, kw_only=True):
    """A logged model that a run made."""

    model_id: str
    step: Int64 = msgspec.field(default_factory=int)


class RunInputsMessage(Message, kw_only=True):
    """All that a run read."""

    dataset_inputs: list[DatasetInputMessage] = []
    model_inputs: list[ModelInputMessage] = []


class RunOutputsMessage(Message, kw_only=True):
    """All that a run made."""

    model_outputs: list[ModelOutputMessage] = []


class RunMessage(Message, kw_only=True):
    """A run."""

    info: RunInfoMessage
    data: RunDataMessage | None = None
    inputs: RunInputsMessage | None = None
    outputs: RunOutputsMessage | None = None


class LoggedModelInfoMessage(Message, kw_only=True):
    """What a logged model is."""

    model_id: str
    experiment_id: str
    name: str
    creation_timestamp_ms: Int64
    last_updated_timestamp_ms: Int64
    artifact_uri: str
    status: Named
    model_type: str | None = None
    source_run_id: str | None = None
    status_message: str | None = None
    tags: list[TagMessage] = []


class LoggedModelDataMessage(Message, kw_only=True):
    """What is known of a logged model."""

    params: list[ParamMessage] = []
    metrics: list[MetricMessage] = []


class LoggedModelMessage(Message, kw_only=True):
    """A logged model."""

    info: LoggedModelInfoMessage
    data: LoggedModelDataMessage | None = None


class FileMessage(Message, kw_only=True):
    """One entry of a folder of artifacts. `sha256` is told by Siglum's own route only."""

    path: str
    is_dir: bool = msgspec.field(default_factory=bool)
    file_size: Int64 | None = None
    sha256: str | None = None


class DatasetFilterMessage(Message, kw_only=True):
    """Restricts metric clauses to one data set."""

    dataset_name: str
    dataset_digest: str | None = None


class OrderByMessage(Message, kw_only=True):
    """One clause of an order."""

    field_name: str
    ascending: bool = True
    dataset_name: str | None = None
    dataset_digest: str | None = None
