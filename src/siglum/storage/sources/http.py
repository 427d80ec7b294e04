"""A file behind a web address: read with GET, known by its ETag or what else the server says of it.

A transfer that breaks goes on where it stopped, if the server can and says that the file is the same one. A body that
is shorter than announced is never taken for the whole.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from email.message import Message
from http import HTTPStatus
from typing import IO
from urllib.parse import quote, urlsplit, urlunsplit

from siglum.core.addresses import shown_url
from siglum.core.errors import (
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    SiglumError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.storage.hashing import BLOCK_SIZE, FileHash, md5, md5_bytes
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.http import http_session
from siglum.storage.remotes.http_session import HttpSession
from siglum.storage.remotes.options import RemoteOptions
from siglum.storage.sources.base import Facts, Progress, Taken, TakenFile
from siglum.storage.sources.http_body import Decoder, decoder_for, length_of, md5_of, starts_at

_TRIES = 5
# A server may refuse HEAD and serve GET.
_NO_HEAD = frozenset({400, 403, 405, 501})
_ASKED = {"Accept": "*/*", "Accept-Encoding": "identity"}
# What of an address stands for itself; the rest, blanks and letters beyond ASCII, is written as its bytes' numbers.
_SAFE = "!#$%&'()*+,/:;=?@[]~"


class _BrokenError(Exception):
    """The connection ended before the body did."""


def open_http_source(url: str, options: Mapping[str, str]) -> HttpSource:
    """Return the source at an address, with DVC's options for it. Connects to nothing yet.

    Raises NotSupportedError for an option that cannot be honoured, InvalidInputError for one that cannot be right.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise InvalidInputError(f"{shown_url(url)!r} names no server.")
    plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
    read = RemoteOptions(shown_url(plain), f"{parts.scheme}://", options)
    session = http_session(read, parts)
    read.refuse_others()
    return HttpSource(plain, session)


class HttpSource:
    """The file at `url`, an address without credentials. Folders cannot be listed over HTTP."""

    def __init__(self, url: str, session: HttpSession) -> None:
        self.url = url
        self.shown = shown_url(url)
        self._session = session

    def facts(self) -> Facts:
        found = self._ask("HEAD")
        if found is None or found.size is None:
            # Some answer HEAD with less than GET. The body is not read.
            found = self._ask("GET")
            assert found is not None
        return found

    def take(self, store: ObjectStore, jobs: int | None = None, progress: Progress | None = None) -> Taken:  # noqa: ARG002
        facts = self.facts()
        with store.batch() as batch:
            target = batch.reserve(1)[0]
            found = self._download(target, progress)
            batch.receive_each([(found.oid, target)])
            batch.commit()
        if self.facts().token != facts.token:
            raise ConflictError(f"{self.shown} changed while it was fetched.", hint="Try again.")
        return Taken(facts, (TakenFile("", found.oid, found.size),))

    def groups(self, store: ObjectStore, jobs: int | None = None) -> Iterator[tuple[TakenFile, ...]]:
        yield self.take(store, jobs).files

    def _ask(self, method: str) -> Facts | None:
        """Return what the server says of the file; None where it does not answer such a question."""

        def read(response: http.client.HTTPResponse) -> Facts | None:
            if method == "HEAD" and response.status in _NO_HEAD:
                return None
            self._refuse(response)
            return _facts(self.url, response.headers)

        return self._session.perform(method, quote(self.url, safe=_SAFE), read, headers=_ASKED)

    def _download(self, target: str, progress: Progress | None) -> FileHash:
        with open(target, "xb") as file:
            state = _Download(self.shown, file, progress)
            tries = 0
            while True:
                before = state.received
                try:
                    self._transfer(state)
                    return state.finished()
                except _BrokenError as error:
                    tries = 1 if state.received > before else tries + 1
                    if tries >= _TRIES:
                        raise UnavailableError(
                            f"{self.shown} was cut short: {error}.", hint="Check the network, then try again."
                        ) from None

    def _transfer(self, state: _Download) -> None:
        """Get what is missing of the body. Raises _BrokenError when not all of it comes."""
        extra = state.resume_headers()

        def read(response: http.client.HTTPResponse) -> None:
            self._refuse(response)
            if response.status == HTTPStatus.PARTIAL_CONTENT:
                if not extra or starts_at(response.headers) != state.received:
                    raise _BrokenError("the server sent another part than was asked for")
            elif state.received:
                state.start_again()
            state.read(response)

        self._session.perform("GET", quote(self.url, safe=_SAFE), read, headers={**_ASKED, **extra})

    def _refuse(self, response: http.client.HTTPResponse) -> None:
        """Raise what an answer means that is not a success."""
        if response.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            raise _refusal(self.shown, response.status, f"HTTP {response.status} {response.reason}".rstrip())


def _refusal(url: str, status: int, said: str) -> SiglumError:
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return NotFoundError(f"{url} does not exist ({said}).")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED):
        return UnauthenticatedError(f"{url}: {said}.", hint="Give user and password with --fs-config.")
    if status == HTTPStatus.FORBIDDEN:
        return PermissionDeniedError(f"{url}: {said}.", hint="Ask its owner for the rights.")
    return UnavailableError(f"{url}: {said}.", hint="Check the address, or try again later.")


class _Download:
    """What came of a body so far. It goes on only with bytes of the same version of the file."""

    def __init__(self, url: str, file: IO[bytes], progress: Progress | None) -> None:
        self._url = url
        self._file = file
        self._progress = progress
        self._expected: int | None = None
        self._decoder: Decoder | None = None
        self._validator: str | None = None
        self._said: str | None = None
        self.start_again()

    def start_again(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._hasher = md5()
        self._size = self.received = 0

    def resume_headers(self) -> dict[str, str]:
        """Return what asks for the rest; nothing, and begin anew, where the rest might be another file's."""
        if self.received and (self._validator is None or self._decoder is not None):
            self.start_again()
        if not self.received or self._validator is None:
            return {}
        return {"Range": f"bytes={self.received}-", "If-Range": self._validator}

    def read(self, response: http.client.HTTPResponse) -> None:
        if not self.received:
            self._begin(response.headers)
        try:
            while block := response.read(BLOCK_SIZE):
                self._write(block)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise
            raise _BrokenError("the connection broke") from None
        if self._expected is not None and self.received < self._expected:
            raise _BrokenError(f"{self.received:,} of {self._expected:,} bytes came")

    def _begin(self, headers: Message) -> None:
        self._expected = length_of(headers)
        self._decoder = decoder_for(headers, self._url)
        self._said = md5_of(headers)
        etag = headers.get("ETag")
        # A weak ETag says "about the same", which is not enough to put two halves together.
        weak = etag is not None and etag.startswith("W/")
        self._validator = headers.get("Last-Modified") if etag is None or weak else etag

    def _write(self, block: bytes) -> None:
        self.received += len(block)
        plain = block if self._decoder is None else self._decoder.feed(block)
        try:
            self._file.write(plain)
        except OSError as error:
            error.filename = self._file.name  # a full disk, and not the connection
            raise
        self._hasher.update(plain)
        self._size += len(plain)
        if self._progress is not None:
            self._progress(0, self.received)

    def finished(self) -> FileHash:
        if self._decoder is not None and not self._decoder.complete:
            raise UnavailableError(f"{self._url} was cut short: its compressed body has no end.", hint="Try again.")
        self._file.flush()
        found = FileHash(self._hasher.hexdigest(), self._size)
        if self._said is not None and self._decoder is None and self._said != found.oid:
            raise IntegrityError(
                f"{self._url}: the body's MD5 is {found.oid}, but the server says {self._said}.",
                hint="The server is wrong about its file, or something changes it on the way.",
            )
        return found


def _facts(url: str, headers: Message) -> Facts:
    size = length_of(headers)
    known = headers.get("ETag") or headers.get("Content-MD5")
    return Facts(checksum=known or _token(url, headers, size), size=size)


def _token(url: str, headers: Message, size: int | None) -> str:
    """Return a number that changes with what the server says of the file: the one that DVC records."""
    info: dict[str, str | int | bool | None] = {"name": url, "size": size}
    if "Content-Type" in headers:
        info["mimetype"] = headers["Content-Type"].partition(";")[0]
    if headers.get("Accept-Ranges") == "none":
        info["partial"] = False
    info["url"] = url
    for name in ("Digest", "Last-Modified"):
        if headers.get(name):
            info[name] = headers[name]
    info["type"] = "file"
    return str(int(md5_bytes(str((info,)).encode()), 16))
