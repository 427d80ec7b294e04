"""A plain web server of files in memory: GET, HEAD, and what else it is told to allow; with or without a login.

with HttpFiles(methods=("GET", "HEAD", "PUT", "DELETE")) as server:
    open_remote("r", f"{server.url}/data", {"method": "PUT"})
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.request import parse_http_list, parse_keqv_list

from siglum.testing.http_server import HttpServer, Request, Response, flipped

_REALM = "test"


class HttpFiles:
    """Files by path. `login` is ("basic" | "digest", user, password) or ("custom", header, value)."""

    def __init__(
        self,
        *,
        methods: Sequence[str] = ("GET", "HEAD", "PUT", "POST", "DELETE"),
        login: tuple[str, str, str] | None = None,
        latency: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.web = HttpServer(self._handle, latency=latency, tls=tls)
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self._methods = methods
        self._login = login
        self._nonce = secrets.token_hex(8)

    def __enter__(self) -> Self:
        self.web.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.web.stop()

    @property
    def url(self) -> str:
        """The server's address."""
        return self.web.url

    def _handle(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if request.path in self.redirects:
            return Response(307, {"location": self.redirects[request.path]})
        if request.method not in self._methods:
            return Response(405)
        if request.method in ("PUT", "POST"):
            stated = request.headers.get("content-md5")
            if stated is not None and base64.b64decode(stated) != _md5(request.body):
                return Response(400)
            wrong = "x-test-wrong-upload" in request.headers
            self.files[request.path] = flipped(request.body) if wrong else request.body
            return Response(201)
        if request.path not in self.files:
            return Response(404)
        if request.method == "DELETE":
            del self.files[request.path]
            return Response(204)
        data = self.files[request.path]
        return Response(200, {"content-length": str(len(data))} if request.method == "HEAD" else {}, data)

    def _refusal(self, request: Request) -> Response | None:
        if self._login is None:
            return None
        kind, user, secret = self._login
        given = request.headers.get("authorization", "")
        if kind == "custom":
            return None if request.headers.get(user.lower()) == secret else Response(401)
        if kind == "basic":
            wanted = f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"
            return None if given == wanted else Response(401, {"www-authenticate": f'Basic realm="{_REALM}"'})
        if given.startswith("Digest ") and self._digest_fits(request, given.removeprefix("Digest "), user, secret):
            return None
        return Response(
            401, {"www-authenticate": f'Digest realm="{_REALM}", nonce="{self._nonce}", qop="auth", algorithm=MD5'}
        )

    def _digest_fits(self, request: Request, given: str, user: str, secret: str) -> bool:
        fields = parse_keqv_list(parse_http_list(given))
        target = request.raw_path + (f"?{request.query}" if request.query else "")
        first = _hex(f"{user}:{_REALM}:{secret}")
        second = _hex(f"{request.method}:{target}")
        wanted = _hex(f"{first}:{self._nonce}:{fields.get('nc')}:{fields.get('cnonce')}:auth:{second}")
        return fields.get("uri") == target and fields.get("response") == wanted


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _hex(text: str) -> str:
    return _md5(text.encode()).hex()
