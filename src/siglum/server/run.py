"""Listen on an address and serve until a signal says to stop."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from urllib.parse import unquote, urlsplit

import uvicorn

from siglum.client.stores import prepare_location
from siglum.client.tracking_uri import ServerLocation, default_tracking_uri, parse_tracking_uri
from siglum.core.errors import BusyError, InvalidInputError, NotSupportedError, PermissionDeniedError
from siglum.registry.sql.store import SqlRegistryStore
from siglum.registry.sql.webhooks import SqlWebhookStore
from siglum.server.app import ServerConfig, create_app
from siglum.server.exchange import Receive, Scope, Send
from siglum.server.protocol import HttpProtocol
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.tracking.sql.artifact_index import SqlArtifactIndex
from siglum.tracking.sql.database import open_database
from siglum.tracking.sql.store import SqlTrackingStore

KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s after which common proxies and clients give up an idle connection by themselves."""
GRACE_SECONDS = 10
"""How long requests that are under way may take to end once the server has been told to stop."""


@contextlib.contextmanager
def open_served_stores(
    backend_uri: str | None,
    artifact_root: str | None,
    allowed_hosts: tuple[str, ...],
    cwd: str,
    webhook_hosts: tuple[str, ...] = (),
) -> Iterator[ServerConfig]:
    """Open a database and the folder of its artifacts, and close them in the end.

    Without a URI it is the embedded store of the project around `cwd`. Without a folder, artifacts are beside the
    database, or in the project's `.siglum` where that is PostgreSQL. Raises InvalidInputError or NotSupportedError for
    what cannot be served.
    """
    # The environment's tracking URI is where clients connect to, often this very server: it is not asked.
    location = parse_tracking_uri(backend_uri or default_tracking_uri({}, cwd), cwd)
    if isinstance(location, ServerLocation):
        raise InvalidInputError(
            f"{backend_uri!r} is a server, not a database.",
            hint="Use sqlite:///path/to/file.db or postgresql://user@host/name.",
        )
    folder = location.artifact_root if artifact_root is None else _local_folder(artifact_root, cwd)
    prepare_location(location)
    database = open_database(location.uri)
    try:
        yield ServerConfig(
            tracking=SqlTrackingStore(database),
            registry=SqlRegistryStore(database),
            artifacts=LocalArtifactStore(folder, SqlArtifactIndex(database)),
            webhooks=SqlWebhookStore(database),
            webhook_hosts=webhook_hosts,
            allowed_hosts=allowed_hosts,
            tracking_uri=location.shown,
        )
    finally:
        database.close()


def _local_folder(root: str, cwd: str) -> str:
    scheme = urlsplit(root).scheme
    if scheme not in ("", "file"):
        raise NotSupportedError(
            f"{root!r}: artifacts can be kept in a folder of this machine only.", hint="Use a path or a file: URI."
        )
    path = unquote(urlsplit(root).path) if scheme else root
    if not path:
        raise InvalidInputError(f"{root!r} names no folder.")
    folder = os.path.normpath(os.path.join(cwd, path))
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise InvalidInputError(f"{folder} is not a folder: artifacts cannot be kept there.")
    return folder


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises BusyError when the port is taken; port 0 takes a free one."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except socket.gaierror:
        raise InvalidInputError(f"There is no host {host!r}.", hint="Use 127.0.0.1, or 0.0.0.0 for all.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BusyError(
                f"Port {port} of {host} is taken by another program.",
                hint="Choose another with --port, or stop that program.",
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise PermissionDeniedError(
                f"Port {port} of {host} may not be used.", hint="Choose one above 1023 with --port."
            ) from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise InvalidInputError(f"This machine has no address {host!r}.") from None
        raise


def url_of(listening: socket.socket, host: str) -> str:
    """Return the URL that clients on this machine use."""
    port = listening.getsockname()[1]
    if is_any_address(host) or host in ("127.0.0.1", "::1", "localhost"):
        return f"http://localhost:{port}" if listening.family != socket.AF_INET6 else f"http://[::1]:{port}"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_any_address(host: str) -> bool:
    """Whether a server on this host listens on all addresses of the machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Server(uvicorn.Server):
    """Remembers which signal ended it instead of raising it again, which would end the process at once."""

    stopped_by: int | None = None

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.should_exit and number == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
        self.stopped_by = number


def serve(config: ServerConfig, listening: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM, or until SIGINT, which raises KeyboardInterrupt once all is closed in order.

    `on_ready` is called as soon as requests are answered.
    """
    app = create_app(config)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    server = _Server(
        uvicorn.Config(
            application,
            http=HttpProtocol,
            loop="uvloop",
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        ),
        on_ready,
    )
    server.run(sockets=[listening])
    if server.stopped_by == signal.SIGINT:
        raise KeyboardInterrupt
