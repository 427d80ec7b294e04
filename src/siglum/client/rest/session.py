"""Requests to one server: addresses, authentication, repetition, and errors turned back into Siglum's.

A request is repeated only when that cannot do anything twice: when no connection came about, or when the call is
idempotent and the connection broke or the server said that it is busy (429, 502, 503, 504). After about two seconds
the error is reported; of a server that takes a request and answers nothing, not even a probe, after about ten.
Redirects are not followed: they could carry credentials and data to another host.
"""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Mapping
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from siglum import __version__
from siglum.client.rest.connection import ConnectionPool
from siglum.client.rest.errors import error_of, refused_connection
from siglum.core.errors import InternalError, UnavailableError
from siglum.registry.entities import Change
from siglum.tracking.messages import Message

M = TypeVar("M", bound=Message)

BUSY = frozenset({429, 502, 503, 504})
DELAYS = (0.1, 0.4, 1.2)
"""Seconds to wait before each repetition."""
TIMEOUT_SECONDS = 120.0
"""How long an answer may take, or a part of one."""
MLFLOW = "/api/2.0/mlflow/"
SIGLUM = "/api/siglum/1/"


class Body(Protocol):
    """Bytes to send, read once from the start for each attempt."""

    def read(self, size: int = -1, /) -> bytes:
        """Return some bytes, none at the end."""
        ...

    def rewind(self) -> None:
        """Start anew. Called before each attempt of an idempotent request."""
        ...


class Credentials(msgspec.Struct, frozen=True):
    """A token goes before user name and password."""

    username: str | None = None
    password: str | None = None
    token: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Credentials:
        """Read `SIGLUM_TRACKING_USERNAME`, `…_PASSWORD` and `…_TOKEN`, else MLflow's variables of the same names."""

        def value(name: str) -> str | None:
            return environ.get(f"SIGLUM_TRACKING_{name}") or environ.get(f"MLFLOW_TRACKING_{name}") or None

        return cls(value("USERNAME"), value("PASSWORD"), value("TOKEN"))

    @property
    def header(self) -> str | None:
        """The value of the header Authorization; None without credentials."""
        if self.token:
            return f"Bearer {self.token}"
        if self.username:
            pair = f"{self.username}:{self.password or ''}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        return None


class RestSession:
    """A server, and how to talk to it. May be used from any thread; nothing is sent before the first call."""

    def __init__(
        self,
        url: str,
        credentials: Credentials | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        repeats: bool = True,
    ) -> None:
        """Speak to the server at `url`. Without `repeats` each request is made once: the caller tries again itself."""
        self._repeats = repeats
        self.is_siglum: bool | None = None
        """Whether the server has Siglum's own routes; None until one of them was asked."""
        self.url = url.rstrip("/")
        self._base = quote(urlsplit(self.url).path, safe="/%")
        self._pool = ConnectionPool(self.url, timeout)
        self._headers = {"User-Agent": f"siglum/{__version__}", "Accept": "application/json"}
        authorization = (credentials or Credentials()).header
        if authorization is not None:
            self._headers["Authorization"] = authorization

    def call(
        self,
        method: str,
        path: str,
        request: Message,
        answer: type[M],
        *,
        idempotent: bool = True,
        change: Change | None = None,
    ) -> M:
        """Send a message, in the query of a GET and as a JSON body otherwise, and return the answer."""
        headers = dict(self._headers)
        if change is not None:
            headers |= _change_headers(change)
        body: bytes | None = None
        if method == "GET":
            query = query_of(request)
            path = f"{path}?{query}" if query else path
        else:
            headers["Content-Type"] = "application/json"
            body = msgspec.json.encode(request)
        response = self._exchange(method, path, body, headers, idempotent=idempotent)
        data = self.read(response)
        if response.status >= 300:
            raise error_of(self.url, response, data)
        try:
            return msgspec.json.decode(data or b"{}", type=answer, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InternalError(f"The answer of {self.url} is not what was asked for: {error}.") from None

    def stream(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
    ) -> http.client.HTTPResponse:
        """Send bytes and return the answer, whose body the caller reads to its end, or calls `abandon`.

        With a body that can only be read once, pass `idempotent=False`.
        """
        response = self._exchange(method, path, body, {**self._headers, **(headers or {})}, idempotent=idempotent)
        if response.status >= 300:
            raise error_of(self.url, response, self.read(response))
        return response

    def read(self, response: http.client.HTTPResponse) -> bytes:
        """Return all that is left of an answer's body. Raises UnavailableError when the connection ends before."""
        try:
            return response.read()
        except (http.client.HTTPException, OSError) as error:
            self.abandon()
            raise UnavailableError(
                f"The connection to {self.url} broke in the middle of an answer ({_reason(error)})."
            ) from None

    def abandon(self) -> None:
        """Give up an answer that was not read to its end: its connection cannot be used again."""
        self._pool.drop()

    def close(self) -> None:
        """Close all connections. Repeating it changes nothing."""
        self._pool.close()

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | Body | None,
        headers: Mapping[str, str],
        *,
        idempotent: bool,
    ) -> http.client.HTTPResponse:
        for delay in (*DELAYS, None) if self._repeats else (None,):
            if idempotent and body is not None and not isinstance(body, bytes):
                body.rewind()
            sent = False
            try:
                connection, _ = self._pool.take()
                sent = True
                connection.request(
                    method,
                    self._base + path,
                    body=body,
                    headers=dict(headers),
                    encode_chunked="Transfer-Encoding" in headers,
                )
                self._pool.wait(connection)
                response = connection.getresponse()
            except (http.client.HTTPException, OSError) as error:
                self._pool.drop()
                # Who has not answered for so long is not asked again.
                if delay is None or (sent and not idempotent) or isinstance(error, TimeoutError):
                    raise self._unreachable(error, sent=sent) from None
            except BaseException:
                self._pool.drop()  # half a request has been sent
                raise
            else:
                if response.status not in BUSY or not idempotent or delay is None:
                    return response
                self.read(response)
            time.sleep(delay)
        raise AssertionError("the last repetition returns or raises")

    def _unreachable(self, error: Exception, *, sent: bool) -> UnavailableError:
        if not sent:
            return refused_connection(self.url, _reason(error))
        return UnavailableError(
            f"The connection to {self.url} broke before the answer came ({_reason(error)}).",
            hint="The change may have been made; look before repeating it.",
        )


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text or type(error).__name__)[:200].lower()


def _change_headers(change: Change) -> dict[str, str]:
    headers = {"X-Siglum-User": quote(change.actor, safe=" @.-_")}
    if change.reason:
        headers["X-Siglum-Reason"] = quote(change.reason, safe=" ")
    return headers


def query_of(request: Message) -> str:
    """Return a message as the query of an address."""
    fields = msgspec.to_builtins(request)
    pairs = [(name, _text(value)) for name, value in fields.items() if not isinstance(value, list)]
    pairs += [(name, _text(item)) for name, value in fields.items() if isinstance(value, list) for item in value]
    return urlencode(pairs)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
