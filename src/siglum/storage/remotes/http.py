"""Remotes on a plain web server: objects are read with GET, and written with POST or PUT where that is configured.

Such a server cannot be asked what it has, only whether it has a certain object. How it stores what it is sent, whole or
not at all, is its own affair; what is sent is hashed before its first byte leaves, so that no upload is broken off
because of its content.
"""

from __future__ import annotations

import base64
import http.client
import netrc
import os
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from siglum.core.errors import (
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.storage.hashing import BLOCK_SIZE, check_unchanged, md5, md5_file, open_regular
from siglum.storage.remotes.base import Download, Outcome, Remote, Upload
from siglum.storage.remotes.http_auth import Digest, FixedHeaders, Login, basic
from siglum.storage.remotes.http_session import HttpSession, HttpSettings
from siglum.storage.remotes.options import RemoteOptions
from siglum.storage.remotes.secrets import ask_secret
from siglum.storage.remotes.sink import Sink, digits, wrong_bytes
from siglum.storage.remotes.threads import run_in_threads

_METHODS = ("POST", "PUT")
_CONNECT_SECONDS = 20.0
_READ_SECONDS = 60.0
_THREADS = 32
_NO_SUCH_METHOD = (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)


def open_http(name: str, url: str, options: Mapping[str, str]) -> Remote:
    """Return the remote below an `http://` or `https://` address. Options mean what they do in DVC.

    Raises NotSupportedError for an option that cannot be honoured, InvalidInputError for one that cannot be right.
    """
    parts = urlsplit(url)
    read = RemoteOptions(name, f"{parts.scheme}://", options)
    if not parts.hostname or parts.query or parts.fragment:
        raise InvalidInputError(
            f"The URL of remote {name!r} cannot be one: it needs a host, and must not have a query.",
            hint=f"Correct it: siglum remote modify {name} url {parts.scheme}://HOST/PATH",
        )
    method = (read.text("method") or "POST").upper()
    if method not in _METHODS:
        raise read.wrong("method", "'POST' or 'PUT'")
    session = http_session(read, parts)
    read.refuse_others()
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=quote(unquote(parts.path).rstrip("/")))
    return HttpRemote(name, urlunsplit(place), method, session)


def http_session(read: RemoteOptions, parts: SplitResult) -> HttpSession:
    """Return what asks the server of an address, by the options that say how: credentials, certificates, time limits.

    The caller refuses other options. Raises as `open_http`.
    """
    settings = HttpSettings(
        login=_login(read, parts),
        connect_timeout=read.seconds("connect_timeout") or _CONNECT_SECONDS,
        read_timeout=read.seconds("read_timeout") or _READ_SECONDS,
        tls=_tls(read),
    )
    return HttpSession(read.remote, settings)


class HttpRemote:
    """Objects below the address `url`. Implements `Remote`, `BulkRemote` and `RangedRemote`, apart from `list`."""

    def __init__(self, name: str, url: str, method: str, session: HttpSession) -> None:
        self.name = name
        self.url = url
        self._method = method
        self._session = session
        self._asks_with = "HEAD"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.url!r})"

    def check(self) -> None:
        self._session.perform("HEAD", f"{self.url}/", partial(self._refuse_strangers, ""))

    def exists(self, keys: Iterable[str], jobs: int | None = None) -> set[str]:
        asked = list(dict.fromkeys(keys))
        found = run_in_threads(self._has, asked, jobs or _THREADS)
        return {key for key, there in zip(asked, found, strict=True) if there}

    def list(self, prefix: str) -> Iterator[str]:  # noqa: ARG002
        raise NotSupportedError(
            f"Remote {self.name!r}: a web server cannot be asked what it has.",
            hint="Use a remote of another kind for this.",
        )

    def put(self, source: str, key: str, oid: str | None) -> int:
        found = md5_file(source)
        if oid is not None and found.oid != digits(oid):
            raise wrong_bytes(source, oid)
        fd, before = open_regular(source)
        try:
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(found.size),
                "Content-MD5": base64.b64encode(bytes.fromhex(found.oid)).decode(),
            }
            self._session.perform(
                self._method,
                self._address(key),
                partial(self._accepted, key),
                body=lambda: _blocks(fd, source, before, found.oid),
                headers=headers,
            )
        finally:
            os.close(fd)
        return found.size

    def put_many(self, uploads: Sequence[Upload], jobs: int | None = None) -> Sequence[Outcome]:
        def put(upload: Upload) -> Outcome:
            try:
                return self.put(upload.source, upload.key, upload.oid)
            except (IntegrityError, NotFoundError, ConflictError, FileNotFoundError) as e:
                return e

        return run_in_threads(put, uploads, jobs or _THREADS)

    def get(self, key: str, target: str, oid: str | None) -> int:
        return self._session.perform("GET", self._address(key), partial(self._receive, key, target, oid))

    def get_many(self, downloads: Sequence[Download], jobs: int | None = None) -> Sequence[Outcome]:
        def get(download: Download) -> Outcome:
            try:
                return self.get(download.key, download.target, download.oid)
            except (IntegrityError, NotFoundError) as e:
                return e

        return run_in_threads(get, downloads, jobs or _THREADS)

    def size_of(self, key: str) -> int | None:
        def size(response: http.client.HTTPResponse) -> int | None:
            if response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                return None
            self._refuse(key, response)
            told = response.getheader("Content-Length")
            if told is None or not told.isdecimal():
                raise NotSupportedError(f"Remote {self.name!r} does not say how large {key} is.")
            return int(told)

        return self._session.perform("HEAD", self._address(key), size)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        def part(response: http.client.HTTPResponse) -> bytes:
            self._refuse(key, response)
            is_part = response.status == HTTPStatus.PARTIAL_CONTENT
            if not is_part:
                response.read(start)  # a server that knows no ranges sends everything
            data = response.read(length)
            if is_part and response.length:
                raise http.client.IncompleteRead(data, response.length)
            return data

        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        return self._session.perform("GET", self._address(key), part, headers=headers)

    def delete(self, key: str) -> None:
        def gone(response: http.client.HTTPResponse) -> None:
            if response.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                self._refuse(key, response)

        self._session.perform("DELETE", self._address(key), gone)

    def _has(self, key: str) -> bool:
        for method in (self._asks_with, "GET"):
            found = self._session.perform(method, self._address(key), partial(self._is_there, key, method))
            if found is not None:
                return found
            self._asks_with = "GET"  # the server knows no HEAD; bodies are not read
        return False

    def _is_there(self, key: str, method: str, response: http.client.HTTPResponse) -> bool | None:
        """Whether an answer says that the object is there; None when it only says that HEAD is not known."""
        if response.status in _NO_SUCH_METHOD and method == "HEAD":
            return None
        if response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return False
        self._refuse(key, response)
        return True

    def _receive(self, key: str, target: str, oid: str | None, response: http.client.HTTPResponse) -> int:
        self._refuse(key, response)
        size = response.length
        total = 0
        with Sink(target, oid, f"Remote {self.name!r}: {key}") as sink:
            while block := response.read(BLOCK_SIZE):
                sink.write(block)
                total += len(block)
            if size is not None and total != size:
                raise http.client.IncompleteRead(b"", size - total)
            sink.check(total)
        return total

    def _accepted(self, key: str, response: http.client.HTTPResponse) -> None:
        if response.status in _NO_SUCH_METHOD:
            other = next(each for each in _METHODS if each != self._method)
            raise NotSupportedError(
                f"Remote {self.name!r} does not take uploads with {self._method} (HTTP {response.status}).",
                hint=f"Try the other method: siglum remote modify {self.name} method {other}",
            )
        self._refuse(key, response)

    def _refuse_strangers(self, key: str, response: http.client.HTTPResponse) -> None:
        """Raise for a server that wants to know who asks; it need not have a page at the address itself."""
        if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED):
            self._refuse(key, response)

    def _refuse(self, key: str, response: http.client.HTTPResponse) -> None:
        """Raise what an answer means that is not a success."""
        status = response.status
        if 200 <= status < 300:
            return
        raise self._error(key, status, f"HTTP {status} {response.reason}".rstrip())

    def _error(self, key: str, status: int, said: str) -> SiglumError:
        place = f"Remote {self.name!r}{f', {key}' if key else ''}: {said}."
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return NotFoundError(f"Remote {self.name!r} does not have {key}.")
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED):
            return UnauthenticatedError(place, hint="Check the remote's options auth, user and password.")
        if status == HTTPStatus.FORBIDDEN:
            return PermissionDeniedError(place, hint="Ask its owner for the rights, or check the credentials.")
        if status in (HTTPStatus.INSUFFICIENT_STORAGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            return StorageFullError(place, hint="Free some space there, or use another remote.")
        if status in _NO_SUCH_METHOD:
            return NotSupportedError(place, hint="The server does not offer this.")
        return UnavailableError(place, hint="Check its URL.")

    def _address(self, key: str) -> str:
        parts = key.split("/")
        if "" in parts or "." in parts or ".." in parts or "\0" in key:
            raise InvalidInputError(f"{key!r} is not a key of an object.")
        return f"{self.url}/{quote(key)}"


def _blocks(fd: int, source: str, before: os.stat_result, oid: str) -> Iterator[bytes]:
    """Yield a file from its start, the last block only when all of it is what it was when it was hashed."""
    hasher = md5()
    os.lseek(fd, 0, os.SEEK_SET)
    total = 0
    held = b""
    while block := os.read(fd, BLOCK_SIZE):
        hasher.update(block)
        total += len(block)
        if held:
            yield held
        held = block
    check_unchanged(source, before, os.fstat(fd), total)
    if hasher.hexdigest() != oid:
        raise wrong_bytes(source, oid)
    yield held


def _login(read: RemoteOptions, parts: SplitResult) -> Login:
    kind = (read.text("auth") or "").lower()
    user, password = read.text("user"), read.secret("password")
    header = read.text("custom_auth_header")
    if read.boolean("ask_password", default=False) and password is None:
        password = ask_secret(
            f"Password of remote {read.remote!r} ({parts.hostname})",
            hint=f"Set it: siglum remote modify --local {read.remote} password PASSWORD",
        )
    if kind == "custom" or (not kind and header is not None):
        if header is None or password is None:
            raise _incomplete(read, "custom", "custom_auth_header and password")
        return FixedHeaders({header: password})
    if header is not None:
        read.refuse("custom_auth_header", f"it goes with auth = custom, not {kind}")
    if kind not in ("", "basic", "digest"):
        raise read.wrong("auth", "'basic', 'digest' or 'custom'")
    if user is None and password is None and parts.username is not None:
        user, password = unquote(parts.username), unquote(parts.password or "")
    if user is None and password is None and not kind:
        found = _from_netrc(parts.hostname or "")
        return basic(*found) if found is not None else FixedHeaders({})
    if user is None or password is None:
        raise _incomplete(read, kind or "basic", "user and password")
    return Digest(user, password) if kind == "digest" else basic(user, password)


def _incomplete(read: RemoteOptions, kind: str, wanted: str) -> InvalidInputError:
    return InvalidInputError(
        f"Remote {read.remote!r}: {kind} authentication needs {wanted}.",
        hint=f"Set what is missing with `siglum remote modify --local {read.remote} OPTION VALUE`.",
    )


def _from_netrc(host: str) -> tuple[str, str] | None:
    try:
        entry = netrc.netrc(os.environ.get("NETRC") or None).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return (entry[0], entry[2] or "") if entry is not None else None


def _tls(read: RemoteOptions) -> ssl.SSLContext:
    verify = read.text("ssl_verify")
    if verify is not None and verify.lower() == "false":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    bundle = read.path("ssl_verify") if verify is not None and verify.lower() != "true" else None
    return ssl.create_default_context(cafile=bundle)
