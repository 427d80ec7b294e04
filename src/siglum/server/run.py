"""Listen on an address and serve until a signal says to stop."""

from __future__ import annotations

import contextlib
import errno
import gc
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from siglum.core.errors import BusyError, InvalidInputError, PermissionDeniedError
from siglum.server.app import ServerConfig, create_app
from siglum.server.exchange import Receive, Scope, Send
from siglum.server.protocol import HttpProtocol

KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s after which common proxies and clients give up an idle connection by themselves."""
YOUNG_OBJECTS = 20_000
"""So many are made before the garbage collector looks at them: a batch makes thousands, and none of them is garbage."""
GRACE_SECONDS = 10
"""How long requests that are under way may take to end once the server has been told to stop."""


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

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], on_stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stopping = on_stopping

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
        self._on_stopping()


def serve(config: ServerConfig, listening: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM, or until SIGINT, which raises KeyboardInterrupt once all is closed in order.

    `on_ready` is called as soon as requests are answered.
    """
    app = create_app(config)
    gc.freeze()  # what is loaded by now stays until the end, and need not be looked through
    gc.set_threshold(YOUNG_OBJECTS)

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
        app.end_streams,
    )
    server.run(sockets=[listening])
    if server.stopped_by == signal.SIGINT:
        raise KeyboardInterrupt
