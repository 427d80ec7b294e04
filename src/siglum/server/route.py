"""What a row of the table of routes is."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec

from siglum.registry.entities import Change
from siglum.registry.sql.imports import SqlImports
from siglum.registry.store import RegistryStore
from siglum.registry.webhooks import WebhookStore
from siglum.server.live.hub import Hub
from siglum.server.statistics import RequestStatistics
from siglum.server.webhooks.sender import WebhookSender
from siglum.storage.artifacts.base import ArtifactStore, DirectTransfers
from siglum.storage.artifacts.replacing import ArtifactWrites
from siglum.tracking.messages import Message
from siglum.tracking.store import ServedTrackingStore

if TYPE_CHECKING:
    from siglum.server.exchange import Exchange


class Permission(enum.Enum):
    """What a caller must be allowed to do. There is no default: who adds a route decides."""

    PUBLIC = "public"
    """Nothing of a user's is told or changed."""
    READ = "read"
    WRITE = "write"
    """Create and change runs, models and their files."""
    MANAGE = "manage"
    """Delete, restore and rename; change what is in production."""


class Api(enum.Enum):
    """Below which prefixes a row is served. `ajax-api` for browsers and `preview` for old clients are the same API."""

    V2 = ("/api/2.0", "/ajax-api/2.0", "/api/2.0/preview", "/ajax-api/2.0/preview")
    V3 = ("/api/3.0", "/ajax-api/3.0")
    BROWSER = ("/ajax-api/2.0",)
    SIGLUM = ("/api/siglum/1",)
    ROOT = ("",)


class Relay(Protocol):
    """Takes live updates to the other servers of a database, and theirs to this one."""

    def close(self) -> None:
        """End it. Repeating it changes nothing."""
        ...


class Services(msgspec.Struct, frozen=True):
    """The stores behind the routes. `artifacts` holds what `mlflow-artifacts:/` names; `sender` tells `webhooks`.

    `imports` takes whole records of other stores; `live` tells listeners what changes; `openapi` describes the routes
    themselves; `direct` lets clients fetch and send artifacts around this server; `writes` is for artifacts that
    several clients add to.
    """

    tracking: ServedTrackingStore
    registry: RegistryStore
    artifacts: ArtifactStore
    webhooks: WebhookStore
    sender: WebhookSender
    statistics: RequestStatistics
    imports: SqlImports
    live: Hub
    openapi: Callable[[], bytes]
    relay: Relay | None = None
    direct: DirectTransfers | None = None
    writes: ArtifactWrites | None = None


class Call(msgspec.Struct, frozen=True):
    """Who calls and why. The actor is claimed by the caller, not proven: there is no authentication yet."""

    change: Change


JsonHandler: TypeAlias = Callable[[Services, Any, Call], Message]
"""Runs in a thread and may block."""
QueueHandler: TypeAlias = "Callable[[Services, Any, Call], Future[Any]]"
"""Runs in the event loop and must not wait: it begins a write, and says when that is done."""
StreamHandler: TypeAlias = "Callable[[Services, Any, Exchange], Awaitable[None]]"
"""Runs in the event loop, reads the body and answers by itself; the body is bytes, not JSON."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One row: method, path below the prefixes of its API, message types, permission, and what does the work.

    `{name}` in the path takes one segment, `{name:path}` the rest; both set the request's field of that name.
    Exactly one of `handler` and `stream` is given; `queue` is what the former begins with, where its answer is empty.
    `media` are the content types that a stream answers with, for the description of Siglum's own.
    """

    method: str
    path: str
    request: type[Message]
    permission: Permission
    response: type[Message] | None = None
    handler: JsonHandler | None = None
    queue: QueueHandler | None = None
    stream: StreamHandler | None = None
    api: Api = Api.V2
    media: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.permission, Permission):
            raise TypeError(f"{self.method} {self.path}: a route needs a permission")
        if (self.handler is None) == (self.stream is None):
            raise TypeError(f"{self.method} {self.path}: a route needs a handler or a stream, and not both")
        if (self.handler is None) != (self.response is None):
            raise TypeError(f"{self.method} {self.path}: a JSON route has a response type, a stream has none")

    @property
    def paths(self) -> tuple[str, ...]:
        """The full paths that the row is served at."""
        return tuple(prefix + self.path for prefix in self.api.value)

    @property
    def changes(self) -> bool:
        """Whether the route changes anything, so that a foreign web page must not be able to call it."""
        return self.permission in (Permission.WRITE, Permission.MANAGE)
