"""An S3 server in this process: buckets in memory, signatures checked, conditions honoured, faults on demand.

    with S3Server(buckets=["bucket"]) as server:
        server.web.faults.append(Fault("status", method="PUT", times=3))

Path-style addresses only. `python -m siglum.testing.s3_server --latency 0.02` runs one in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
import secrets
import ssl
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, quote
from xml.sax.saxutils import escape

from siglum.testing.http_server import HttpServer, Request, Response, flipped
from siglum.testing.s3_signature import SignatureCheck, SignatureError

ACCESS_KEY = "AKIATESTTESTTESTTEST"
SECRET_KEY = "secret+key/of-the-test-server"  # noqa: S105  -- opens nothing but this server
_STATUS = {
    "AccessDenied": 403,
    "InvalidAccessKeyId": 403,
    "SignatureDoesNotMatch": 403,
    "InvalidToken": 400,
    "XAmzContentSHA256Mismatch": 400,
    "BadDigest": 400,
    "InvalidPart": 400,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "PreconditionFailed": 412,
    "InvalidRange": 416,
    "MethodNotAllowed": 405,
    "SlowDown": 503,
    "InternalError": 500,
}
_DATE = "Tue, 24 Nov 2026 03:00:00 GMT"
_ISO_DATE = "2026-11-24T03:00:00.000Z"


class _Object:
    __slots__ = ("data", "etag", "meta")

    def __init__(self, data: bytes, etag: str, meta: dict[str, str]) -> None:
        self.data = data
        self.etag = etag
        self.meta = meta


class _RefusedError(Exception):
    """Why a request is refused: one of S3's codes."""


class _Bucket(dict[str, _Object]):
    """Objects by key, which can be walked in order from any key on."""

    def __init__(self) -> None:
        super().__init__()
        self._sorted: list[str] = []

    def keys_from(self, prefix: str, after: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix` and come after `after`, in order."""
        if len(self._sorted) != len(self) or any(key not in self for key in self._sorted[:1]):
            self._sorted = sorted(self)
        start = bisect_right(self._sorted, after) if after >= prefix else bisect_left(self._sorted, prefix)
        for key in itertools.islice(self._sorted, start, None):
            if not key.startswith(prefix):
                return
            if key in self:
                yield key


class S3Server:
    """Buckets and what is in them. `objects` maps a bucket's name to its objects' bytes by key."""

    def __init__(
        self,
        buckets: Iterable[str] = (),
        *,
        access_key: str = ACCESS_KEY,
        secret_key: str = SECRET_KEY,
        token: str | None = None,
        latency: float = 0.0,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        page: int = 1000,
        opaque_etags: bool = False,
    ) -> None:
        self.web = HttpServer(self._handle, latency=latency, tls=tls, port=port, error_body=_error_body)
        self.access_key = access_key
        self.secret_key = secret_key
        self.anonymous: set[str] = set()
        self.uploads: dict[str, tuple[str, str, dict[int, bytes]]] = {}
        self._buckets: dict[str, _Bucket] = {name: _Bucket() for name in buckets}
        self._check = SignatureCheck(access_key, secret_key, token)
        self._page = page
        self._opaque_etags = opaque_etags

    def __enter__(self) -> Self:
        self.web.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.web.stop()

    @property
    def url(self) -> str:
        """The endpoint."""
        return self.web.url

    def contents(self, bucket: str) -> dict[str, bytes]:
        """Return a bucket's objects."""
        return {key: stored.data for key, stored in self._buckets[bucket].items()}

    def store(self, bucket: str, key: str, data: bytes) -> None:
        """Put an object there without a request."""
        self._buckets.setdefault(bucket, _Bucket())[key] = _Object(data, self._etag(data), {})

    def remove(self, bucket: str, key: str) -> None:
        """Remove an object without a request."""
        del self._buckets[bucket][key]

    def _handle(self, request: Request) -> Response:
        try:
            bucket, _, key = request.path.removeprefix("/").partition("/")
            if bucket not in self.anonymous or "authorization" in request.headers or "X-Amz-Signature" in request.query:
                self._check.check(request)
            if not bucket:
                return _xml("ListAllMyBucketsResult", "<Buckets></Buckets>")
            query = parse_qs(request.query, keep_blank_values=True) if request.query else {}
            return self._of_object(request, bucket, key, query) if key else self._of_bucket(request, bucket, query)
        except (SignatureError, _RefusedError) as e:
            code = str(e)
            # As AWS does, the answer repeats what was signed: a client must not print it.
            token = request.headers.get("x-amz-security-token", "")
            return Response(
                _STATUS[code], {"content-type": "application/xml"}, _error(code, f"<CanonicalRequest>{token}")
            )

    def _of_bucket(self, request: Request, bucket: str, query: dict[str, list[str]]) -> Response:
        if request.method == "PUT":
            self._buckets.setdefault(bucket, _Bucket())
            return Response()
        stored = self._bucket(bucket)
        if request.method == "HEAD":
            return Response(headers={"x-amz-bucket-region": "us-east-1"})
        if request.method == "POST" and "delete" in query:
            names = re.findall(r"<Key>(.*?)</Key>", request.body.decode())
            for name in names:
                stored.pop(_unescaped(name), None)
            return _xml("DeleteResult", "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in names))
        if request.method != "GET":
            raise _RefusedError("MethodNotAllowed")
        if "location" in query:
            return _xml("LocationConstraint", "")
        if "uploads" in query:
            listed = "".join(
                f"<Upload><Key>{escape(key)}</Key><UploadId>{number}</UploadId></Upload>"
                for number, (_, key, _) in self.uploads.items()
            )
            return _xml("ListMultipartUploadsResult", listed)
        return self._list(bucket, stored, query)

    def _list(self, bucket: str, stored: _Bucket, query: dict[str, list[str]]) -> Response:
        def one(name: str) -> str:
            return query.get(name, [""])[0]

        prefix, delimiter = one("prefix"), one("delimiter")
        after = one("continuation-token") or one("start-after")
        limit = min(int(one("max-keys") or self._page), self._page)
        encode = quote if one("encoding-type") == "url" else escape
        contents: list[str] = []
        folders: dict[str, None] = {}
        last = ""
        truncated = False
        for key in stored.keys_from(prefix, after):
            if len(contents) + len(folders) >= limit:
                truncated = True
                break
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders[prefix + rest.partition(delimiter)[0] + delimiter] = None
            else:
                size, etag = len(stored[key].data), stored[key].etag
                contents.append(
                    f"<Contents><Key>{encode(key)}</Key><LastModified>{_ISO_DATE}</LastModified>"
                    f"<ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
                )
            last = key
        common = "".join(f"<CommonPrefixes><Prefix>{encode(each)}</Prefix></CommonPrefixes>" for each in folders)
        more = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if truncated else ""
        encoding = "<EncodingType>url</EncodingType>" if encode is quote else ""
        return _xml(
            "ListBucketResult",
            f"<Name>{bucket}</Name><Prefix>{encode(prefix)}</Prefix><KeyCount>{len(contents) + len(folders)}</KeyCount>"
            f"<MaxKeys>{limit}</MaxKeys>{encoding}<IsTruncated>{str(truncated).lower()}</IsTruncated>{more}"
            f"{''.join(contents)}{common}",
        )

    def _of_object(self, request: Request, bucket: str, key: str, query: dict[str, list[str]]) -> Response:
        stored = self._bucket(bucket)
        if "uploadId" in query or "uploads" in query:
            return self._of_upload(request, bucket, key, query)
        if request.method == "PUT":
            present = stored.get(key)
            if (request.headers.get("if-none-match") == "*" and present is not None) or (
                "if-match" in request.headers
                and (present is None or present.etag != _bare(request.headers["if-match"]))
            ):
                raise _RefusedError("PreconditionFailed")
            data = _received(request)
            meta = {name: value for name, value in request.headers.items() if name.startswith("x-amz-meta-")}
            stored[key] = _Object(data, self._etag(data), meta)
            return Response(headers={"etag": f'"{stored[key].etag}"'})
        if request.method == "DELETE":
            stored.pop(key, None)
            return Response(204)
        found = stored.get(key)
        if found is None:
            raise _RefusedError("NoSuchKey")
        if request.method not in ("GET", "HEAD"):
            raise _RefusedError("MethodNotAllowed")
        return _served(request, found)

    def _of_upload(self, request: Request, bucket: str, key: str, query: dict[str, list[str]]) -> Response:
        if "uploads" in query:
            number = secrets.token_hex(8)
            self.uploads[number] = (bucket, key, {})
            return _xml(
                "InitiateMultipartUploadResult",
                f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{number}</UploadId>",
            )
        number = query["uploadId"][0]
        if self.uploads.get(number, ("", ""))[:2] != (bucket, key):
            raise _RefusedError("NoSuchUpload")
        parts = self.uploads[number][2]
        if request.method == "PUT":
            data = _received(request)
            parts[int(query["partNumber"][0])] = data
            return Response(headers={"etag": f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'})
        if request.method == "DELETE":
            del self.uploads[number]
            return Response(204)
        asked = [int(number) for number in re.findall(r"<PartNumber>(\d+)</PartNumber>", request.body.decode())]
        if not asked or asked != sorted(asked) or any(each not in parts for each in asked):
            raise _RefusedError("InvalidPart")
        digests = b"".join(hashlib.md5(parts[each], usedforsecurity=False).digest() for each in asked)
        etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(asked)}"
        self._buckets[bucket][key] = _Object(b"".join(parts[each] for each in asked), etag, {})
        del self.uploads[number]
        return _xml(
            "CompleteMultipartUploadResult",
            f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><ETag>&quot;{etag}&quot;</ETag>",
        )

    def _bucket(self, name: str) -> _Bucket:
        try:
            return self._buckets[name]
        except KeyError:
            raise _RefusedError("NoSuchBucket") from None

    def _etag(self, data: bytes) -> str:
        return secrets.token_hex(16) if self._opaque_etags else hashlib.md5(data, usedforsecurity=False).hexdigest()


def _received(request: Request) -> bytes:
    """Return an upload's bytes, out of their chunks where they come in such."""
    data = request.body
    if request.headers.get("content-encoding", "").startswith("aws-chunked") or request.headers.get(
        "x-amz-content-sha256", ""
    ).startswith("STREAMING-"):
        data = _unchunked(data)
    if "x-test-wrong-upload" in request.headers:
        data = flipped(data)
    return data


def _unchunked(data: bytes) -> bytes:
    chunks: list[bytes] = []
    at = 0
    while True:
        end = data.index(b"\r\n", at)
        size = int(data[at:end].partition(b";")[0], 16)
        if size == 0:
            return b"".join(chunks)
        chunks.append(data[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


def _served(request: Request, found: _Object) -> Response:
    headers = {
        "etag": f'"{found.etag}"',
        "last-modified": _DATE,
        "accept-ranges": "bytes",
        "content-type": "application/octet-stream",
        **found.meta,
    }
    if "if-match" in request.headers and _bare(request.headers["if-match"]) != found.etag:
        raise _RefusedError("PreconditionFailed")
    if _bare(request.headers.get("if-none-match", "")) == found.etag:
        return Response(304, headers)
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if asked is None:
        return Response(200, headers | {"content-length": str(len(found.data))}, found.data)
    start, end = int(asked[1]), min(int(asked[2] or len(found.data)), len(found.data) - 1)
    if start >= len(found.data):
        raise _RefusedError("InvalidRange")
    headers["content-range"] = f"bytes {start}-{end}/{len(found.data)}"
    return Response(206, headers, found.data[start : end + 1])


def _bare(etag: str) -> str:
    return etag.strip().strip('"')


def _unescaped(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text


def _xml(root: str, inner: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inner}</{root}>'
    return Response(200, {"content-type": "application/xml"}, text.encode())


def _error(code: str, more: str = "") -> bytes:
    message = f"The test server says {code}."
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>'
    ).encode()


def _error_body(status: int) -> bytes:
    return _error(next((code for code, known in _STATUS.items() if known == status), "InternalError"))


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="An S3 server in memory, for tests and benchmarks.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds from a request to its answer")
    parser.add_argument("--bucket", action="append", default=[])
    asked = parser.parse_args()
    with S3Server(asked.bucket, latency=asked.latency, port=asked.port) as server:
        server.web.keep_log = False
        print(server.url, flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
