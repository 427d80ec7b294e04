"""Requests to one HTTP server: kept connections, proxies, redirects, and retries of what is transient."""

from __future__ import annotations

import contextlib
import http.client
import random
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import TypeAlias, TypeVar
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from siglum.core.errors import UnavailableError
from siglum.storage.remotes.http_auth import Login, basic_header

T = TypeVar("T")
Body: TypeAlias = Callable[[], bytes | Iterable[bytes]]
"""Makes a request's body, anew for each attempt."""
Consume: TypeAlias = Callable[[http.client.HTTPResponse], T]
"""Reads an answer. What fails on the way, so that less than all of it comes, is tried again."""

_TRANSIENT = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ATTEMPTS = 6
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 10.0
_MOST_REDIRECTS = 10
# An answer of up to this size is read to its end, so that the connection can be used again.
_WORTH_READING = 1 << 16


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a server. Times are in seconds."""

    login: Login
    connect_timeout: float
    read_timeout: float
    tls: ssl.SSLContext

    def __repr__(self) -> str:
        return "HttpSettings(…)"


class _Lost(Exception):  # noqa: N818  -- never seen outside: what it stands for is tried again, or told in words
    """An attempt that failed for a reason that may pass."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _Lease(msgspec.Struct):
    """A connection that one request has for itself; `reusable` when its answer was read to the end."""

    connection: http.client.HTTPConnection
    reusable: bool = False


class HttpSession:
    """Requests on behalf of the remote `name`. Several threads may use it at once."""

    def __init__(self, name: str, settings: HttpSettings) -> None:
        self._name = name
        self._settings = settings
        self._proxies = getproxies()
        self._lock = threading.Lock()
        self._idle: dict[str, list[http.client.HTTPConnection]] = {}
        weakref.finalize(self, _close_all, self._idle)

    def perform(
        self,
        method: str,
        url: str,
        consume: Consume[T],
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Ask, and return what `consume` makes of the answer.

        Raises UnavailableError when the server does not answer, or fails in a way that does not pass with trying again.
        """
        wait = _FIRST_WAIT
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._attempt(method, url, consume, body, dict(headers or {}))
            except _Lost as e:
                if attempt == _ATTEMPTS:
                    reason = str(e)
                    break
                time.sleep(min(e.wait or wait * random.uniform(0.5, 1.5), _LONGEST_WAIT))  # noqa: S311
                wait *= 2
        raise UnavailableError(
            f"Remote {self._name!r} does not answer: {reason}.", hint="Check the network and its URL, then try again."
        )

    def _attempt(self, method: str, url: str, consume: Consume[T], body: Body | None, headers: dict[str, str]) -> T:
        home = _origin(urlsplit(url))
        challenged = False
        for _ in range(_MOST_REDIRECTS):
            parts = urlsplit(url)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            login = self._settings.login if _origin(parts) == home else None  # never told to another server
            own = login.headers(method, target) if login is not None else {}
            with self._lease(parts) as lease:
                response = self._send(lease.connection, method, parts, target, body, {**headers, **own})
                location = response.getheader("location")
                if response.status in _REDIRECTS and location is not None:
                    _finish(lease, response)
                    url = urljoin(url, location)
                    if response.status == HTTPStatus.SEE_OTHER:
                        method, body = "GET", None
                    continue
                if not challenged and login is not None and _challenge_is_met(login, response, own):
                    challenged = True
                    _finish(lease, response)
                    continue
                if response.status in _TRANSIENT:
                    _finish(lease, response)
                    raise _Lost(f"HTTP {response.status} {response.reason}", _retry_after(response))
                result = consume(response)
                _finish(lease, response)
                return result
        raise UnavailableError(f"Remote {self._name!r} redirects in circles.")

    @contextlib.contextmanager
    def _lease(self, parts: SplitResult) -> Iterator[_Lease]:
        """Have a connection for the block, and tell failures that may pass from those that will not."""
        lease = None
        try:
            lease = _Lease(self._taken(parts) or self._connect(parts))
            yield lease
        except (ssl.SSLCertVerificationError, http.client.InvalidURL) as e:
            raise self._not_trusted(parts, e) from None
        except (OSError, http.client.HTTPException) as e:
            if isinstance(e, OSError) and e.filename is not None:
                raise  # a local file's, which the answer is written to or the body read from
            raise _Lost(_reason(e)) from None
        finally:
            if lease is not None and lease.reusable:
                with self._lock:
                    self._idle.setdefault(_origin(parts), []).append(lease.connection)
            elif lease is not None:
                lease.connection.close()

    def _taken(self, parts: SplitResult) -> http.client.HTTPConnection | None:
        with self._lock:
            idle = self._idle.get(_origin(parts))
            return idle.pop() if idle else None

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        parts: SplitResult,
        target: str,
        body: Body | None,
        headers: dict[str, str],
    ) -> http.client.HTTPResponse:
        proxy = self._proxy_for(parts)
        if proxy is not None and parts.scheme != "https":
            # Such a proxy is told the whole URL, and who asks it, with every request.
            target = f"http://{parts.netloc.rpartition('@')[2]}{target}"
            headers = headers | _proxy_headers(proxy)
        connection.request(method, target, body=body() if body is not None else None, headers=headers)
        return connection.getresponse()

    def _connect(self, parts: SplitResult) -> http.client.HTTPConnection:
        proxy = self._proxy_for(parts)
        first = proxy or parts
        host, port, wait = first.hostname or "", first.port, self._settings.connect_timeout
        if parts.scheme != "https":
            connection = http.client.HTTPConnection(host, port, timeout=wait)
        else:
            connection = http.client.HTTPSConnection(host, port, timeout=wait, context=self._settings.tls)
            if proxy is not None:
                connection.set_tunnel(parts.hostname or "", parts.port, headers=_proxy_headers(proxy))
        connection.connect()
        connection.sock.settimeout(self._settings.read_timeout)
        return connection

    def _proxy_for(self, parts: SplitResult) -> SplitResult | None:
        address = self._proxies.get(parts.scheme)
        if not address or proxy_bypass(parts.netloc.rpartition("@")[2]):
            return None
        return urlsplit(address if "://" in address else f"http://{address}")

    def _not_trusted(self, parts: SplitResult, error: Exception) -> UnavailableError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return UnavailableError(
                f"Remote {self._name!r}: {parts.hostname} has no certificate to trust: {error.verify_message}.",
                hint="Set the remote's option ssl_verify to the file of the authority's certificate.",
            )
        return UnavailableError(f"Remote {self._name!r}: its URL cannot be asked for.", hint="Correct the URL.")


def _close_all(idle: dict[str, list[http.client.HTTPConnection]]) -> None:
    for connections in idle.values():
        for connection in connections:
            connection.close()


def _finish(lease: _Lease, response: http.client.HTTPResponse) -> None:
    """Read the rest of an answer, where that costs less than another connection."""
    if not response.isclosed() and not response.chunked and (response.length or 0) <= _WORTH_READING:
        response.read()
    lease.reusable = response.isclosed() and not response.will_close


def _challenge_is_met(login: Login, response: http.client.HTTPResponse, sent: Mapping[str, str]) -> bool:
    challenge = response.getheader("www-authenticate")
    if response.status != HTTPStatus.UNAUTHORIZED or not challenge:
        return False
    return login.challenged(challenge, sent.get("Authorization", ""))


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.hostname}:{parts.port}"


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    return {"Proxy-Authorization": basic_header(unquote(proxy.username), unquote(proxy.password or ""))}


def _retry_after(response: http.client.HTTPResponse) -> float | None:
    value = response.getheader("retry-after", "")
    return float(value) if value.isdecimal() else None


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, http.client.IncompleteRead | http.client.RemoteDisconnected | ConnectionResetError):
        return "the connection was cut"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).rstrip(".")
    return f"its answer is not HTTP ({type(error).__name__})"
