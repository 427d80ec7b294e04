"""`ArtifactStore` over the artifact service of a server: files are streamed, whole ones are never in memory."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import os
import posixpath
from collections.abc import Iterator, Sequence
from typing import IO, Any, BinaryIO
from urllib.parse import quote

import msgspec

from siglum.client import progress
from siglum.client.rest.session import SIGLUM, RestSession, query_of
from siglum.core.errors import IntegrityError, InvalidInputError, NotFoundError, NotSupportedError, UnavailableError
from siglum.storage.artifacts.base import ArtifactEntry
from siglum.storage.artifacts.paths import parse_artifact_path, parse_folder_path
from siglum.storage.artifacts.replacing import NumberedWrite, Outcome
from siglum.tracking import calls, own_calls
from siglum.tracking.calls import Empty

CHUNK = 1024 * 1024
_SERVICE = "/api/2.0/mlflow-artifacts/artifacts"


class RestArtifactStore:
    """Files below one folder of a server's artifact service; `prefix` is that folder, its root when empty.

    Siglum's server tells the SHA-256 of each file; what arrives, there or here, with another one is refused.
    MLflow's server tells none: there only the announced length is checked.
    """

    def __init__(self, session: RestSession, prefix: str = "") -> None:
        self._session = session
        self._prefix = "/".join(parse_folder_path(prefix.strip("/")))

    def put(self, path: str, source: BinaryIO) -> ArtifactEntry:
        path = _checked(path)
        upload = _Upload(source)
        headers = {"Content-Type": "application/octet-stream"}
        if upload.size is not None:
            headers["Content-Length"] = str(upload.size)
        else:
            headers["Transfer-Encoding"] = "chunked"
        try:
            response = self._session.stream(
                "PUT", self._address(path), upload, headers=headers, idempotent=upload.size is not None
            )
        except _SourceFailedError as failure:
            raise failure.error from None
        self._session.read(response)
        stored = _etag(response)
        if stored is not None and stored != upload.sha256:
            raise IntegrityError(f"{path}: the server stored other bytes than were sent (SHA-256 {stored}).")
        return ArtifactEntry(path=path, is_dir=False, size=upload.sent, sha256=upload.sha256)

    def replace(self, path: str, content: bytes, expected: str | None, write: NumberedWrite | None) -> Outcome:
        """Store a file unless it has changed. Raises NotSupportedError for a server of MLflow's."""
        if self._session.is_siglum is False:
            raise NotSupportedError(f"{self._session.url} cannot tell who else changes a file.")
        upload = _Upload(io.BytesIO(content))
        request = own_calls.ReplaceArtifact(
            path=posixpath.join(self._prefix, _checked(path)),
            sha256=hashlib.sha256(content).hexdigest(),
            expected=expected,
            writer=write.writer if write is not None else None,
            number=write.number if write is not None else None,
        )
        response = self._session.stream(
            "PUT",
            f"{SIGLUM}artifacts?{query_of(request)}",
            upload,
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(len(content))},
            idempotent=write is not None,
        )
        return msgspec.json.decode(self._session.read(response), type=own_calls.ReplaceAnswer).outcome

    def put_file(self, path: str, local_path: str) -> ArtifactEntry:
        with open(local_path, "rb") as source:
            return self.put(path, source)

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        path = _checked(path)
        response = self._session.stream("GET", self._address(path))
        download = _Download(path, response, self._session)
        try:
            yield io.BufferedReader(download, CHUNK)
        finally:
            if not download.finished:
                self._session.abandon()

    def get_file(self, path: str, local_path: str) -> None:
        with self.open(path) as source:
            try:
                with open(local_path, "xb") as target:
                    while chunk := source.read(CHUNK):
                        target.write(chunk)
            except FileExistsError:
                raise
            except BaseException:
                os.unlink(local_path)
                raise

    def fingerprint(self, path: str) -> str | None:
        """Return a file's SHA-256 without its bytes, but for one; None at a server of MLflow's, which does not tell.

        Raises:
            NotFoundError: There is no such file.
        """
        response = self._session.stream("GET", self._address(_checked(path)), headers={"Range": "bytes=0-0"})
        found = _etag(response)
        if response.status == 206:
            self._session.read(response)
        else:
            self._session.abandon()  # the server takes no ranges, and sends all of it
        return found

    def stat(self, path: str) -> ArtifactEntry:
        path = _checked(path)
        folder, name = posixpath.split(path)
        for entry in self.list(folder):
            if posixpath.basename(entry.path) == name:
                return entry
        raise NotFoundError(f"No such artifact: '{path}'.")

    def list(self, path: str = "") -> Sequence[ArtifactEntry]:
        path = "/".join(parse_folder_path(path))
        folder = posixpath.join(self._prefix, path) if path else self._prefix
        entries = []
        for file in self._listing(calls.ArtifactPath(path=folder)).files:
            name = posixpath.basename(file.path.rstrip("/"))
            entries.append(
                ArtifactEntry(
                    path=_checked(posixpath.join(path, name) if path else name),
                    is_dir=file.is_dir,
                    size=None if file.is_dir else file.file_size,
                    sha256=file.sha256,
                )
            )
        return sorted(entries, key=lambda entry: entry.path)

    def _listing(self, request: calls.ArtifactPath) -> calls.ArtifactsAnswer:
        """Return a folder as Siglum's server tells it, with hashes; where there is another server, as MLflow's does."""
        if self._session.is_siglum is not False:
            try:
                answer = self._session.call("GET", f"{SIGLUM}artifacts", request, calls.ArtifactsAnswer)
            except NotSupportedError:
                self._session.is_siglum = False
            else:
                self._session.is_siglum = True
                return answer
        return self._session.call("GET", _SERVICE, request, calls.ArtifactsAnswer)

    def delete(self, path: str) -> None:
        self._session.call("DELETE", self._address(_checked(path)), Empty(), Empty)

    def _address(self, path: str) -> str:
        return f"{_SERVICE}/{quote(posixpath.join(self._prefix, path), safe='/')}"


def _checked(path: str) -> str:
    return "/".join(parse_artifact_path(path))


def _etag(response: http.client.HTTPResponse) -> str | None:
    """Return the SHA-256 that an answer's ETag holds; None for another kind of ETag."""
    value = (response.getheader("ETag") or "").strip('"')
    return value if len(value) == 64 and not set(value) - set("0123456789abcdef") else None


class _SourceFailedError(Exception):
    """The file that is sent could not be read. Told apart from a connection that fails, which may be tried again."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Upload:
    """A body for `http.client`: reads in large pieces, hashes what it gives, and starts anew when it is rewound."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.size: int | None = None
        self._start = 0
        if source.seekable():
            self._start = source.tell()
            self.size = source.seek(0, os.SEEK_END) - self._start
            source.seek(self._start)
        self._begin()

    def _begin(self) -> None:
        self.sent = 0
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def read(self, _size: int = -1) -> bytes:
        try:
            chunk = self._source.read(CHUNK)
        except Exception as error:
            raise _SourceFailedError(error) from error
        if self.size is not None and self.sent + len(chunk) > self.size:
            raise InvalidInputError("A file grew while it was sent.", hint="Send it again once nothing writes to it.")
        self.sent += len(chunk)
        self._hash.update(chunk)
        progress.moved(len(chunk))
        return chunk

    def rewind(self) -> None:
        if self.size is not None:
            self._source.seek(self._start)
        self._begin()


class _Download(io.RawIOBase):
    """The body of an answer as a file, checked at its end against the announced length and SHA-256."""

    def __init__(self, path: str, response: http.client.HTTPResponse, session: RestSession) -> None:
        self._path = path
        self._response = response
        self._session = session
        self._announced = _etag(response)
        self._hash = hashlib.sha256()
        self.finished = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._response.length
        try:
            count = self._response.readinto(buffer)
        except (http.client.HTTPException, OSError) as error:
            raise UnavailableError(
                f"{self._path}: the connection to {self._session.url} broke in the middle ({error})."
            ) from None
        if count:
            self._hash.update(memoryview(buffer)[:count])
            progress.moved(count)
            return count
        if left:
            raise UnavailableError(
                f"{self._path}: the connection to {self._session.url} ended {left:,} bytes before the file's end.",
                hint="The server may have found the file damaged; its log says more.",
            )
        self.finished = True
        if self._announced is not None and self._hash.hexdigest() != self._announced:
            raise IntegrityError(f"{self._path}: what arrived is not the file that the server has on record.")
        return 0
