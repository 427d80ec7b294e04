"""MLflow's REST requests and answers that its web interface sends, and older clients: bulk histories, data sets, files.

What they are made of, and the facts of the format, stand in `tracking.messages`.
"""

from __future__ import annotations

from siglum.tracking.calls import RunIdRequest
from siglum.tracking.messages import Int64, Message, MetricMessage


class GetMetricHistoryBulk(Message, kw_only=True):
    """GET metrics/get-history-bulk: `run_id` repeats."""

    run_id: list[str] = []
    metric_key: str | None = None
    max_results: Int64 | None = None


class BulkMetricsAnswer(Message, kw_only=True, omit_defaults=False):
    """Points of several runs, each with its run. An empty list is written."""

    metrics: list[MetricMessage] = []


class GetMetricHistoryInterval(Message, kw_only=True):
    """GET metrics/get-history-bulk-interval."""

    run_ids: list[str] = []
    metric_key: str
    start_step: Int64 | None = None
    end_step: Int64 | None = None
    max_results: Int64 | None = None


class SearchDatasets(Message, kw_only=True):
    """POST experiments/search-datasets."""

    experiment_ids: list[str] = []


class DatasetSummaryMessage(Message, kw_only=True):
    """A data set that runs of an experiment read, and what for."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


class DatasetSummariesAnswer(Message, kw_only=True):
    """Data sets of experiments."""

    dataset_summaries: list[DatasetSummaryMessage] = []


class UploadArtifact(Message, kw_only=True):
    """POST upload-artifact: the body is the file."""

    run_uuid: str = ""
    path: str = ""


class LogModel(RunIdRequest, kw_only=True):
    """POST runs/log-model, by which MLflow 2 says that a run made a model."""

    model_json: str


class CreateParts(Message, kw_only=True):
    """POST mpu/create/{artifact_path}: a folder in the address, and in `path` the file, as the client knows it."""

    artifact_path: str = ""
    path: str = ""
    num_parts: Int64 = 1


class PartMessage(Message, kw_only=True):
    """A part that was sent. `url` is where to, which is not looked at."""

    part_number: Int64 = 0
    etag: str | None = None
    url: str | None = None


class CompleteParts(Message, kw_only=True):
    """POST mpu/complete/{artifact_path}."""

    artifact_path: str = ""
    path: str = ""
    upload_id: str | None = None
    parts: list[PartMessage] = []


class AbortParts(Message, kw_only=True):
    """POST mpu/abort/{artifact_path}."""

    artifact_path: str = ""
    path: str = ""
    upload_id: str | None = None


class PartCredential(Message, kw_only=True, omit_defaults=False):
    """Where a client sends a part, and with which headers."""

    url: str
    part_number: int
    headers: dict[str, str] = {}


class PartsAnswer(Message, kw_only=True):
    """An upload in parts that has begun."""

    upload_id: str
    credentials: list[PartCredential]


class DownloadPath(Message, kw_only=True):
    """GET mlflow-artifacts/presigned/{path}."""

    path: str = ""


class DownloadAnswer(Message, kw_only=True, omit_defaults=False):
    """Where a client fetches a file, and how large it is."""

    url: str
    headers: dict[str, str] = {}
    file_size: int | None = None


class PresignedAnswer(Message, kw_only=True):
    """Where a client sends or fetches a file of a run or model."""

    presigned_url: str
    headers: dict[str, str] = {}
    file_size: Int64 | None = None


class PresignedUpload(Message, kw_only=True):
    """POST artifacts/presigned-upload-url: exactly one of `run_id` and `model_id`."""

    path: str
    run_id: str | None = None
    model_id: str | None = None
    expiration: Int64 | None = None


class PresignedDownload(RunIdRequest, kw_only=True):
    """POST artifacts/presigned-download-url."""

    path: str
    expiration: Int64 | None = None
