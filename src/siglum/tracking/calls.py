"""MLflow's REST requests and answers for experiments, runs and logged models, one struct each.

What they are made of, and the facts of the format, stand in `tracking.messages`.
"""

from __future__ import annotations

from siglum.core.errors import InvalidInputError
from siglum.tracking.messages import (
    DatasetFilterMessage,
    DatasetInputMessage,
    ExperimentMessage,
    FileMessage,
    Int64,
    LoggedModelMessage,
    Message,
    MetricMessage,
    ModelInputMessage,
    ModelOutputMessage,
    Named,
    OrderByMessage,
    ParamMessage,
    RunInfoMessage,
    RunMessage,
    TagMessage,
)


class Empty(Message, kw_only=True):
    """A message without fields."""


# -- experiments ---------------------------------------------------------------------------------------------------


class CreateExperiment(Message, kw_only=True):
    """POST experiments/create."""

    name: str
    artifact_location: str | None = None
    tags: list[TagMessage] = []


class ExperimentId(Message, kw_only=True):
    """A message with an experiment's id, request or response."""

    experiment_id: str


class GetExperimentByName(Message, kw_only=True):
    """GET experiments/get-by-name."""

    experiment_name: str


class ExperimentAnswer(Message, kw_only=True):
    """One experiment."""

    experiment: ExperimentMessage


class SearchExperiments(Message, kw_only=True):
    """POST or GET experiments/search. Unlike in other searches, the number of results must be given."""

    max_results: Int64 | None = None
    page_token: str | None = None
    filter: str | None = None
    order_by: list[str] = []
    view_type: Named | None = None


class ExperimentsAnswer(Message, kw_only=True):
    """A page of experiments."""

    experiments: list[ExperimentMessage] = []
    next_page_token: str | None = None


class UpdateExperiment(Message, kw_only=True):
    """POST experiments/update."""

    experiment_id: str
    new_name: str


class SetExperimentTag(Message, kw_only=True):
    """POST experiments/set-experiment-tag."""

    experiment_id: str
    key: str
    value: str = ""


class DeleteExperimentTag(Message, kw_only=True):
    """POST experiments/delete-experiment-tag."""

    experiment_id: str
    key: str


# -- runs ----------------------------------------------------------------------------------------------------------


class RunIdRequest(Message, kw_only=True):
    """Base of requests that name a run by `run_id`, or by `run_uuid` as MLflow 1 did."""

    run_id: str | None = None
    run_uuid: str | None = None

    @property
    def run(self) -> str:
        """The run's id. Raises InvalidInputError when there is none."""
        found = self.run_id or self.run_uuid
        if not found:
            raise InvalidInputError("Missing value for required parameter 'run_id'.")
        return found


class CreateRun(Message, kw_only=True):
    """POST runs/create. `run_id` is Siglum's own: an id that the client chose, so that it may repeat the call."""

    experiment_id: str = ""
    """The default experiment's when empty. A default of "0" would be left out, and MLflow's server needs to be told."""
    user_id: str | None = None
    run_name: str | None = None
    start_time: Int64 | None = None
    tags: list[TagMessage] = []
    run_id: str | None = None


class UpdateRun(RunIdRequest, kw_only=True):
    """POST runs/update."""

    status: Named | None = None
    end_time: Int64 | None = None
    run_name: str | None = None


class RunAnswer(Message, kw_only=True):
    """One run."""

    run: RunMessage


class RunInfoAnswer(Message, kw_only=True):
    """What a run is, after a change."""

    run_info: RunInfoMessage


class SearchRuns(Message, kw_only=True):
    """POST runs/search."""

    experiment_ids: list[str] = []
    filter: str | None = None
    run_view_type: Named | None = None
    max_results: Int64 | None = None
    order_by: list[str] = []
    page_token: str | None = None


class RunsAnswer(Message, kw_only=True):
    """A page of runs."""

    runs: list[RunMessage] = []
    next_page_token: str | None = None


class LogMetric(RunIdRequest, kw_only=True):
    """POST runs/log-metric."""

    key: str
    value: float
    timestamp: Int64
    step: Int64 = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class LogParam(RunIdRequest, kw_only=True):
    """POST runs/log-parameter."""

    key: str
    value: str = ""


class SetTag(RunIdRequest, kw_only=True):
    """POST runs/set-tag."""

    key: str
    value: str = ""


class DeleteTag(RunIdRequest, kw_only=True):
    """POST runs/delete-tag."""

    key: str


class LogBatch(RunIdRequest, kw_only=True):
    """POST runs/log-batch. `idempotency_key` is Siglum's own: the same batch with the same key is stored once."""

    metrics: list[MetricMessage] = []
    params: list[ParamMessage] = []
    tags: list[TagMessage] = []
    idempotency_key: str | None = None


class ReplaceParams(RunIdRequest, kw_only=True):
    """POST runs/replace-parameters, which only Siglum has."""

    params: list[ParamMessage] = []


class GetMetricHistory(RunIdRequest, kw_only=True):
    """GET metrics/get-history."""

    metric_key: str
    max_results: Int64 | None = None
    page_token: str | None = None


class MetricsAnswer(Message, kw_only=True):
    """A page of points."""

    metrics: list[MetricMessage] = []
    next_page_token: str | None = None


class LogInputs(RunIdRequest, kw_only=True):
    """POST runs/log-inputs."""

    datasets: list[DatasetInputMessage] = []
    models: list[ModelInputMessage] = []


class LogOutputs(RunIdRequest, kw_only=True):
    """POST runs/outputs."""

    models: list[ModelOutputMessage] = []


class ListArtifacts(RunIdRequest, kw_only=True):
    """GET artifacts/list."""

    path: str | None = None
    page_token: str | None = None


class GetRunArtifact(RunIdRequest, kw_only=True):
    """GET /get-artifact."""

    path: str


class ArtifactPath(Message, kw_only=True):
    """A file or folder of the artifact service: by the request's path, or by the parameter `path` when listing."""

    path: str = ""


class ArtifactsAnswer(Message, kw_only=True):
    """A folder of artifacts; paths are relative to `root_uri`, or plain names where there is none."""

    root_uri: str | None = None
    files: list[FileMessage] = []
    next_page_token: str | None = None


# -- logged models -------------------------------------------------------------------------------------------------


class CreateLoggedModel(Message, kw_only=True):
    """POST logged-models."""

    experiment_id: str
    name: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    params: list[ParamMessage] = []
    tags: list[TagMessage] = []


class LoggedModelRequest(Message, kw_only=True):
    """Base of requests whose path names the logged model; the body may repeat its id."""

    model_id: str | None = None

    @property
    def model(self) -> str:
        """The logged model's id. Raises InvalidInputError when there is none."""
        if not self.model_id:
            raise InvalidInputError("Missing value for required parameter 'model_id'.")
        return self.model_id


class GetLoggedModel(LoggedModelRequest, kw_only=True):
    """GET logged-models/{model_id}."""

    allow_deleted: bool = False


class FinalizeLoggedModel(LoggedModelRequest, kw_only=True):
    """PATCH logged-models/{model_id}."""

    status: Named


class SetLoggedModelTags(LoggedModelRequest, kw_only=True):
    """PATCH logged-models/{model_id}/tags."""

    tags: list[TagMessage] = []


class LogLoggedModelParams(LoggedModelRequest, kw_only=True):
    """POST logged-models/{model_id}/params."""

    params: list[ParamMessage] = []


class DeleteLoggedModelTag(LoggedModelRequest, kw_only=True):
    """DELETE logged-models/{model_id}/tags/{tag_key}; both come from the path."""

    tag_key: str = ""


class ListLoggedModelArtifacts(LoggedModelRequest, kw_only=True):
    """GET logged-models/{model_id}/artifacts/directories."""

    artifact_directory_path: str | None = None
    page_token: str | None = None


class GetLoggedModelFile(LoggedModelRequest, kw_only=True):
    """GET logged-models/{model_id}/artifacts/files."""

    artifact_file_path: str


class LoggedModelAnswer(Message, kw_only=True):
    """One logged model."""

    model: LoggedModelMessage


class SearchLoggedModels(Message, kw_only=True):
    """POST logged-models/search."""

    experiment_ids: list[str] = []
    filter: str | None = None
    datasets: list[DatasetFilterMessage] = []
    max_results: Int64 | None = None
    order_by: list[OrderByMessage] = []
    page_token: str | None = None


class LoggedModelsAnswer(Message, kw_only=True):
    """A page of logged models."""

    models: list[LoggedModelMessage] = []
    next_page_token: str | None = None
