"""Open what a server serves: database, files, webhooks; and close it in the end."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

import msgspec

from siglum.client.databases import prepare_location
from siglum.client.tracking_uri import (
    DatabaseLocation,
    PostgresLocation,
    ServerLocation,
    default_tracking_uri,
    parse_tracking_uri,
)
from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.registry.sql.imports import SqlImports
from siglum.registry.sql.store import SqlRegistryStore
from siglum.registry.sql.webhooks import SqlWebhookStore
from siglum.registry.webhook_secrets import SecretBox
from siglum.server.app import ServerConfig
from siglum.server.artifact_stores import check_artifacts, open_served_artifacts
from siglum.storage.artifacts.base import ArtifactLayout
from siglum.tracking.sql.database import Database, open_database
from siglum.tracking.sql.store import SqlTrackingStore

_log = logging.getLogger("siglum.server")


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which stores to serve, as the administrator says it.

    Args:
        backend_uri: The database; None for the embedded store of the project around the current folder.
        artifact_root: The folder or URI of the artifacts; None for the folder beside the database, or in the project's
            `.siglum` where that is PostgreSQL.
        layout: How new artifacts are kept.
        presigned: Whether clients may fetch and send files straight from and to an object store.
    """

    backend_uri: str | None = None
    artifact_root: str | None = None
    layout: ArtifactLayout = ArtifactLayout.CONTENT
    presigned: bool = True


@contextlib.contextmanager
def open_served_stores(
    options: StoreOptions, cwd: str, *, allowed_hosts: tuple[str, ...] = (), webhook_hosts: tuple[str, ...] = ()
) -> Iterator[ServerConfig]:
    """Open the stores; in the end they are closed.

    Raises InvalidInputError or NotSupportedError for what cannot be served, and UnavailableError, UnauthenticatedError
    or PermissionDeniedError for what does not work now.
    """
    # The environment's tracking URI is where clients connect to, often this very server: it is not asked.
    location = parse_tracking_uri(options.backend_uri or default_tracking_uri({}, cwd), cwd)
    if isinstance(location, ServerLocation):
        raise InvalidInputError(
            f"{options.backend_uri!r} is a server, not a database.",
            hint="Use sqlite:///path/to/file.db or postgresql://user@host/name.",
        )
    root = location.artifact_root if options.artifact_root is None else options.artifact_root
    check_artifacts(root, cwd)  # before anything is made
    prepare_location(location)
    with contextlib.closing(open_database(location.uri)) as database:
        webhooks = _open_webhooks(location, database)
        with open_served_artifacts(
            root, cwd, database, options.layout, usual=location.artifact_root, presigned=options.presigned
        ) as artifacts:
            yield ServerConfig(
                tracking=SqlTrackingStore(database),
                registry=SqlRegistryStore(database),
                artifacts=artifacts.store,
                direct=artifacts.direct,
                webhooks=webhooks,
                imports=SqlImports(database),
                webhook_hosts=webhook_hosts,
                allowed_hosts=allowed_hosts,
                tracking_uri=location.shown,
            )


def _open_webhooks(location: DatabaseLocation | PostgresLocation, database: Database) -> SqlWebhookStore:
    """Open the webhooks, and encrypt the secrets that an earlier version has stored in the clear."""
    if isinstance(location, DatabaseLocation):
        key_file = f"{location.path}.webhook-key"
    else:
        key_file = os.path.join(os.path.dirname(location.artifact_root), "webhook-key")
    secrets = SecretBox(key_file, os.environ)
    secrets.check()
    webhooks = SqlWebhookStore(database, secrets)
    try:
        webhooks.seal_secrets()
    except NotSupportedError as error:
        _log.warning("Secrets of webhooks are in the database in the clear. %s", error.hint)
    return webhooks
