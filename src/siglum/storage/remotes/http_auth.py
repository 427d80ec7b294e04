"""Saying who asks, over HTTP: a header that is always the same, or an answer to the server's challenge (digest)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Callable
from typing import Protocol
from urllib.request import parse_http_list, parse_keqv_list

_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}


class Login(Protocol):
    """What a session asks for headers."""

    def headers(self, method: str, target: str) -> dict[str, str]:
        """Return the headers that go with a request for `target`, the path and query."""
        ...

    def challenged(self, challenge: str, answered: str) -> bool:
        """Take in a server's `WWW-Authenticate`; return whether asking again may help.

        `answered` is the `Authorization` that the refused request carried, "" for none.
        """
        ...


class FixedHeaders:
    """Headers that are the same for every request, none included."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._headers)})"  # their values are secret

    def headers(self, method: str, target: str) -> dict[str, str]:  # noqa: ARG002
        return self._headers

    def challenged(self, challenge: str, answered: str) -> bool:  # noqa: ARG002
        return False


def basic(user: str, password: str) -> FixedHeaders:
    """Return the login of RFC 7617."""
    return FixedHeaders({"Authorization": basic_header(user, password)})


def basic_header(user: str, password: str) -> str:
    """Return the value of an `Authorization` header with a user and a password."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class Digest:
    """The login of RFC 7616: the password is never sent. A server's nonce is used until it gives another one."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._lock = threading.Lock()
        self._challenge: dict[str, str] = {}
        self._count = 0

    def __repr__(self) -> str:
        return "Digest(…)"

    def headers(self, method: str, target: str) -> dict[str, str]:
        with self._lock:
            if not self._challenge:
                return {}
            self._count += 1
            return {"Authorization": self._answer(method, target, f"{self._count:08x}", secrets.token_hex(8))}

    def challenged(self, challenge: str, answered: str) -> bool:
        kind, _, rest = challenge.partition(" ")
        if kind.lower() != "digest":
            return False
        found = parse_keqv_list(parse_http_list(rest))
        algorithm = found.get("algorithm", "MD5").upper().removesuffix("-SESS")
        offered = [each.strip() for each in found.get("qop", "auth").split(",")]
        if algorithm not in _HASHES or "auth" not in offered:
            return False
        with self._lock:
            if found.get("nonce") != self._challenge.get("nonce"):
                self._challenge, self._count = found, 0
        # Wrong is only what answered this very nonce: a request may have gone out before another thread learnt of it.
        return f'nonce="{_quoted(found.get("nonce", ""))}"' not in answered

    def _answer(self, method: str, target: str, count: str, own: str) -> str:
        given = self._challenge
        name = given.get("algorithm", "MD5")
        digest = _HASHES[name.upper().removesuffix("-SESS")]
        realm, nonce = given.get("realm", ""), given.get("nonce", "")
        first = digest(f"{self._user}:{realm}:{self._password}".encode())
        if name.upper().endswith("-SESS"):
            first = digest(f"{first}:{nonce}:{own}".encode())
        second = digest(f"{method}:{target}".encode())
        proof = [first, nonce, count, own, "auth", second] if "qop" in given else [first, nonce, second]
        fields = {"username": self._user, "realm": realm, "nonce": nonce, "uri": target}
        fields["response"] = digest(":".join(proof).encode())
        if "opaque" in given:
            fields["opaque"] = given["opaque"]
        text = ", ".join(f'{key}="{_quoted(value)}"' for key, value in fields.items())
        more = f', qop=auth, nc={count}, cnonce="{own}"' if "qop" in given else ""
        return f"Digest {text}, algorithm={name}{more}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
