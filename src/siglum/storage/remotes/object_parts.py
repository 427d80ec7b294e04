"""Uploads in parts that others send: begun and completed here, each part sent by whoever has its URL.

S3 and Google Cloud Storage have one protocol for it, Azure another. This module makes the few requests that obstore
has no function for, by URLs signed for them.
"""

from __future__ import annotations

import base64
import re
import secrets
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Protocol
from xml.sax.saxutils import escape

from siglum.core.errors import ConflictError, NotFoundError, NotSupportedError, SiglumError, UnavailableError
from siglum.storage.artifacts.base import SentPart
from siglum.storage.remotes.object_store import ObjectStoreRemote
from siglum.storage.remotes.object_streams import signed_url
from siglum.storage.remotes.signing import QuerySigner

_UPLOAD_ID = re.compile(r"<UploadId>([^<]+)</UploadId>")
_CODE = re.compile(r"<Code>([A-Za-z0-9]+)</Code>")
_OWN_SECONDS = 600
_TIMEOUT = 60.0
_TRIES = 4
_ANSWER_BYTES = 1 << 20
_NO_UPLOAD = ("NoSuchUpload", "InvalidBlockList", "NoSuchKey")


class ObjectParts(Protocol):
    """Uploads in parts to one remote. An `upload` is the store's own name for one."""

    def begin(self, key: str) -> str:
        """Begin; return the upload's name."""
        ...

    def urls(self, key: str, upload: str, count: int, seconds: int) -> Sequence[str]:
        """Return the URLs to which parts 1 to `count` are sent with PUT."""
        ...

    def complete(self, key: str, upload: str, parts: Sequence[SentPart]) -> None:
        """Make the object of its parts.

        Raises NotFoundError when there is no such upload, ConflictError for parts that were not sent.
        """
        ...

    def abort(self, key: str, upload: str) -> None:
        """Drop the parts; nothing happens when there is no such upload."""
        ...


def parts_of(remote: ObjectStoreRemote) -> ObjectParts | None:
    """Return how parts are sent to a remote; None where its login signs no URLs."""
    if remote.place.sends_blocks:
        return _BlockParts(remote)
    if remote.place.signer is None:
        return None
    return _XmlParts(remote, remote.place.signer)


class _XmlParts:
    """S3's protocol, and that of Google's XML API."""

    def __init__(self, remote: ObjectStoreRemote, signer: Callable[[], QuerySigner]) -> None:
        self._remote = remote
        self._signer = signer

    def begin(self, key: str) -> str:
        answer = self._request("POST", key, {"uploads": ""})
        found = _UPLOAD_ID.search(answer)
        if found is None:
            raise NotSupportedError(f"Remote {self._remote.name!r} does not take uploads in parts.")
        return found[1]

    def urls(self, key: str, upload: str, count: int, seconds: int) -> Sequence[str]:
        signer, path = self._signer(), self._remote.path_of(key)
        return [
            signer.url("PUT", path, {"partNumber": str(number), "uploadId": upload}, seconds)
            for number in range(1, count + 1)
        ]

    def complete(self, key: str, upload: str, parts: Sequence[SentPart]) -> None:
        listed = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.etag)}</ETag></Part>" for part in parts
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
        self._request("POST", key, {"uploadId": upload}, body.encode())

    def abort(self, key: str, upload: str) -> None:
        try:
            self._request("DELETE", key, {"uploadId": upload})
        except NotFoundError:
            return

    def _request(self, method: str, key: str, query: dict[str, str], body: bytes = b"") -> str:
        url = self._signer().url(method, self._remote.path_of(key), query, _OWN_SECONDS)
        return _ask(self._remote, method, url, body)


class _BlockParts:
    """Azure's: blocks of a blob, and then the list of them. It removes blocks that no list names after a week."""

    def __init__(self, remote: ObjectStoreRemote) -> None:
        self._remote = remote

    def begin(self, key: str) -> str:
        signed_url(self._remote, "PUT", key, _OWN_SECONDS)  # says so when this login cannot sign
        return secrets.token_hex(8)

    def urls(self, key: str, upload: str, count: int, seconds: int) -> Sequence[str]:
        url = signed_url(self._remote, "PUT", key, seconds)
        return [f"{url}&comp=block&blockid={_quoted(_block(upload, number))}" for number in range(1, count + 1)]

    def complete(self, key: str, upload: str, parts: Sequence[SentPart]) -> None:
        listed = "".join(f"<Latest>{_block(upload, part.number)}</Latest>" for part in parts)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
        url = signed_url(self._remote, "PUT", key, _OWN_SECONDS)
        _ask(self._remote, "PUT", f"{url}&comp=blocklist", body.encode())

    def abort(self, key: str, upload: str) -> None:
        """Do nothing: a block that no list names is no part of anything."""


def _block(upload: str, number: int) -> str:
    return base64.b64encode(f"{upload}-{number:05d}".encode()).decode()


def _quoted(text: str) -> str:
    return text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


def _ask(remote: ObjectStoreRemote, method: str, url: str, body: bytes = b"") -> str:
    """Make one request and return the answer's text. What is transient is tried again. No error holds the URL."""
    failure: SiglumError | None = None
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(0.2 * 2**attempt)
        try:
            return _ask_once(remote, method, url, body)
        except UnavailableError as error:
            failure = error
    assert failure is not None
    raise failure


def _ask_once(remote: ObjectStoreRemote, method: str, url: str, body: bytes) -> str:
    request = urllib.request.Request(url, data=body or (b"" if method == "POST" else None), method=method)  # noqa: S310
    # Of a request that begins an upload, this becomes the object's own type.
    request.add_header("Content-Type", "application/xml" if body else "application/octet-stream")
    try:
        with _opener(remote).open(request, timeout=_TIMEOUT) as answer:
            text, status = str(answer.read(_ANSWER_BYTES), errors="replace"), 200
    except urllib.error.HTTPError as error:
        with error:
            text, status = str(error.read(_ANSWER_BYTES), errors="replace"), error.code
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise UnavailableError(f"Remote {remote.name!r} does not answer: {reason}.") from None
    code = _CODE.search(text)
    # S3 may find out that it fails after it has begun to answer that all is well.
    if status < 300 and (code is None or "<Error>" not in text):
        return text
    named = code[1] if code is not None else f"HTTP status {status}"
    if named in _NO_UPLOAD or status == 404:
        raise NotFoundError("There is no such upload, or its parts are not there.")
    if status >= 500 or status == 200:
        raise UnavailableError(f"Remote {remote.name!r} does not answer: {named}.")
    raise ConflictError(f"Remote {remote.name!r} refuses the upload: {named}.")


def _opener(remote: ObjectStoreRemote) -> urllib.request.OpenerDirector:
    """Return what opens URLs with the remote's certificates, and goes where no answer points to."""
    options = remote.place.client_options
    context = ssl.create_default_context()
    if options.get("allow_invalid_certificates"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if (certificates := options.get("root_certificate")) is not None:
        context.load_verify_locations(cadata=certificates.decode("ascii", errors="replace"))
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirects())


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        return None
