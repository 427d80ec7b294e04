"""Put the stores, the table of routes and the guard together into an ASGI application."""

from __future__ import annotations

import functools

import msgspec

from siglum.registry.store import RegistryStore
from siglum.registry.webhooks import WebhookStore
from siglum.server.dispatch import Dispatcher
from siglum.server.guard import Guard
from siglum.server.openapi import describe
from siglum.server.route import Services
from siglum.server.routes import ROUTES
from siglum.server.statistics import RequestStatistics
from siglum.server.webhooks.sender import WebhookSender
from siglum.server.webhooks.targets import TargetRules
from siglum.storage.artifacts.base import ArtifactStore, DirectTransfers
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
    direct: DirectTransfers | None = None
    tracking_uri: str = ""
    allowed_hosts: tuple[str, ...] = ()
    webhook_hosts: tuple[str, ...] = ()
    max_json: int = MAX_JSON


def create_app(config: ServerConfig) -> Dispatcher:
    """Return the ASGI application that serves these stores."""
    sender = WebhookSender(config.webhooks, config.registry, TargetRules(config.webhook_hosts))
    services = Services(
        config.tracking,
        config.registry,
        config.artifacts,
        config.webhooks,
        sender,
        RequestStatistics(),
        functools.cache(lambda: describe(ROUTES)),
        direct=config.direct,
    )
    return Dispatcher(ROUTES, services, Guard(config.allowed_hosts), max_json=config.max_json)
