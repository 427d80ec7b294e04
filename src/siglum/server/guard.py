"""Who may ask at all, decided before any route is looked up.

The server listens without authentication, as a rule on the user's own machine, where every web page that the user
visits can send it requests. Two checks keep those out:

- The `Host` must be one that the server is known by. A page whose name was made to resolve to 127.0.0.1 (DNS
  rebinding) sends its own name, and is refused, whatever it asks for.
- A request that may change something must not come from a page of another origin. Browsers send `Origin` with
  those; MLflow's and Siglum's clients send none.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

import msgspec

from siglum.core.errors import InvalidInputError, PermissionDeniedError
from siglum.registry.entities import Change
from siglum.server.errors import RefusedError

LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:@/\[\]\s]+)(:\d{1,5})?")
MAX_ACTOR = 256
MAX_REASON = 2000


class Headers(msgspec.Struct):
    """The request headers that anything depends on, decoded as Latin-1."""

    host: str | None = None
    origin: str | None = None
    fetch_site: str | None = None
    content_type: str | None = None
    content_length: str | None = None
    range: str | None = None
    authorization: str | None = None
    user: str | None = None
    reason: str | None = None
    accept: str | None = None
    last_event_id: str | None = None


_FIELDS = {
    b"host": "host",
    b"origin": "origin",
    b"sec-fetch-site": "fetch_site",
    b"content-type": "content_type",
    b"content-length": "content_length",
    b"range": "range",
    b"authorization": "authorization",
    b"x-siglum-user": "user",
    b"x-siglum-reason": "reason",
    b"accept": "accept",
    b"last-event-id": "last_event_id",
}


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Pick the headers that matter from an ASGI scope's. A second Host or Origin is refused."""
    headers = Headers()
    for name, value in raw:
        field = _FIELDS.get(name)
        if field is None:
            continue
        if field in ("host", "origin") and getattr(headers, field) is not None:
            raise RefusedError(400, "BAD_REQUEST", "A request has one Host and one Origin.")
        setattr(headers, field, value.decode("latin-1"))
    return headers


class Guard:
    """The rules of one server. `allowed_hosts` come on top of this machine's own names.

    An entry is a host name or address, with a port when only that one is meant, `*.example.com` for all names
    below a domain, or `*` for any.
    """

    def __init__(self, allowed_hosts: Iterable[str] = ()) -> None:
        hosts = [host.strip().lower() for host in (*LOCAL_HOSTS, *allowed_hosts) if host.strip()]
        self._any = "*" in hosts
        self._exact = frozenset(hosts)
        self._below = tuple(host[1:] for host in hosts if host.startswith("*."))

    def check(self, method: str, headers: Headers) -> None:
        """Raise PermissionDeniedError for a foreign Host, or a change from a foreign page."""
        if not self._host_is_allowed(headers.host or ""):
            raise PermissionDeniedError(
                "This server is not known by the host name of the request.",
                hint="Start it with --allowed-hosts and that name.",
            )
        if method not in SAFE_METHODS and is_foreign(headers):
            raise PermissionDeniedError("Requests from web pages of other sites are refused.")

    def _host_is_allowed(self, host: str) -> bool:
        host = host.lower()
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match["name"]
        return self._any or host in self._exact or name in self._exact or name.endswith(self._below)


def is_foreign(headers: Headers) -> bool:
    """Whether a browser says that a page of another origin sends this request."""
    if headers.fetch_site in ("cross-site", "same-site"):
        return True
    if headers.origin is None:
        return False
    try:
        origin = urlsplit(headers.origin)
    except ValueError:
        return True
    return origin.scheme not in ("http", "https") or origin.netloc.lower() != (headers.host or "").lower()


def check_json_type(headers: Headers) -> None:
    """Raise RefusedError unless the body is declared as JSON, which a web form cannot do."""
    declared = (headers.content_type or "").partition(";")[0].strip().lower()
    if declared != "application/json":
        what = "is not application/json" if headers.content_type else "is missing"
        raise RefusedError(415, "INVALID_PARAMETER_VALUE", f"Bad Request. The header Content-Type {what}.")


def change_of(headers: Headers, client: str) -> Change:
    """Return who changes something and why, as the request claims it.

    The actor is `X-Siglum-User`, else the user of basic authentication, else `anonymous@<address>`; the reason is
    `X-Siglum-Reason`. Both headers are percent-encoded UTF-8.
    """
    actor = _text("X-Siglum-User", headers.user, MAX_ACTOR) or _basic_user(headers.authorization)
    reason = _text("X-Siglum-Reason", headers.reason, MAX_REASON)
    return Change(actor=actor or f"anonymous@{client}", source="rest", reason=reason)


def _text(name: str, value: str | None, longest: int) -> str | None:
    if not value:
        return None
    text = unquote(value, errors="replace").strip()
    if len(text) > longest or not text.isprintable():
        raise InvalidInputError(f"The header {name} holds control characters or over {longest} characters.")
    return text


def _basic_user(authorization: str | None) -> str | None:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user if user and len(user) <= MAX_ACTOR and user.isprintable() else None
