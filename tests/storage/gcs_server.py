"""Google Cloud Storage in this process: its XML API as obstore speaks it, with logins by service account checked.

The XML API of Cloud Storage is S3's, so that what is stored and listed is the business of the S3 server. What differs
is who may: a request carries a token that the service account's key has signed, instead of a signature of its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from siglum.testing.http_server import Request, Response
from siglum.testing.s3_server import S3Server

EMAIL = "robot@project.iam.gserviceaccount.com"
_KEY = rsa.generate_private_key(65537, 2048)
PRIVATE_KEY = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class GcsServer(S3Server):
    """Buckets; those in `public` may be read without a login. Without `logins`, it is an emulator: all may do all."""

    def __init__(
        self, buckets: Iterable[str] = (), *, public: Iterable[str] = (), logins: bool = True, page: int = 1000
    ) -> None:
        names = [*buckets, *public]
        super().__init__(names, page=page)
        self._public = set(public)
        self._logins = logins

    def write_key(self, folder: Path, **changes: str) -> str:
        """Write the service account's key file; return its path."""
        values = {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "key-1",
            "private_key": PRIVATE_KEY,
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
        }
        path = folder / "service-account.json"
        path.write_text(json.dumps(values | changes))
        return str(path)

    def _handle(self, request: Request) -> Response:
        headers = dict(request.headers)
        token = headers.pop("authorization", "")
        bucket = request.path.removeprefix("/").partition("/")[0]
        if self._logins and not (not token and bucket in self._public and request.method in ("GET", "HEAD")):
            problem = _problem_of_url(request) if "X-Goog-Signature" in request.query else _problem(token)
            if problem is not None:
                return Response(401, {"content-type": "application/xml"}, _error("AuthenticationRequired", problem))
        self.anonymous.add(bucket)  # the checks of S3 are not those of this server
        if "x-goog-copy-source" in headers and request.method == "PUT":
            return self._copy(request, unquote(headers["x-goog-copy-source"]))
        return super()._handle(msgspec.structs.replace(request, headers=headers))

    def _copy(self, request: Request, source: str) -> Response:
        bucket, _, key = source.removeprefix("/").partition("/")
        data = self.contents(bucket).get(key)
        if data is None:
            return Response(404, {"content-type": "application/xml"}, _error("NoSuchKey", "It does not exist."))
        target, _, name = request.path.removeprefix("/").partition("/")
        self.store(target, name, data)
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        text = f"<CopyObjectResult><ETag>&quot;{etag}&quot;</ETag></CopyObjectResult>"
        return Response(200, {"content-type": "application/xml", "etag": f'"{etag}"'}, text.encode())


def _problem(authorization: str) -> str | None:
    """Return what is wrong with a self-signed token of the service account."""
    kind, _, token = authorization.partition(" ")
    parts = token.split(".")
    if kind != "Bearer" or len(parts) != 3:
        return "Invalid Credentials"
    head, claims = (_decoded(part) for part in parts[:2])
    try:
        _KEY.public_key().verify(
            base64.urlsafe_b64decode(parts[2] + "=="),
            f"{parts[0]}.{parts[1]}".encode(),
            padding.PKCS1v15(),
            hashes.SHA256(),
        )
    except InvalidSignature:
        return f"Invalid JWT signature of {token}"
    now = time.time()
    good = head.get("alg") == "RS256" and head.get("kid") == "key-1" and claims.get("iss") == EMAIL
    good = good and claims.get("scope", "").endswith(("cloud-platform", "devstorage.full_control"))
    return None if good and claims["iat"] - 60 <= now < claims["exp"] <= now + 3700 else "Invalid JWT"


def _problem_of_url(request: Request) -> str | None:
    """Return what is wrong with a URL that the service account's key has signed."""
    pairs = dict(parse_qsl(request.query, keep_blank_values=True))
    signature = bytes.fromhex(pairs.pop("X-Goog-Signature"))
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(pairs[name], safe='-_.~')}" for name in sorted(pairs))
    headers = f"host:{request.headers['host']}\n"
    canonical = f"{request.method}\n{request.raw_path}\n{query}\n{headers}\nhost\nUNSIGNED-PAYLOAD"
    who, _, scope = pairs["X-Goog-Credential"].partition("/")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((pairs["X-Goog-Algorithm"], pairs["X-Goog-Date"], scope, digest))
    try:
        _KEY.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return "SignatureDoesNotMatch"
    return None if who == EMAIL else "Invalid Credentials"


def _decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def _error(code: str, message: str) -> bytes:
    return (
        f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    )
