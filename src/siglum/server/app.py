"""Put the stores, the table of routes and the guard together into an ASGI application."""

from __future__ import annotations

import functools

import msgspec

from siglum.registry.sql.imports import SqlImports
from siglum.registry.store import RegistryStore
from siglum.registry.webhooks import WebhookStore
from siglum.server.dispatch import Dispatcher
from siglum.server.guard import Guard
from siglum.server.live.hub import Hub
from siglum.server.openapi import describe
from siglum.server.route import Relay, Services
from siglum.server.routes import ROUTES
from siglum.server.statistics import RequestStatistics
from siglum.server.webhooks.sender import WebhookSender
from siglum.server.webhooks.targets import TargetRules
from siglum.storage.artifacts.base import ArtifactStore, DirectTransfers
from siglum.storage.artifacts.replacing import ArtifactWrites
from siglum.tracking.sql.artifact_writes import SqlArtifactWrites
from siglum.tracking.sql.postgres_uri import is_postgres_uri
from siglum.tracking.sql.store import SqlTrackingStore
from siglum.tracking.store import ServedTrackingStore

MAX_JSON = 64 * 1024 * 1024
"""The largest JSON body in bytes. The schema of a data set may be 1 MiB and its profile 16 MiB."""


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a server serves, and to whom. Who made the stores closes them, after the server has stopped.

    `tracking_uri` is for the person who started the server; no client sees it. `webhook_hosts` are those that webhooks
    may go to whatever their address is.
    """

    tracking: ServedTrackingStore
    registry: RegistryStore
    artifacts: ArtifactStore
    webhooks: WebhookStore
    imports: SqlImports
    direct: DirectTransfers | None = None
    tracking_uri: str = ""
    allowed_hosts: tuple[str, ...] = ()
    webhook_hosts: tuple[str, ...] = ()
    max_json: int = MAX_JSON


def create_app(config: ServerConfig) -> Dispatcher:
    """Return the ASGI application that serves these stores."""
    sender = WebhookSender(config.webhooks, config.registry, TargetRules(config.webhook_hosts))
    hub = Hub()
    services = Services(
        config.tracking,
        config.registry,
        config.artifacts,
        config.webhooks,
        sender,
        RequestStatistics(),
        config.imports,
        hub,
        functools.cache(lambda: describe(ROUTES)),
        _relay(config, hub),
        direct=config.direct,
        writes=_writes(config),
    )
    return Dispatcher(ROUTES, services, Guard(config.allowed_hosts), max_json=config.max_json)


def _writes(config: ServerConfig) -> ArtifactWrites | None:
    return SqlArtifactWrites(config.tracking.database) if isinstance(config.tracking, SqlTrackingStore) else None


def _relay(config: ServerConfig, hub: Hub) -> Relay | None:
    """Connect live updates with the other servers of a PostgreSQL database."""
    if not isinstance(config.tracking, SqlTrackingStore) or not is_postgres_uri(config.tracking.database.uri):
        return None
    # the driver is an extra
    from siglum.server.live.postgres_relay import PostgresRelay
    from siglum.tracking.sql.postgres import PostgresBackend

    backend = PostgresBackend(config.tracking.database.uri)
    return PostgresRelay(hub, lambda: backend.open_connection("SET lock_timeout = '30s'"))
