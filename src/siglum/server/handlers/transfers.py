"""Ways for a file around the server's own upload and download: a form's upload, parts, presigned URLs.

An object store takes parts and signed requests from clients. A folder of the server does neither: what asks for that is
answered with 501, as MLflow's server answers with a folder behind it. Clients then send the file whole.
"""

from __future__ import annotations

import io
import re

from siglum.core import limits
from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.server.exchange import Exchange
from siglum.server.route import Call, Services
from siglum.server.sources import artifact_path_of
from siglum.storage.artifacts.base import DirectTransfers, SentPart
from siglum.storage.artifacts.paths import parse_artifact_path
from siglum.tracking import browser_calls
from siglum.tracking.calls import Empty

UPLOAD_SECONDS = 900
DOWNLOAD_SECONDS = 900
"""How long a signed URL is good that says nothing of it: a client asks for it just before it needs it."""
_SEPARATORS = re.compile(r"[/\\]")


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


def create_parts(services: Services, request: browser_calls.CreateParts, _call: Call) -> browser_calls.PartsAnswer:
    """Begin an upload in parts."""
    path = _file_path(request.artifact_path, request.path)
    begun = _parts(services).begin_parts(path, request.num_parts)
    return browser_calls.PartsAnswer(
        upload_id=begun.upload_id,
        credentials=[
            browser_calls.PartCredential(url=part.url, part_number=number, headers=part.headers)
            for number, part in enumerate(begun.parts, 1)
        ],
    )


def complete_parts(services: Services, request: browser_calls.CompleteParts, _call: Call) -> Empty:
    """Make a file of its parts."""
    path = _file_path(request.artifact_path, request.path)
    parts = [SentPart(part.part_number, part.etag or "") for part in request.parts]
    _parts(services).complete_parts(path, request.upload_id or "", parts)
    return Empty()


def abort_parts(services: Services, request: browser_calls.AbortParts, _call: Call) -> Empty:
    """Drop the parts of an upload."""
    path = _file_path(request.artifact_path, request.path)
    _parts(services).abort_parts(path, request.upload_id or "")
    return Empty()


def download_url(services: Services, request: browser_calls.DownloadPath, _call: Call) -> browser_calls.DownloadAnswer:
    """Return a URL that fetches a file from the object store itself."""
    path = "/".join(parse_artifact_path(request.path))
    if services.direct is None:
        raise NotSupportedError("Multipart download is not supported for the current artifact repository")
    found = services.direct.download(path, DOWNLOAD_SECONDS)
    return browser_calls.DownloadAnswer(url=found.url, headers=found.headers, file_size=found.size)


def presigned_upload(
    services: Services, request: browser_calls.PresignedUpload, _call: Call
) -> browser_calls.PresignedAnswer:
    """Return a URL that stores a file of a run or model in the object store itself."""
    path = "/".join(parse_artifact_path(request.path))
    if bool(request.run_id) == bool(request.model_id):
        raise InvalidInputError("Exactly one of run_id and model_id must be provided.")
    _check_expiration(request.expiration)
    if request.run_id:
        root = services.tracking.get_run(request.run_id).info.artifact_uri
    else:
        root = services.tracking.get_logged_model(request.model_id or "").artifact_location
    direct, folder = _direct(services, "upload", root)
    made = direct.upload(f"{folder}/{path}", request.expiration or UPLOAD_SECONDS)
    return browser_calls.PresignedAnswer(presigned_url=made.url, headers=made.headers)


def presigned_download(
    services: Services, request: browser_calls.PresignedDownload, _call: Call
) -> browser_calls.PresignedAnswer:
    """Return a URL that fetches a file of a run from the object store itself."""
    path = "/".join(parse_artifact_path(request.path))
    _check_expiration(request.expiration)
    root = services.tracking.get_run(request.run).info.artifact_uri
    direct, folder = _direct(services, "download", root)
    made = direct.download(f"{folder}/{path}", request.expiration or DOWNLOAD_SECONDS)
    return browser_calls.PresignedAnswer(presigned_url=made.url, headers=made.headers, file_size=made.size)


def _file_path(folder: str, client_path: str) -> str:
    """Return the path of an artifact: the folder, and the name that the client's own file has on the client's disk."""
    parse_artifact_path(folder)
    name = _SEPARATORS.split(client_path)[-1]
    return "/".join(parse_artifact_path(f"{folder}/{name}"))


def _parts(services: Services) -> DirectTransfers:
    if services.direct is None:
        raise NotSupportedError("Multipart upload is not supported for the current artifact repository")
    return services.direct


def _check_expiration(seconds: int | None) -> None:
    if seconds is not None and not 1 <= seconds <= limits.PRESIGNED_SECONDS:
        raise InvalidInputError(f"expiration must be between 1 and {limits.PRESIGNED_SECONDS} seconds (got {seconds}).")


def _direct(services: Services, what: str, root: str) -> tuple[DirectTransfers, str]:
    """Return how to get at files of a run or model around the server, and the path of their folder.

    The errors are MLflow's: the value is wrong where the server has the files, the server unable where it has not.
    """
    folder = artifact_path_of(root)
    if folder is None:
        raise NotSupportedError(f"Presigned {what} is not supported: this server has no access to {root}.")
    if services.direct is None:
        raise InvalidInputError(f"Presigned {what} is not supported for artifacts that this server keeps itself.")
    return services.direct, folder
