"""The check of AWS's signature, version 4, on a request's headers or query: what an S3 server does before all else."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

from siglum.testing.http_server import Request

_EMPTY = hashlib.sha256(b"").hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"
_UNHASHED = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")


class SignatureError(Exception):
    """Why a request is refused: one of S3's codes."""


class SignatureCheck:
    """Knows one pair of keys. Keeps the day's signing key, which is derived in five steps."""

    def __init__(self, access_key: str, secret_key: str, token: str | None = None) -> None:
        self.access_key = access_key
        self.token = token
        self._secret = secret_key
        self._signing: dict[str, bytes] = {}

    def check(self, request: Request) -> None:
        """Raise SignatureError unless the request is signed with the secret key: all of it, or its URL."""
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if "X-Amz-Signature" in query:
            self._check_url(request, query)
            return
        algorithm, _, rest = request.headers.get("authorization", "").partition(" ")
        if algorithm != _ALGORITHM:
            raise SignatureError("AccessDenied")
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        key, _, scope = fields["Credential"].partition("/")
        if key != self.access_key:
            raise SignatureError("InvalidAccessKeyId")
        if (self.token or "") != request.headers.get("x-amz-security-token", ""):
            raise SignatureError("InvalidToken")
        signed = fields["SignedHeaders"].split(";")
        if any(name.startswith("x-amz-") and name not in signed for name in request.headers):
            raise SignatureError("AccessDenied")  # "There were headers present in the request which were not signed"
        if "host" not in signed:
            raise SignatureError("AccessDenied")
        stated = request.headers.get("x-amz-content-sha256", "")
        wanted = hmac.new(
            self._key(scope), self._to_sign(request, signed, scope, stated).encode(), hashlib.sha256
        ).hexdigest()
        if not hmac.compare_digest(wanted, fields["Signature"]):
            raise SignatureError("SignatureDoesNotMatch")
        if stated not in _UNHASHED and stated != (hashlib.sha256(request.body).hexdigest() if request.body else _EMPTY):
            raise SignatureError("XAmzContentSHA256Mismatch")

    def _check_url(self, request: Request, query: dict[str, str]) -> None:
        key, _, scope = query.get("X-Amz-Credential", "").partition("/")
        if query.get("X-Amz-Algorithm") != _ALGORITHM:
            raise SignatureError("AccessDenied")
        if key != self.access_key:
            raise SignatureError("InvalidAccessKeyId")
        if (self.token or "") != query.get("X-Amz-Security-Token", ""):
            raise SignatureError("InvalidToken")
        made = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if datetime.now(UTC) > made + timedelta(seconds=int(query["X-Amz-Expires"])):
            raise SignatureError("AccessDenied")  # "Request has expired"
        signed = query["X-Amz-SignedHeaders"].split(";")
        text = self._to_sign(request, signed, scope, "UNSIGNED-PAYLOAD", query["X-Amz-Date"])
        wanted = hmac.new(self._key(scope), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, query["X-Amz-Signature"]):
            raise SignatureError("SignatureDoesNotMatch")

    def _to_sign(self, request: Request, signed: list[str], scope: str, stated: str, date: str | None = None) -> str:
        query = "&".join(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
            for name, value in sorted(parse_qsl(request.query, keep_blank_values=True))
            if name != "X-Amz-Signature"
        )
        headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed)
        canonical = "\n".join((request.method, request.raw_path, query, headers, ";".join(signed), stated))
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        return "\n".join((_ALGORITHM, date or request.headers.get("x-amz-date", ""), scope, digest))

    def _key(self, scope: str) -> bytes:
        if scope not in self._signing:
            key = b"AWS4" + self._secret.encode()
            for part in scope.split("/"):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            self._signing[scope] = key
        return self._signing[scope]
