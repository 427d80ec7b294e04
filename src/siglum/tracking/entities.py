"""What tracking keeps, as frozen values with MLflow's attribute names. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Any, ClassVar

from siglum.core.html import Link, card, charts
from siglum.core.text import timestamp
from siglum.tracking.entity import Entity, Metric, Param, Tag
from siglum.tracking.states import LifecycleStage, LoggedModelStatus, RunStatus, ViewType
from siglum.tracking.surroundings import surroundings

__all__ = [
    "Dataset", "DatasetInput", "DatasetSummary", "Entity", "Experiment", "ExperimentTag", "FileInfo", "InputTag",
    "LifecycleStage", "LoggedModel", "LoggedModelInput", "LoggedModelOutput", "LoggedModelParameter",
    "LoggedModelStatus", "LoggedModelTag", "Metric", "Param", "Run", "RunData", "RunInfo", "RunInputs", "RunOutputs",
    "RunStatus", "RunTag", "Tag", "ViewType", "linked",
]  # fmt: skip

RunTag = ExperimentTag = InputTag = LoggedModelTag = Tag
LoggedModelParameter = Param

_CHARTS = 8
"""Series of a run that a notebook shows."""


def linked(*path: str) -> dict[str, Link]:
    """Return a row with a link to what a server shows of something; empty without a server."""
    address = surroundings().address(*path)
    return {} if address is None else {"in the browser": Link("/".join(path), address)}


class Experiment(Entity, frozen=True, kw_only=True):
    """A named set of runs. `experiment_id` is an integer as a string, "0" the default experiment."""

    DEFAULT_EXPERIMENT_NAME: ClassVar[str] = "Default"

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: LifecycleStage = LifecycleStage.ACTIVE
    creation_time: int
    last_update_time: int
    tags: dict[str, str] = {}

    def table_row(self) -> dict[str, Any]:
        """Return what a table of experiments shows."""
        return {
            "id": self.experiment_id,
            "name": self.name,
            "state": self.lifecycle_stage,
            "created": timestamp(self.creation_time),
            "changed": timestamp(self.last_update_time),
        }

    def _repr_html_(self) -> str:
        facts = {**self.table_row(), "files": self.artifact_location, **linked("experiments", self.experiment_id)}
        results = {key: {key: points} for key, points in surroundings().results(self.experiment_id).items()}
        sections = {"experiment": facts, "tags": self.tags}
        return card(self.name, f"experiment {self.experiment_id}", sections, charts(results, "runs"))


class RunInfo(Entity, frozen=True, kw_only=True):
    """What a run is: ids, status, times. `artifact_uri` is the root of its files."""

    run_id: str
    run_name: str
    experiment_id: str
    user_id: str
    status: RunStatus
    start_time: int
    end_time: int | None = None
    artifact_uri: str
    lifecycle_stage: LifecycleStage = LifecycleStage.ACTIVE


class RunData(Entity, frozen=True, kw_only=True):
    """What a run logged. `metrics` holds, per key, the point that is greatest by (step, timestamp, value)."""

    metrics: dict[str, float] = {}
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    latest: tuple[Metric, ...] = ()

    def to_dictionary(self) -> dict[str, Any]:
        """Return it as plain values, without the points that are only the latest."""
        return {"metrics": self.metrics, "params": self.params, "tags": self.tags}


class Dataset(Entity, frozen=True):
    """A data set that a run read: `digest` identifies its content, `source` (JSON) says where it came from."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class DatasetSummary(Entity, frozen=True, kw_only=True):
    """A data set that runs of an experiment read, and what they read it for."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


class DatasetInput(Entity, frozen=True):
    """A data set and in what role the run read it (tag `mlflow.data.context`)."""

    dataset: Dataset
    tags: tuple[Tag, ...] = ()

    def to_dictionary(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"dataset": self.dataset.to_dictionary(), "tags": {tag.key: tag.value for tag in self.tags}}


class LoggedModelInput(Entity, frozen=True):
    """A logged model that a run read."""

    model_id: str


class LoggedModelOutput(Entity, frozen=True):
    """A logged model that a run made, at a step."""

    model_id: str
    step: int = 0


class RunInputs(Entity, frozen=True, kw_only=True):
    """All that a run read."""

    dataset_inputs: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[LoggedModelInput, ...] = ()


class RunOutputs(Entity, frozen=True, kw_only=True):
    """All that a run made."""

    model_outputs: tuple[LoggedModelOutput, ...] = ()


class Run(Entity, frozen=True, kw_only=True):
    """A run: what it is, what it logged, what it read and what it made."""

    info: RunInfo
    data: RunData = RunData()
    inputs: RunInputs = RunInputs()
    outputs: RunOutputs = RunOutputs()

    def table_row(self) -> dict[str, Any]:
        """Return what a table of runs shows."""
        return {
            "run": self.info.run_id[:8],
            "name": self.info.run_name,
            "status": self.info.status,
            "started": timestamp(self.info.start_time),
            **{f"metrics.{key}": f"{value:.6g}" for key, value in self.data.metrics.items()},
            **{f"params.{key}": value for key, value in self.data.params.items()},
        }

    def _repr_html_(self) -> str:
        info = self.info
        facts = {
            "status": info.status,
            "experiment": info.experiment_id,
            "user": info.user_id,
            "started": timestamp(info.start_time),
            "ended": timestamp(info.end_time) if info.end_time else "not ended",
            "files": info.artifact_uri,
            **linked("experiments", info.experiment_id, "runs", info.run_id),
        }
        keys = [key for key in sorted(self.data.metrics) if not key.startswith("system/")][:_CHARTS]
        series = surroundings().series(self, keys)
        return card(
            info.run_name,
            f"run {info.run_id}",
            {
                "run": facts,
                "metrics": dict(sorted(self.data.metrics.items())),
                "parameters": dict(sorted(self.data.params.items())),
                "tags": dict(sorted(self.data.tags.items())),
                "inputs": {each.dataset.name: each.dataset.digest for each in self.inputs.dataset_inputs},
                "models": {each.model_id: f"at step {each.step}" for each in self.outputs.model_outputs},
            },
            charts({key: {key: points} for key, points in series.items()}),
        )


class LoggedModel(Entity, frozen=True, kw_only=True):
    """A model's files and what is known of them. `model_id` is `m-` and 32 hex digits."""

    experiment_id: str
    model_id: str
    name: str
    artifact_location: str
    creation_timestamp: int
    last_updated_timestamp: int
    model_type: str | None = None
    source_run_id: str | None = None
    status: LoggedModelStatus = LoggedModelStatus.PENDING
    status_message: str | None = None
    tags: dict[str, str] = {}
    params: dict[str, str] = {}
    metrics: tuple[Metric, ...] = ()

    @property
    def model_uri(self) -> str:
        """The URI that `load_model` takes."""
        return f"models:/{self.model_id}"

    def table_row(self) -> dict[str, Any]:
        """Return what a table of logged models shows."""
        return {
            "model": self.model_id,
            "name": self.name,
            "status": self.status.name,
            "run": (self.source_run_id or "")[:8],
            "created": timestamp(self.creation_timestamp),
        }

    def _repr_html_(self) -> str:
        facts = {
            **self.table_row(),
            "uri": self.model_uri,
            "type": self.model_type or "",
            "files": self.artifact_location,
            **linked("experiments", self.experiment_id, "models", self.model_id),
        }
        metrics = {metric.key: metric.value for metric in self.metrics}
        return card(
            self.name,
            f"logged model {self.model_id}",
            {"model": facts, "metrics": metrics, "parameters": self.params, "tags": self.tags},
        )


class FileInfo(Entity, frozen=True):
    """One entry of an artifact listing; `file_size` in bytes is None for a folder."""

    path: str
    is_dir: bool
    file_size: int | None = None
