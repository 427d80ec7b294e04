"""Experiments, runs and logged models, as MLflow has them."""

from __future__ import annotations

from siglum.server.handlers import bulk, experiments, logged_models, runs
from siglum.server.route import Route
from siglum.server.tables.rows import MANAGE, READ, WRITE, row
from siglum.tracking import browser_calls, calls

_E = "/mlflow/experiments"
_R = "/mlflow/runs"
_L = "/mlflow/logged-models"

ROUTES: tuple[Route, ...] = (
    # -- experiments
    row("POST", f"{_E}/create", calls.CreateExperiment, calls.ExperimentId, WRITE, experiments.create),
    row("GET", f"{_E}/get", calls.ExperimentId, calls.ExperimentAnswer, READ, experiments.get),
    row("GET", f"{_E}/get-by-name", calls.GetExperimentByName, calls.ExperimentAnswer, READ, experiments.get_by_name),
    row("POST", f"{_E}/search", calls.SearchExperiments, calls.ExperimentsAnswer, READ, experiments.search),
    row("GET", f"{_E}/search", calls.SearchExperiments, calls.ExperimentsAnswer, READ, experiments.search),
    row("POST", f"{_E}/update", calls.UpdateExperiment, calls.Empty, MANAGE, experiments.update),
    row("POST", f"{_E}/delete", calls.ExperimentId, calls.Empty, MANAGE, experiments.delete),
    row("POST", f"{_E}/restore", calls.ExperimentId, calls.Empty, MANAGE, experiments.restore),
    row("POST", f"{_E}/set-experiment-tag", calls.SetExperimentTag, calls.Empty, WRITE, experiments.set_tag),
    row("POST", f"{_E}/delete-experiment-tag", calls.DeleteExperimentTag, calls.Empty, WRITE, experiments.delete_tag),
    row(
        "POST",
        f"{_E}/search-datasets",
        browser_calls.SearchDatasets,
        browser_calls.DatasetSummariesAnswer,
        READ,
        bulk.search_datasets,
    ),
    # -- runs
    row("POST", f"{_R}/create", calls.CreateRun, calls.RunAnswer, WRITE, runs.create),
    row("GET", f"{_R}/get", calls.RunIdRequest, calls.RunAnswer, READ, runs.get),
    row("POST", f"{_R}/update", calls.UpdateRun, calls.RunInfoAnswer, WRITE, runs.update),
    row("POST", f"{_R}/delete", calls.RunIdRequest, calls.Empty, MANAGE, runs.delete),
    row("POST", f"{_R}/restore", calls.RunIdRequest, calls.Empty, MANAGE, runs.restore),
    row("POST", f"{_R}/search", calls.SearchRuns, calls.RunsAnswer, READ, runs.search),
    row("POST", f"{_R}/log-metric", calls.LogMetric, calls.Empty, WRITE, runs.log_metric, queue=runs.queue_metric),
    row("POST", f"{_R}/log-parameter", calls.LogParam, calls.Empty, WRITE, runs.log_param, queue=runs.queue_param),
    row("POST", f"{_R}/set-tag", calls.SetTag, calls.Empty, WRITE, runs.set_tag, queue=runs.queue_tag),
    row("POST", f"{_R}/delete-tag", calls.DeleteTag, calls.Empty, WRITE, runs.delete_tag),
    row("POST", f"{_R}/log-batch", calls.LogBatch, calls.Empty, WRITE, runs.log_batch, queue=runs.queue_batch),
    row("POST", f"{_R}/log-inputs", calls.LogInputs, calls.Empty, WRITE, runs.log_inputs),
    row("POST", f"{_R}/outputs", calls.LogOutputs, calls.Empty, WRITE, runs.log_outputs),
    row("GET", "/mlflow/metrics/get-history", calls.GetMetricHistory, calls.MetricsAnswer, READ, runs.metric_history),
    row(
        "GET",
        "/mlflow/metrics/get-history-bulk",
        browser_calls.GetMetricHistoryBulk,
        browser_calls.BulkMetricsAnswer,
        READ,
        bulk.history,
    ),
    row(
        "GET",
        "/mlflow/metrics/get-history-bulk-interval",
        browser_calls.GetMetricHistoryInterval,
        calls.MetricsAnswer,
        READ,
        bulk.history_interval,
    ),
    row("POST", f"{_R}/log-model", browser_calls.LogModel, calls.Empty, WRITE, runs.log_model),
    # -- logged models
    row("POST", _L, calls.CreateLoggedModel, calls.LoggedModelAnswer, WRITE, logged_models.create),
    row("POST", f"{_L}/search", calls.SearchLoggedModels, calls.LoggedModelsAnswer, READ, logged_models.search),
    row("GET", f"{_L}/{{model_id}}", calls.GetLoggedModel, calls.LoggedModelAnswer, READ, logged_models.get),
    row(
        "PATCH", f"{_L}/{{model_id}}", calls.FinalizeLoggedModel, calls.LoggedModelAnswer, WRITE, logged_models.finalize
    ),
    row("DELETE", f"{_L}/{{model_id}}", calls.LoggedModelRequest, calls.Empty, MANAGE, logged_models.delete),
    row("PATCH", f"{_L}/{{model_id}}/tags", calls.SetLoggedModelTags, calls.Empty, WRITE, logged_models.set_tags),
    row(
        "DELETE",
        f"{_L}/{{model_id}}/tags/{{tag_key:path}}",  # MLflow's client does not encode a slash in a key
        calls.DeleteLoggedModelTag,
        calls.Empty,
        WRITE,
        logged_models.delete_tag,
    ),
    row("POST", f"{_L}/{{model_id}}/params", calls.LogLoggedModelParams, calls.Empty, WRITE, logged_models.log_params),
)
