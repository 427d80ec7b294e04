"""One delivery: the message, its signature, and the request that carries it to an address that was judged."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urljoin

import msgspec

from siglum import __version__
from siglum.core.errors import SiglumError, UnavailableError
from siglum.registry.webhooks import Receiver, WebhookEvent
from siglum.server.webhooks.targets import Target, TargetRules, check_public

CONNECT_SECONDS: Final = 5
TOTAL_SECONDS: Final = 10
"""For all hops together: a server that stops waits for what is under way."""
MAX_REDIRECTS: Final = 3
_KEEPS_METHOD: Final = (307, 308)


class Delivery(msgspec.Struct, frozen=True):
    """A message ready to be sent, any number of times."""

    delivery_id: str
    timestamp: str
    body: bytes

    def headers(self, secret: str | None) -> dict[str, str]:
        """Return the headers that go with the body. With a secret, the receiver can tell who sent it."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"siglum/{__version__}",
            "X-MLflow-Delivery-Id": self.delivery_id,
            "X-MLflow-Timestamp": self.timestamp,
        }
        if secret:
            headers["X-MLflow-Signature"] = sign(secret, self)
        return headers


class Outcome(msgspec.Struct, frozen=True):
    """How a delivery went: the status that it was answered with, or why there was none."""

    status: int | None = None
    problem: str | None = None

    @property
    def success(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def worth_repeating(self) -> bool:
        """Whether another attempt may go better."""
        return self.status in (429, 500, 502, 503, 504)


def new_delivery(event: WebhookEvent, data: dict[str, Any], now: datetime.datetime) -> Delivery:
    """Return the message that MLflow's receivers know: entity, action, time and what the event says."""
    message = {
        "entity": event.entity.value,
        "action": event.action.value,
        "timestamp": now.isoformat(),
        "data": data,
    }
    return Delivery(str(uuid.uuid4()), str(int(now.timestamp())), msgspec.json.encode(message))


def sign(secret: str, delivery: Delivery) -> str:
    """Return the signature: version, then the HMAC-SHA256 of id, time and body in Base64."""
    signed = f"{delivery.delivery_id}.{delivery.timestamp}.".encode() + delivery.body
    return "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def deliver(rules: TargetRules, receiver: Receiver, delivery: Delivery) -> Outcome:
    """Send a message once, along redirects that keep the method. Never raises; blocks for `TOTAL_SECONDS` at most."""
    url, end = receiver.url, time.monotonic() + TOTAL_SECONDS
    headers = delivery.headers(receiver.secret)
    try:
        for _ in range(MAX_REDIRECTS + 1):
            target = rules.parse(url)
            status, location = _post(rules, target, headers, delivery.body, end)
            if status not in _KEEPS_METHOD or not location:
                return Outcome(status, None if 200 <= status < 300 else f"It was answered with status {status}.")
            url = urljoin(url, location)
    except SiglumError as error:
        return Outcome(problem=error.message)
    except ssl.SSLError:
        return Outcome(problem="The host did not prove who it is: its certificate is not valid for the name.")
    except (OSError, http.client.HTTPException):
        return Outcome(problem="The host closed the connection, did not answer in time, or speaks no HTTP.")
    return Outcome(problem=f"It was redirected more than {MAX_REDIRECTS} times.")


def _post(
    rules: TargetRules, target: Target, headers: dict[str, str], body: bytes, end: float
) -> tuple[int, str | None]:
    """Send one request and return the status and where it redirects to. The body of the answer is not read."""
    with _connected(rules, target, end) as connection:
        client = http.client.HTTPConnection(target.host, target.port)
        client.sock = connection
        client.request("POST", target.path, body, {"Host": target.host_header, **headers})
        response = client.getresponse()
        return response.status, response.getheader("Location")


@contextlib.contextmanager
def _connected(rules: TargetRules, target: Target, end: float) -> Iterator[socket.socket]:
    """Connect to the first address that answers, and cut the connection at the time `end`."""
    plain = _connect(rules.addresses(target), target.port, end)
    timer = threading.Timer(max(0.0, end - time.monotonic()), _cut, [plain])
    timer.daemon = True
    timer.start()
    try:
        if not target.allowed_by_name:
            check_public(str(plain.getpeername()[0]), target.host)
        if target.scheme == "http":
            yield plain
            return
        with ssl.create_default_context().wrap_socket(plain, server_hostname=target.host) as secure:
            yield secure
    finally:
        timer.cancel()
        plain.close()


def _connect(addresses: list[str], port: int, end: float) -> socket.socket:
    for address in addresses:
        left = end - time.monotonic()
        if left <= 0:
            break
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), min(CONNECT_SECONDS, left))
    raise UnavailableError("The host of the webhook does not answer.")


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
