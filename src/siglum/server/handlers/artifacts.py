"""Files of runs and models: listed as JSON, streamed in and out. Paths go through the artifact store's own rules."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from urllib.parse import quote

from siglum.core.errors import NotFoundError, NotSupportedError
from siglum.registry.wire import GetVersionArtifact
from siglum.server.exchange import Exchange
from siglum.server.route import Call, Services
from siglum.server.sources import artifact_path_of
from siglum.storage.artifacts.base import ArtifactEntry
from siglum.storage.artifacts.paths import parse_artifact_path
from siglum.tracking import calls
from siglum.tracking.messages import FileMessage

# A browser must neither guess a type nor run what a user stored: it saves the file.
_DOWNLOAD_HEADERS = (
    (b"content-type", b"application/octet-stream"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
)


# -- the artifact service ------------------------------------------------------------------------------------------


def list_folder(services: Services, request: calls.ArtifactPath, _call: Call) -> calls.ArtifactsAnswer:
    """List a folder; entries have plain names. A folder that is not there is empty, as in MLflow."""
    entries = services.artifacts.list(_checked(request.path) if request.path else "")
    return calls.ArtifactsAnswer(files=[_message(entry, posixpath.basename(entry.path)) for entry in entries])


def list_with_hashes(services: Services, request: calls.ArtifactPath, _call: Call) -> calls.ArtifactsAnswer:
    """List a folder as `list_folder`, with the SHA-256 of each file that is known."""
    entries = services.artifacts.list(_checked(request.path) if request.path else "")
    files = [_message(entry, posixpath.basename(entry.path), entry.sha256) for entry in entries]
    return calls.ArtifactsAnswer(files=files)


def delete(services: Services, request: calls.ArtifactPath, _call: Call) -> calls.Empty:
    """Remove a file or folder."""
    services.artifacts.delete(_checked(request.path))
    return calls.Empty()


async def put(services: Services, request: calls.ArtifactPath, exchange: Exchange) -> None:
    """Store the body under a path. The answer's ETag is the SHA-256 of what was stored."""
    path = _checked(request.path)
    entry = await exchange.with_body(lambda body: services.artifacts.put(path, body))
    etag = ((b"etag", f'"{entry.sha256}"'.encode()),) if entry.sha256 else ()
    await exchange.respond(200, b"", etag)


async def get(services: Services, request: calls.ArtifactPath, exchange: Exchange) -> None:
    """Send a file."""
    await _send(services, _checked(request.path), exchange)


# -- files by run, logged model and version ------------------------------------------------------------------------


def list_run(services: Services, request: calls.ListArtifacts, _call: Call) -> calls.ArtifactsAnswer:
    """List a folder of a run; paths are relative to the run's root."""
    return _list_below(services, services.tracking.get_run(request.run).info.artifact_uri, request.path)


def list_logged_model(
    services: Services, request: calls.ListLoggedModelArtifacts, _call: Call
) -> calls.ArtifactsAnswer:
    """List a folder of a logged model; paths are relative to its root."""
    root = services.tracking.get_logged_model(request.model).artifact_location
    return _list_below(services, root, request.artifact_directory_path)


async def get_run_file(services: Services, request: calls.GetRunArtifact, exchange: Exchange) -> None:
    """Send a file of a run."""
    run_id = request.run
    root = await exchange.in_thread(lambda: services.tracking.get_run(run_id).info.artifact_uri)
    await _send(services, _below(root, request.path), exchange)


async def get_logged_model_file(services: Services, request: calls.GetLoggedModelFile, exchange: Exchange) -> None:
    """Send a file of a logged model."""
    model_id = request.model
    root = await exchange.in_thread(lambda: services.tracking.get_logged_model(model_id).artifact_location)
    await _send(services, _below(root, request.artifact_file_path), exchange)


async def get_version_file(services: Services, request: GetVersionArtifact, exchange: Exchange) -> None:
    """Send a file of a model version."""
    root = await exchange.in_thread(services.registry.get_download_uri, request.name, str(request.version))
    await _send(services, _below(root, request.path), exchange)


# -- parts ---------------------------------------------------------------------------------------------------------


def _list_below(services: Services, root_uri: str, path: str | None) -> calls.ArtifactsAnswer:
    root = _root(root_uri)
    folder = f"{root}/{_checked(path)}" if path else root
    entries: Sequence[ArtifactEntry] = services.artifacts.list(folder)
    return calls.ArtifactsAnswer(
        root_uri=root_uri, files=[_message(entry, entry.path.removeprefix(root + "/")) for entry in entries]
    )


def _below(root_uri: str, path: str) -> str:
    return f"{_root(root_uri)}/{_checked(path)}"


def _root(uri: str) -> str:
    path = artifact_path_of(uri)
    if path is None:
        raise NotSupportedError("These files are not kept by this server.", hint=f"They are at {uri}.")
    return path


def _checked(path: str) -> str:
    """Return a path that the client named, once the store's own rules have passed it."""
    return "/".join(parse_artifact_path(path))


def _message(entry: ArtifactEntry, path: str, sha256: str | None = None) -> FileMessage:
    return FileMessage(path=path, is_dir=entry.is_dir, file_size=entry.size, sha256=sha256)


async def _send(services: Services, path: str, exchange: Exchange) -> None:
    entry = await exchange.in_thread(services.artifacts.stat, path)
    if entry.is_dir:
        raise NotFoundError(f"No such artifact: '{path}' is a folder.")
    if entry.size is None:
        raise NotFoundError(f"No such artifact: '{path}'.")
    name = quote(posixpath.basename(path), safe="")
    disposition = (b"content-disposition", f"attachment; filename*=UTF-8''{name}".encode())
    await exchange.respond_file(
        services.artifacts.open(path), entry.size, (*_DOWNLOAD_HEADERS, disposition), etag=entry.sha256
    )
