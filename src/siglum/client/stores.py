"""What a tracking URI opens: the tracking store, the registry and the files of runs and models behind it.

The one place that chooses implementations: a database in this process, or a server over HTTP.
"""

from __future__ import annotations

import contextlib
import os
import re
import urllib.parse

from siglum.client.artifact_folder import ArtifactFolder
from siglum.client.artifact_places import is_in_object_store
from siglum.client.opened import Closable, Opened
from siglum.client.tracking_uri import (
    DatabaseLocation,
    Location,
    PostgresLocation,
    ServerLocation,
    default_tracking_uri,
    environment_value,
    parse_tracking_uri,
)
from siglum.core.errors import InvalidInputError, NotFoundError, NotSupportedError
from siglum.lineage.isolation import ISOLATION_VARIABLE
from siglum.registry.store import RegistryStore
from siglum.storage.artifacts.base import ArtifactStore
from siglum.storage.artifacts.folder_writes import FolderArtifactStore
from siglum.tracking.store import TrackingStore

PROXY_SCHEME = "mlflow-artifacts"
_PROXY_PATH = re.compile(r"(?P<base>https?://.+?)/(ajax-)?api/2\.0/mlflow-artifacts/artifacts(?P<path>/.*)?\Z")


class Stores:
    """The stores behind one tracking URI (and registry URI, where it differs). May be used from any thread."""

    def __init__(
        self,
        uri: str,
        tracking: TrackingStore,
        registry: RegistryStore,
        proxied: ArtifactStore,
        closing: tuple[Closable, ...] = (),
    ) -> None:
        self.uri = uri
        self.tracking = tracking
        self.registry = registry
        self.proxied = proxied
        self._closing = closing
        self._buckets: dict[str, ArtifactStore] = {}

    def artifacts_for(self, artifact_uri: str) -> ArtifactFolder:
        """Return the files at an artifact URI of a run, experiment or logged model; nothing is looked up yet.

        Raises:
            NotSupportedError: Files that are kept where this version cannot reach them (hdfs:, …).
            UnauthenticatedError: Files in an object store, for which this machine has no credentials.
        """
        parts = urllib.parse.urlsplit(artifact_uri)
        if parts.scheme == PROXY_SCHEME:
            path = urllib.parse.unquote(parts.path).strip("/")
            store = self.proxied if not parts.netloc else self._remote(f"{self._http_scheme()}://{parts.netloc}")
            return ArtifactFolder(store, path, artifact_uri)
        if parts.scheme in ("http", "https"):
            match = _PROXY_PATH.match(artifact_uri)
            if match is None:
                raise NotSupportedError(f"{artifact_uri!r} is not the address of a tracking server's artifacts.")
            path = urllib.parse.unquote(match["path"] or "").strip("/")
            return ArtifactFolder(self._remote(match["base"]), path, artifact_uri)
        if parts.scheme in ("", "file"):
            local = urllib.parse.unquote(parts.path) if parts.scheme else artifact_uri
            if not os.path.isabs(local):
                raise InvalidInputError(f"The artifact location {artifact_uri!r} is not an absolute path.")
            return ArtifactFolder(FolderArtifactStore(local), "", artifact_uri)
        if is_in_object_store(artifact_uri):
            place = f"{parts.scheme}://{parts.netloc}"
            return ArtifactFolder(self._in_object_store(place), parts.path.strip("/"), artifact_uri)
        raise NotSupportedError(
            f"The artifacts at {artifact_uri!r} cannot be reached: this version has no access to {parts.scheme}:.",
            hint="Let the tracking server keep them (mlflow-artifacts:), or use a folder, s3:, gs: or azure:.",
        )

    def files_of_run(self, run_id: str) -> ArtifactFolder:
        """Return the files of a run. Raises NotFoundError."""
        return self.artifacts_for(self.tracking.get_run(run_id).info.artifact_uri)

    def close(self) -> None:
        """Close every store. Repeating it changes nothing."""
        with contextlib.ExitStack() as stack:  # one that fails to close does not keep the others open
            for each in reversed(self._closing):
                stack.callback(each.close)
            stack.callback(self.registry.close)
            stack.callback(self.tracking.close)

    def _in_object_store(self, place: str) -> ArtifactStore:
        """Return the whole of a bucket, by the credentials of this machine, as MLflow's clients reach it."""
        if place not in self._buckets:
            # Needs an optional extra.
            from siglum.storage.artifacts.object_remote import open_artifact_remote
            from siglum.storage.artifacts.objects import ObjectArtifactStore

            self._buckets[place] = ObjectArtifactStore(open_artifact_remote(place, os.environ))
        return self._buckets[place]

    def _http_scheme(self) -> str:
        return "https" if self.uri.startswith("https:") else "http"

    def _remote(self, url: str) -> ArtifactStore:
        # Only where files are at a server.
        from siglum.client.servers import artifacts_at

        return artifacts_at(url, self.uri)


def open_stores(
    uri: str | None = None,
    cwd: str | None = None,
    *,
    registry_uri: str | None = None,
    create: bool = True,
    late: bool = False,
) -> Stores:
    """Open what a tracking URI names; None means the environment, else the project's embedded store.

    A database that is not there, or an empty one on a server, is created; the embedded one also without `create`. A
    server is not called yet. While a version is being rebuilt (`ISOLATION_VARIABLE` is set), only the scratch store is
    opened, whatever is asked for.

    Args:
        uri: `http(s)://…`, `sqlite:///…` or `postgresql://…`.
        cwd: What relative paths and the embedded store are found from; the current folder when None.
        registry_uri: Where models are registered; the tracking URI when None and none is in the environment.
        create: Whether a database that was named may be created: not by who only looks, for whom it is a typo.
        late: Whether a database on a server may be away: then what is asked of it is what raises UnavailableError.

    Raises:
        NotFoundError: A named database is not there, without `create`.
        InvalidInputError: A scheme that there is not.
        NotSupportedError: A file store or another kind of database, or its driver is not installed.
    """
    cwd = os.getcwd() if cwd is None else cwd
    if isolated := os.environ.get(ISOLATION_VARIABLE):
        uri = registry_uri = isolated
    if registry_uri is None and uri is None:
        registry_uri = environment_value(os.environ, "REGISTRY_URI")
    location = parse_tracking_uri(uri or default_tracking_uri(os.environ, cwd), cwd)
    elsewhere = parse_tracking_uri(registry_uri, cwd) if registry_uri else location
    if not create:
        _check_is_there(location, parse_tracking_uri(default_tracking_uri({}, cwd), cwd))
    opened = _open(location, create=create, late=late)
    if elsewhere == location:
        return stores_of(location.uri, opened)
    other = _open(elsewhere, create=create, late=late)
    closing: tuple[Closable, ...] = (opened.registry, other.tracking, *opened.closing, *other.closing)
    return Stores(location.uri, opened.tracking, other.registry, opened.proxied, closing)


def _open(location: Location, *, create: bool, late: bool) -> Opened:
    # A training script speaks to a server or to a database, and need not wait until the other is imported.
    if isinstance(location, ServerLocation):
        from siglum.client.servers import open_server

        return open_server(location.url)
    from siglum.client.databases import open_late, open_location

    if late and isinstance(location, PostgresLocation):
        return open_late(location)
    return open_location(location, create=create)


def open_for_sending(uri: str, cwd: str, *, create: bool = False) -> Stores:
    """Open a store to send a spool to, even offline: a server, each call to which is made once, or a database."""
    location = parse_tracking_uri(uri, cwd)
    if not isinstance(location, ServerLocation):
        return open_stores(uri, cwd, registry_uri=uri, create=create)
    # Only where it is needed, as above.
    from siglum.client.servers import open_server_for_sending

    return stores_of(location.uri, open_server_for_sending(location.url))


def stores_of(uri: str, opened: Opened) -> Stores:
    """Return the stores that one location has opened."""
    return Stores(uri, opened.tracking, opened.registry, opened.proxied, opened.closing)


def _check_is_there(location: Location, embedded: Location) -> None:
    if isinstance(location, DatabaseLocation) and location != embedded and not os.path.exists(location.path):
        raise NotFoundError(
            f"There is no database {location.path}.",
            hint="Check the tracking URI: sqlite:///relative/path.db or sqlite:////absolute/path.db.",
        )
