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


class MultipartPath(Message, kw_only=True):
    """POST mpu/create, mpu/complete, mpu/abort, GET presigned: all start from the path of the file."""

    path: str = ""


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
