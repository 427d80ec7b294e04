"""The one table of routes. Every prefix, the dispatcher and the permission test are derived from it."""

from __future__ import annotations

from siglum.registry import import_wire, webhook_wire, wire
from siglum.server import columns, lineage_wire
from siglum.server.handlers import (
    artifacts,
    bulk,
    experiments,
    import_history,
    imports,
    lineage,
    live,
    logged_models,
    model_versions,
    own,
    registered_models,
    runs,
    series,
    server_level,
    transfers,
    webhooks,
)
from siglum.server.live.events import EVENT_STREAM
from siglum.server.route import Api, JsonHandler, Permission, QueueHandler, Route, StreamHandler
from siglum.tracking import browser_calls, calls, own_calls
from siglum.tracking.messages import Message

PUBLIC, READ, WRITE, MANAGE = Permission.PUBLIC, Permission.READ, Permission.WRITE, Permission.MANAGE


def _row(
    method: str,
    path: str,
    request: type[Message],
    response: type[Message],
    permission: Permission,
    handler: JsonHandler,
    api: Api = Api.V2,
    queue: QueueHandler | None = None,
) -> Route:
    return Route(
        method=method,
        path=path,
        request=request,
        response=response,
        permission=permission,
        handler=handler,
        queue=queue,
        api=api,
    )


def _stream(
    method: str,
    path: str,
    request: type[Message],
    permission: Permission,
    stream: StreamHandler,
    api: Api,
    *,
    media: tuple[str, ...] = (),
) -> Route:
    return Route(method=method, path=path, request=request, permission=permission, stream=stream, api=api, media=media)


_E, _R, _L = "/mlflow/experiments", "/mlflow/runs", "/mlflow/logged-models"
_M, _V, _A = "/mlflow/registered-models", "/mlflow/model-versions", "/mlflow-artifacts/artifacts"
_W = "/mlflow/webhooks"

ROUTES: tuple[Route, ...] = (
    # -- experiments
    _row("POST", f"{_E}/create", calls.CreateExperiment, calls.ExperimentId, WRITE, experiments.create),
    _row("GET", f"{_E}/get", calls.ExperimentId, calls.ExperimentAnswer, READ, experiments.get),
    _row("GET", f"{_E}/get-by-name", calls.GetExperimentByName, calls.ExperimentAnswer, READ, experiments.get_by_name),
    _row("POST", f"{_E}/search", calls.SearchExperiments, calls.ExperimentsAnswer, READ, experiments.search),
    _row("GET", f"{_E}/search", calls.SearchExperiments, calls.ExperimentsAnswer, READ, experiments.search),
    _row("POST", f"{_E}/update", calls.UpdateExperiment, calls.Empty, MANAGE, experiments.update),
    _row("POST", f"{_E}/delete", calls.ExperimentId, calls.Empty, MANAGE, experiments.delete),
    _row("POST", f"{_E}/restore", calls.ExperimentId, calls.Empty, MANAGE, experiments.restore),
    _row("POST", f"{_E}/set-experiment-tag", calls.SetExperimentTag, calls.Empty, WRITE, experiments.set_tag),
    _row("POST", f"{_E}/delete-experiment-tag", calls.DeleteExperimentTag, calls.Empty, WRITE, experiments.delete_tag),
    _row(
        "POST",
        f"{_E}/search-datasets",
        browser_calls.SearchDatasets,
        browser_calls.DatasetSummariesAnswer,
        READ,
        bulk.search_datasets,
    ),
    # -- runs
    _row("POST", f"{_R}/create", calls.CreateRun, calls.RunAnswer, WRITE, runs.create),
    _row("GET", f"{_R}/get", calls.RunIdRequest, calls.RunAnswer, READ, runs.get),
    _row("POST", f"{_R}/update", calls.UpdateRun, calls.RunInfoAnswer, WRITE, runs.update),
    _row("POST", f"{_R}/delete", calls.RunIdRequest, calls.Empty, MANAGE, runs.delete),
    _row("POST", f"{_R}/restore", calls.RunIdRequest, calls.Empty, MANAGE, runs.restore),
    _row("POST", f"{_R}/search", calls.SearchRuns, calls.RunsAnswer, READ, runs.search),
    _row("POST", f"{_R}/log-metric", calls.LogMetric, calls.Empty, WRITE, runs.log_metric, queue=runs.queue_metric),
    _row("POST", f"{_R}/log-parameter", calls.LogParam, calls.Empty, WRITE, runs.log_param, queue=runs.queue_param),
    _row("POST", f"{_R}/set-tag", calls.SetTag, calls.Empty, WRITE, runs.set_tag, queue=runs.queue_tag),
    _row("POST", f"{_R}/delete-tag", calls.DeleteTag, calls.Empty, WRITE, runs.delete_tag),
    _row("POST", f"{_R}/log-batch", calls.LogBatch, calls.Empty, WRITE, runs.log_batch, queue=runs.queue_batch),
    _row("POST", f"{_R}/log-inputs", calls.LogInputs, calls.Empty, WRITE, runs.log_inputs),
    _row("POST", f"{_R}/outputs", calls.LogOutputs, calls.Empty, WRITE, runs.log_outputs),
    _row("GET", "/mlflow/metrics/get-history", calls.GetMetricHistory, calls.MetricsAnswer, READ, runs.metric_history),
    _row(
        "GET",
        "/mlflow/metrics/get-history-bulk",
        browser_calls.GetMetricHistoryBulk,
        browser_calls.BulkMetricsAnswer,
        READ,
        bulk.history,
    ),
    _row(
        "GET",
        "/mlflow/metrics/get-history-bulk-interval",
        browser_calls.GetMetricHistoryInterval,
        calls.MetricsAnswer,
        READ,
        bulk.history_interval,
    ),
    _row("POST", f"{_R}/log-model", browser_calls.LogModel, calls.Empty, WRITE, runs.log_model),
    # -- logged models
    _row("POST", _L, calls.CreateLoggedModel, calls.LoggedModelAnswer, WRITE, logged_models.create),
    _row("POST", f"{_L}/search", calls.SearchLoggedModels, calls.LoggedModelsAnswer, READ, logged_models.search),
    _row("GET", f"{_L}/{{model_id}}", calls.GetLoggedModel, calls.LoggedModelAnswer, READ, logged_models.get),
    _row(
        "PATCH", f"{_L}/{{model_id}}", calls.FinalizeLoggedModel, calls.LoggedModelAnswer, WRITE, logged_models.finalize
    ),
    _row("DELETE", f"{_L}/{{model_id}}", calls.LoggedModelRequest, calls.Empty, MANAGE, logged_models.delete),
    _row("PATCH", f"{_L}/{{model_id}}/tags", calls.SetLoggedModelTags, calls.Empty, WRITE, logged_models.set_tags),
    _row(
        "DELETE",
        f"{_L}/{{model_id}}/tags/{{tag_key:path}}",  # MLflow's client does not encode a slash in a key
        calls.DeleteLoggedModelTag,
        calls.Empty,
        WRITE,
        logged_models.delete_tag,
    ),
    _row("POST", f"{_L}/{{model_id}}/params", calls.LogLoggedModelParams, calls.Empty, WRITE, logged_models.log_params),
    # -- files
    _row("GET", "/mlflow/artifacts/list", calls.ListArtifacts, calls.ArtifactsAnswer, READ, artifacts.list_run),
    _row(
        "GET",
        f"{_L}/{{model_id}}/artifacts/directories",
        calls.ListLoggedModelArtifacts,
        calls.ArtifactsAnswer,
        READ,
        artifacts.list_logged_model,
    ),
    _stream(
        "GET",
        f"{_L}/{{model_id}}/artifacts/files",
        calls.GetLoggedModelFile,
        READ,
        artifacts.get_logged_model_file,
        Api.BROWSER,
    ),
    _stream("GET", "/get-artifact", calls.GetRunArtifact, READ, artifacts.get_run_file, Api.ROOT),
    _stream("GET", "/model-versions/get-artifact", wire.GetVersionArtifact, READ, artifacts.get_version_file, Api.ROOT),
    _row("GET", _A, calls.ArtifactPath, calls.ArtifactsAnswer, READ, artifacts.list_folder),
    _stream("GET", f"{_A}/{{path:path}}", calls.ArtifactPath, READ, artifacts.get, Api.V2),
    _stream("PUT", f"{_A}/{{path:path}}", calls.ArtifactPath, WRITE, artifacts.put, Api.V2),
    _row("DELETE", f"{_A}/{{path:path}}", calls.ArtifactPath, calls.Empty, MANAGE, artifacts.delete),
    _stream("POST", "/mlflow/upload-artifact", browser_calls.UploadArtifact, WRITE, transfers.upload, Api.V2),
    _row(
        "POST",
        "/mlflow-artifacts/mpu/create/{artifact_path:path}",
        browser_calls.CreateParts,
        browser_calls.PartsAnswer,
        WRITE,
        transfers.create_parts,
    ),
    _row(
        "POST",
        "/mlflow-artifacts/mpu/complete/{artifact_path:path}",
        browser_calls.CompleteParts,
        calls.Empty,
        WRITE,
        transfers.complete_parts,
    ),
    _row(
        "POST",
        "/mlflow-artifacts/mpu/abort/{artifact_path:path}",
        browser_calls.AbortParts,
        calls.Empty,
        WRITE,
        transfers.abort_parts,
    ),
    _row(
        "GET",
        "/mlflow-artifacts/presigned/{path:path}",
        browser_calls.DownloadPath,
        browser_calls.DownloadAnswer,
        READ,
        transfers.download_url,
    ),
    _row(
        "POST",
        "/mlflow/artifacts/presigned-upload-url",
        browser_calls.PresignedUpload,
        browser_calls.PresignedAnswer,
        WRITE,
        transfers.presigned_upload,
    ),
    _row(
        "POST",
        "/mlflow/artifacts/presigned-download-url",
        browser_calls.PresignedDownload,
        browser_calls.PresignedAnswer,
        READ,
        transfers.presigned_download,
    ),
    # -- registered models
    _row(
        "POST", f"{_M}/create", wire.CreateRegisteredModel, wire.RegisteredModelAnswer, WRITE, registered_models.create
    ),
    _row("GET", f"{_M}/get", wire.RegisteredModelName, wire.RegisteredModelAnswer, READ, registered_models.get),
    _row(
        "PATCH", f"{_M}/update", wire.UpdateRegisteredModel, wire.RegisteredModelAnswer, WRITE, registered_models.update
    ),
    _row(
        "POST", f"{_M}/rename", wire.RenameRegisteredModel, wire.RegisteredModelAnswer, MANAGE, registered_models.rename
    ),
    _row("DELETE", f"{_M}/delete", wire.RegisteredModelName, calls.Empty, MANAGE, registered_models.delete),
    _row("GET", f"{_M}/search", wire.Search, wire.RegisteredModelsAnswer, READ, registered_models.search),
    *(
        _row(
            method,
            f"{_M}/get-latest-versions",
            wire.GetLatestVersions,
            wire.ModelVersionsAnswer,
            READ,
            registered_models.latest_versions,
        )
        for method in ("GET", "POST")
    ),
    _row("POST", f"{_M}/set-tag", wire.SetRegisteredModelTag, calls.Empty, WRITE, registered_models.set_tag),
    _row("DELETE", f"{_M}/delete-tag", wire.DeleteRegisteredModelTag, calls.Empty, WRITE, registered_models.delete_tag),
    _row("POST", f"{_M}/alias", wire.SetAlias, calls.Empty, MANAGE, registered_models.set_alias),
    _row("DELETE", f"{_M}/alias", wire.AliasName, calls.Empty, MANAGE, registered_models.delete_alias),
    _row("GET", f"{_M}/alias", wire.AliasName, wire.ModelVersionAnswer, READ, registered_models.get_by_alias),
    # -- model versions
    _row("POST", f"{_V}/create", wire.CreateModelVersion, wire.ModelVersionAnswer, WRITE, model_versions.create),
    _row("GET", f"{_V}/get", wire.VersionName, wire.ModelVersionAnswer, READ, model_versions.get),
    _row("PATCH", f"{_V}/update", wire.UpdateModelVersion, wire.ModelVersionAnswer, WRITE, model_versions.update),
    _row(
        "POST",
        f"{_V}/transition-stage",
        wire.TransitionStage,
        wire.ModelVersionAnswer,
        MANAGE,
        model_versions.transition_stage,
    ),
    _row("DELETE", f"{_V}/delete", wire.VersionName, calls.Empty, MANAGE, model_versions.delete),
    _row("GET", f"{_V}/search", wire.Search, wire.ModelVersionsAnswer, READ, model_versions.search),
    _row("GET", f"{_V}/get-download-uri", wire.VersionName, wire.DownloadUriAnswer, READ, model_versions.download_uri),
    _row("POST", f"{_V}/set-tag", wire.SetModelVersionTag, calls.Empty, WRITE, model_versions.set_tag),
    _row("DELETE", f"{_V}/delete-tag", wire.DeleteModelVersionTag, calls.Empty, WRITE, model_versions.delete_tag),
    # -- webhooks
    _row("POST", _W, webhook_wire.CreateWebhook, webhook_wire.WebhookAnswer, MANAGE, webhooks.create),
    _row("GET", _W, webhook_wire.ListWebhooks, webhook_wire.WebhooksAnswer, READ, webhooks.list_all),
    _row("GET", f"{_W}/{{webhook_id}}", webhook_wire.WebhookId, webhook_wire.WebhookAnswer, READ, webhooks.get),
    _row(
        "PATCH", f"{_W}/{{webhook_id}}", webhook_wire.UpdateWebhook, webhook_wire.WebhookAnswer, MANAGE, webhooks.update
    ),
    _row("DELETE", f"{_W}/{{webhook_id}}", webhook_wire.WebhookId, calls.Empty, MANAGE, webhooks.delete),
    _row(
        "POST",
        f"{_W}/{{webhook_id}}/test",
        webhook_wire.TestWebhook,
        webhook_wire.TestWebhookAnswer,
        MANAGE,
        webhooks.test,
    ),
    # -- Siglum's own
    _row("POST", "/runs/page", own_calls.RunPage, own_calls.RunPageAnswer, READ, own.run_page, Api.SIGLUM),
    _row(
        "GET",
        "/metrics/window",
        own_calls.MetricWindow,
        own_calls.MetricWindowAnswer,
        READ,
        own.metric_window,
        Api.SIGLUM,
    ),
    _stream(
        "GET",
        "/metrics/series",
        own_calls.MetricSeries,
        READ,
        series.metric_series,
        Api.SIGLUM,
        media=(columns.ARROW, columns.PACKED),
    ),
    _stream("GET", "/events", live.Listen, READ, live.events, Api.SIGLUM, media=(EVENT_STREAM,)),
    _row(
        "GET",
        "/lineage/version",
        lineage_wire.VersionReference,
        lineage_wire.TraceAnswer,
        READ,
        lineage.trace,
        Api.SIGLUM,
    ),
    _row(
        "GET",
        "/lineage/diff",
        lineage_wire.VersionPair,
        lineage_wire.VersionDiffAnswer,
        READ,
        lineage.diff,
        Api.SIGLUM,
    ),
    _row(
        "GET",
        "/data/versions",
        own_calls.DataVersions,
        own_calls.DataVersionsAnswer,
        READ,
        lineage.data_versions,
        Api.SIGLUM,
    ),
    _stream("GET", "/openapi.json", calls.Empty, PUBLIC, server_level.openapi, Api.SIGLUM),
    _row(
        "POST",
        "/registered-models/alias",
        wire.SetAlias,
        wire.AliasMoveAnswer,
        MANAGE,
        registered_models.move_alias,
        Api.SIGLUM,
    ),
    _row(
        "DELETE",
        "/registered-models/alias",
        wire.AliasName,
        wire.AliasMoveAnswer,
        MANAGE,
        registered_models.drop_alias,
        Api.SIGLUM,
    ),
    _row(
        "POST",
        "/registered-models/rollback",
        wire.Rollback,
        wire.AliasMoveAnswer,
        MANAGE,
        registered_models.rollback,
        Api.SIGLUM,
    ),
    _row("POST", "/runs/replace-parameters", calls.ReplaceParams, calls.Empty, WRITE, runs.replace_params, Api.SIGLUM),
    # -- filling the server from another store
    _row(
        "POST",
        "/import/experiment",
        import_wire.ImportExperiment,
        import_wire.ImportedExperiment,
        MANAGE,
        imports.add_experiment,
        Api.SIGLUM,
    ),
    _row("GET", "/import/run", calls.RunIdRequest, import_wire.RunPoints, READ, imports.run_points, Api.SIGLUM),
    _row(
        "POST",
        "/import/runs",
        import_wire.ImportRuns,
        import_wire.ImportedPoints,
        MANAGE,
        imports.add_runs,
        Api.SIGLUM,
    ),
    _row(
        "POST",
        "/import/points",
        import_wire.ImportPoints,
        import_wire.ImportedPoints,
        MANAGE,
        imports.add_points,
        Api.SIGLUM,
    ),
    _row(
        "POST",
        "/import/logged-model",
        import_wire.ImportLoggedModel,
        import_wire.ImportedLoggedModel,
        MANAGE,
        imports.add_logged_model,
        Api.SIGLUM,
    ),
    _row("POST", "/import/links", import_wire.ImportLinks, calls.Empty, MANAGE, imports.link_models, Api.SIGLUM),
    _row(
        "POST",
        "/import/models",
        import_wire.ImportModels,
        import_wire.ImportedModels,
        MANAGE,
        imports.add_models,
        Api.SIGLUM,
    ),
    _row(
        "POST",
        "/import/history",
        import_wire.ImportHistory,
        import_wire.ImportedHistory,
        MANAGE,
        import_history.add_history,
        Api.SIGLUM,
    ),
    _row(
        "POST",
        "/import/webhook",
        import_wire.ImportWebhook,
        import_wire.ImportedWebhook,
        MANAGE,
        import_history.add_webhook,
        Api.SIGLUM,
    ),
    # -- the audit log
    _row("GET", "/audit", wire.GetAudit, wire.AuditAnswer, READ, registered_models.audit, Api.SIGLUM),
    # -- the server itself
    _row(
        "GET",
        "/mlflow/server-info",
        calls.Empty,
        server_level.ServerInfo,
        PUBLIC,
        server_level.server_info,
        Api.V3,
    ),
    _stream("GET", "/health", calls.Empty, PUBLIC, server_level.health, Api.ROOT),
    _stream("GET", "/version", calls.Empty, PUBLIC, server_level.version, Api.ROOT),
    _stream("GET", "/metrics", calls.Empty, READ, server_level.metrics, Api.ROOT),
    _stream("GET", "/", calls.Empty, PUBLIC, server_level.page, Api.ROOT),
)
