"""Ways for a file around the server's own upload and download: a form's upload, parts, presigned URLs.

Artifacts are in a folder of the server, which can neither take parts nor sign URLs: what asks for those is answered
with 501, as MLflow's server answers with a folder behind it. Clients then send the file whole.
"""

from __future__ import annotations

import io

from siglum.core import limits
from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.server.exchange import Exchange
from siglum.server.route import Call, Services
from siglum.server.sources import artifact_path_of
from siglum.storage.artifacts.paths import parse_artifact_path
from siglum.tracking import browser_calls
from siglum.tracking.calls import Empty


async def upload(services: Services, request: browser_calls.UploadArtifact, exchange: Exchange) -> None:
    """Store the body, which must not be empty or large, as a file of a run."""
    for name, value in (("run_uuid", request.run_uuid), ("path", request.path)):
        if not value:
            raise InvalidInputError(f"Request must specify {name}.")
    path = "/".join(parse_artifact_path(request.path))
    root = await exchange.in_thread(lambda: services.tracking.get_run(request.run_uuid).info.artifact_uri)
    folder = artifact_path_of(root)
    if folder is None:
        raise NotSupportedError("These files are not kept by this server.", hint=f"They are at {root}.")
    body = await exchange.read_body(limits.UPLOAD)
    if not body:
        raise InvalidInputError("Request must specify data.")
    await exchange.in_thread(services.artifacts.put, f"{folder}/{path}", io.BytesIO(body))
    await exchange.respond(200, b"")


def multipart_upload(_services: Services, request: browser_calls.MultipartPath, _call: Call) -> Empty:
    """Refuse an upload in parts."""
    parse_artifact_path(request.path)
    raise NotSupportedError("Multipart upload is not supported for the current artifact repository")


def multipart_download(_services: Services, request: browser_calls.MultipartPath, _call: Call) -> Empty:
    """Refuse a URL for a download around the server."""
    parse_artifact_path(request.path)
    raise NotSupportedError("Multipart download is not supported for the current artifact repository")


def presigned_upload(services: Services, request: browser_calls.PresignedUpload, _call: Call) -> Empty:
    """Refuse a URL for an upload around the server."""
    parse_artifact_path(request.path)
    if bool(request.run_id) == bool(request.model_id):
        raise InvalidInputError("Exactly one of run_id and model_id must be provided.")
    _check_expiration(request.expiration)
    if request.run_id:
        root = services.tracking.get_run(request.run_id).info.artifact_uri
    else:
        root = services.tracking.get_logged_model(request.model_id or "").artifact_location
    raise _no_presigned("upload", root)


def presigned_download(services: Services, request: browser_calls.PresignedDownload, _call: Call) -> Empty:
    """Refuse a URL for a download around the server."""
    parse_artifact_path(request.path)
    _check_expiration(request.expiration)
    raise _no_presigned("download", services.tracking.get_run(request.run).info.artifact_uri)


def _check_expiration(seconds: int | None) -> None:
    if seconds is not None and not 1 <= seconds <= limits.PRESIGNED_SECONDS:
        raise InvalidInputError(f"expiration must be between 1 and {limits.PRESIGNED_SECONDS} seconds (got {seconds}).")


def _no_presigned(what: str, root: str) -> InvalidInputError | NotSupportedError:
    """Return MLflow's error: the value is wrong where the server has the files, the server unable where it has not."""
    if artifact_path_of(root) is not None:
        return InvalidInputError(f"Presigned {what} is not supported for artifacts that this server keeps itself.")
    return NotSupportedError(f"Presigned {what} is not supported: this server has no access to {root}.")
