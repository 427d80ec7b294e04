"""Azure Blob Storage in this process: its REST API as obstore speaks it, with every way to log in checked.

Shared Key signatures are computed anew from what arrived, also for the requests inside of a batch.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from email.utils import formatdate
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from siglum.testing.http_server import HttpServer, Request, Response, flipped

ACCOUNT = "acct"
KEY = base64.b64encode(b"key of the test account, 4711").decode()
SAS = "sv=2023-11-03&sp=rwdl&sig=c2lnbmF0dXJl%2B4711%3D"
TENANT, CLIENT, SECRET = "tenant-1", "client-1", "application secret 4711"
_TOKEN = "access-token-4711"
_DATE = "Tue, 24 Nov 2026 03:00:00 GMT"
_STATUS = {
    "AuthenticationFailed": 403,
    "ContainerNotFound": 404,
    "BlobNotFound": 404,
    "InvalidRange": 416,
    "InvalidBlockList": 400,
    "UnsupportedHttpVerb": 405,
    "ServerBusy": 503,
}


class AzureServer:
    """Containers of one account. Its endpoint is `url`, with the account in the path, as an emulator's."""

    def __init__(self, containers: Iterable[str] = (), *, public: Iterable[str] = (), page: int = 1000) -> None:
        self.web = HttpServer(self._handle, error_body=_busy)
        self._public = set(public)
        self._containers: dict[str, dict[str, bytes]] = {name: {} for name in [*containers, *self._public]}
        self._blocks: dict[tuple[str, str], dict[str, bytes]] = {}
        self._page = page

    def __enter__(self) -> Self:
        self.web.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.web.stop()

    @property
    def url(self) -> str:
        return f"{self.web.url}/{ACCOUNT}"

    def connection_string(self, key: str = KEY) -> str:
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={self.url};"

    def contents(self, container: str) -> dict[str, bytes]:
        return dict(self._containers[container])

    def store(self, container: str, name: str, data: bytes) -> None:
        self._containers[container][name] = data

    def _handle(self, request: Request) -> Response:
        if request.path.endswith("/oauth2/v2.0/token"):
            return _token(request)
        rest = request.path.removeprefix(f"/{ACCOUNT}/")
        container, _, name = rest.partition("/")
        query = {key: values[0] for key, values in parse_qs(request.query, keep_blank_values=True).items()}
        if not self._may(request, container, query):
            # As Azure does, the answer repeats what was signed.
            return _error("AuthenticationFailed", f"The MAC signature is not the same as any of {request.raw_path}")
        if container not in self._containers:
            return _error("ContainerNotFound", "The specified container does not exist.")
        stored = self._containers[container]
        if query.get("comp") == "batch":
            return self._batch(request, container)
        if query.get("comp") == "list":
            return self._list(container, stored, query)
        if query.get("comp") in ("block", "blocklist"):
            return self._block(request, container, name, query)
        return self._of_blob(request, stored, name)

    def _may(self, request: Request, container: str, query: dict[str, str]) -> bool:
        authorization = request.headers.get("authorization", "")
        if authorization.startswith("SharedKey "):
            return hmac.compare_digest(authorization, f"SharedKey {ACCOUNT}:{signature(request)}")
        if authorization:
            return authorization == f"Bearer {_TOKEN}"
        if "sig" in query:
            return all(query.get(key) == value for key, value in parse_qsl(SAS)) or _is_signed(request, query)
        return container in self._public and request.method in ("GET", "HEAD")

    def _of_blob(self, request: Request, stored: dict[str, bytes], name: str) -> Response:
        if request.method == "PUT" and "x-ms-copy-source" in request.headers:
            source = unquote(urlsplit(request.headers["x-ms-copy-source"]).path)
            container, _, other = source.removeprefix(f"/{ACCOUNT}/").partition("/")
            if other not in self._containers[container]:
                return _error("BlobNotFound", "The specified blob does not exist.")
            stored[name] = self._containers[container][other]
            return Response(202, _headers(stored[name]) | {"x-ms-copy-status": "success"})
        if request.method == "PUT":
            if request.headers.get("x-ms-blob-type") != "BlockBlob":
                return _error("UnsupportedHttpVerb", "This is no block blob.")
            stored[name] = flipped(request.body) if "x-test-wrong-upload" in request.headers else request.body
            return Response(201, _headers(stored[name]))
        if name not in stored:
            return _error("BlobNotFound", "The specified blob does not exist.")
        if request.method == "DELETE":
            del stored[name]
            return Response(202)
        data = stored[name]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if asked is None:
            return Response(200, _headers(data) | {"content-length": str(len(data))}, data)
        start, end = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        if start >= len(data):
            return _error("InvalidRange", "The range is not of this blob.")
        return Response(
            206, _headers(data) | {"content-range": f"bytes {start}-{end}/{len(data)}"}, data[start : end + 1]
        )

    def _block(self, request: Request, container: str, name: str, query: dict[str, str]) -> Response:
        blocks = self._blocks.setdefault((container, name), {})
        if query["comp"] == "block":
            blocks[query["blockid"]] = request.body
            return Response(201)
        asked = re.findall(r"<(?:Uncommitted|Latest)>(.*?)</", request.body.decode())
        if not asked or any(unescape(block) not in blocks for block in asked):
            return _error("InvalidBlockList", "The specified block list is invalid.")
        self._containers[container][name] = b"".join(blocks[unescape(block)] for block in asked)
        del self._blocks[container, name]
        return Response(201, _headers(self._containers[container][name]))

    def _list(self, container: str, stored: dict[str, bytes], query: dict[str, str]) -> Response:
        prefix, delimiter, after = query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", "")
        names = sorted(name for name in stored if name.startswith(prefix) and name > after)
        blobs, folders = [], dict[str, None]()
        for name in names[: self._page]:
            rest = name[len(prefix) :]
            if delimiter and delimiter in rest:
                folders[prefix + rest.partition(delimiter)[0] + delimiter] = None
                continue
            blobs.append(
                f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{_DATE}</Last-Modified>"
                f"<Etag>{_etag(stored[name])}</Etag><Content-Length>{len(stored[name])}</Content-Length>"
                "<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType></Properties></Blob>"
            )
        common = "".join(f"<BlobPrefix><Name>{escape(folder)}</Name></BlobPrefix>" for folder in folders)
        marker = escape(names[self._page - 1]) if len(names) > self._page else ""
        text = (
            f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="{self.url}/" '
            f'ContainerName="{container}"><Blobs>{"".join(blobs)}{common}</Blobs><NextMarker>{marker}</NextMarker>'
            "</EnumerationResults>"
        )
        return Response(200, {"content-type": "application/xml"}, text.encode())

    def _batch(self, request: Request, container: str) -> Response:
        boundary = request.headers["content-type"].partition("boundary=")[2]
        answers = []
        for part in request.body.decode().split(f"--{boundary}")[1:-1]:
            outer, _, inner = part.lstrip("\r\n").partition("\r\n\r\n")
            lines = inner.strip().split("\r\n")
            method, target, _ = lines[0].split(" ")
            headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines[1:])}
            path, _, query = target.partition("?")
            answer = self._handle(Request(method, path, query, headers))
            number = re.search(r"Content-ID: (\d+)", outer)
            assert number is not None
            answers.append(
                f"--answers\r\nContent-Type: application/http\r\nContent-ID: {number[1]}\r\n\r\n"
                f"HTTP/1.1 {answer.status} Answered\r\n"
                f"{''.join(f'{key}: {value}' + chr(13) + chr(10) for key, value in answer.headers.items())}\r\n"
                f"{answer.body.decode()}\r\n"
            )
        headers = {"content-type": "multipart/mixed; boundary=answers"}
        return Response(202, headers, ("".join(answers) + "--answers--\r\n").encode())


def signature(request: Request) -> str:
    """Return the signature of a request, as Azure's documentation of Shared Key has it."""
    headers = request.headers
    length = headers.get("content-length", "")
    named = ["content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match"]
    values = [headers.get(name, "") for name in [*named, "if-unmodified-since", "range"]]
    first = [request.method, headers.get("content-encoding", ""), headers.get("content-language", "")]
    extra = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith("x-ms-"))
    query = parse_qs(request.query, keep_blank_values=True)
    resource = f"/{ACCOUNT}{request.raw_path}" + "".join(
        f"\n{name.lower()}:{','.join(sorted(query[name]))}" for name in sorted(query)
    )
    text = "\n".join([*first, "" if length == "0" else length, *values]) + "\n" + extra + resource
    return base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()


def _is_signed(request: Request, query: dict[str, str]) -> bool:
    """Whether the account's key has signed for what is done to this blob, as Azure's documentation of SAS has it."""
    resource = f"/blob{request.path}"
    fields = [query.get("sp", ""), query.get("st", ""), query.get("se", ""), resource, "", "", query.get("spr", "")]
    text = "\n".join([*fields, query.get("sv", ""), query.get("sr", ""), *[""] * 7])
    wanted = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
    may = "r" if request.method == "GET" else "w"
    return hmac.compare_digest(wanted, query["sig"]) and may in query.get("sp", "")


def _token(request: Request) -> Response:
    asked = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
    good = request.path == f"/{TENANT}/oauth2/v2.0/token" and asked["client_id"] == CLIENT
    if not good or asked["client_secret"] != SECRET or asked["grant_type"] != "client_credentials":
        body = {"error": "invalid_client", "error_description": f"Invalid secret {asked['client_secret']} provided."}
        return Response(401, {"content-type": "application/json"}, json.dumps(body).encode())
    token = {"access_token": _TOKEN, "token_type": "Bearer", "expires_in": 3600}
    return Response(200, {"content-type": "application/json"}, json.dumps(token).encode())


def _headers(data: bytes) -> dict[str, str]:
    return {
        "etag": _etag(data),
        "last-modified": _DATE,
        "content-type": "application/octet-stream",
        "date": formatdate(),
    }


def _etag(data: bytes) -> str:
    return f'"0x{hashlib.sha1(data, usedforsecurity=False).hexdigest()[:15].upper()}"'


def _error(code: str, message: str) -> Response:
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>'
    )
    return Response(_STATUS[code], {"content-type": "application/xml", "x-ms-error-code": code}, text.encode())


def _busy(status: int) -> bytes:
    return _error("ServerBusy", f"The server is busy ({status}).").body
