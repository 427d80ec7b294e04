"""Files of runs and models."""

from __future__ import annotations

from siglum.registry import wire
from siglum.server.handlers import artifacts, transfers
from siglum.server.route import Api, Route
from siglum.server.tables.rows import MANAGE, READ, WRITE, row, stream
from siglum.tracking import browser_calls, calls

_L = "/mlflow/logged-models"
_A = "/mlflow-artifacts/artifacts"

ROUTES: tuple[Route, ...] = (
    # -- files
    row("GET", "/mlflow/artifacts/list", calls.ListArtifacts, calls.ArtifactsAnswer, READ, artifacts.list_run),
    row(
        "GET",
        f"{_L}/{{model_id}}/artifacts/directories",
        calls.ListLoggedModelArtifacts,
        calls.ArtifactsAnswer,
        READ,
        artifacts.list_logged_model,
    ),
    stream(
        "GET",
        f"{_L}/{{model_id}}/artifacts/files",
        calls.GetLoggedModelFile,
        READ,
        artifacts.get_logged_model_file,
        Api.BROWSER,
    ),
    stream("GET", "/get-artifact", calls.GetRunArtifact, READ, artifacts.get_run_file, Api.ROOT),
    stream("GET", "/model-versions/get-artifact", wire.GetVersionArtifact, READ, artifacts.get_version_file, Api.ROOT),
    row("GET", _A, calls.ArtifactPath, calls.ArtifactsAnswer, READ, artifacts.list_folder),
    stream("GET", f"{_A}/{{path:path}}", calls.ArtifactPath, READ, artifacts.get, Api.V2),
    stream("PUT", f"{_A}/{{path:path}}", calls.ArtifactPath, WRITE, artifacts.put, Api.V2),
    row("DELETE", f"{_A}/{{path:path}}", calls.ArtifactPath, calls.Empty, MANAGE, artifacts.delete),
    stream("POST", "/mlflow/upload-artifact", browser_calls.UploadArtifact, WRITE, transfers.upload, Api.V2),
    row(
        "POST",
        "/mlflow-artifacts/mpu/create/{artifact_path:path}",
        browser_calls.CreateParts,
        browser_calls.PartsAnswer,
        WRITE,
        transfers.create_parts,
    ),
    row(
        "POST",
        "/mlflow-artifacts/mpu/complete/{artifact_path:path}",
        browser_calls.CompleteParts,
        calls.Empty,
        WRITE,
        transfers.complete_parts,
    ),
    row(
        "POST",
        "/mlflow-artifacts/mpu/abort/{artifact_path:path}",
        browser_calls.AbortParts,
        calls.Empty,
        WRITE,
        transfers.abort_parts,
    ),
    row(
        "GET",
        "/mlflow-artifacts/presigned/{path:path}",
        browser_calls.DownloadPath,
        browser_calls.DownloadAnswer,
        READ,
        transfers.download_url,
    ),
    row(
        "POST",
        "/mlflow/artifacts/presigned-upload-url",
        browser_calls.PresignedUpload,
        browser_calls.PresignedAnswer,
        WRITE,
        transfers.presigned_upload,
    ),
    row(
        "POST",
        "/mlflow/artifacts/presigned-download-url",
        browser_calls.PresignedDownload,
        browser_calls.PresignedAnswer,
        READ,
        transfers.presigned_download,
    ),
)
