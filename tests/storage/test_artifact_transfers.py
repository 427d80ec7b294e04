"""Files that go straight to and from an object store, by URLs that its real signatures are checked on."""

from __future__ import annotations

import hashlib
import io
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.storage.azure_server import AzureServer
from tests.storage.gcs_server import GcsServer
from tests.storage.test_artifacts_objects import opened, s3_remote

from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError, NotSupportedError
from siglum.storage.artifacts.base import ArtifactLayout, PartsUpload, SentPart, SignedRequest
from siglum.storage.artifacts.index import ContentIndex
from siglum.storage.artifacts.objects import ObjectArtifactStore
from siglum.storage.artifacts.transfers import ObjectTransfers
from siglum.storage.artifacts.upkeep import ABANDONED_MS, Upkeep
from siglum.storage.remotes.object_store import ObjectStoreRemote
from siglum.storage.remotes.signing import aws_signer
from siglum.testing.http_server import Fault
from siglum.testing.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from siglum.tracking.sql.content_index import SqlContentIndex
from siglum.tracking.sql.database import open_database

Served = S3Server | GcsServer | AzureServer
PATH = "0/run/artifacts/a model+ä.bin"


@pytest.fixture(params=["s3", "gcs", "azure"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    kinds: dict[str, type[Served]] = {"s3": S3Server, "gcs": GcsServer, "azure": AzureServer}
    with kinds[request.param](["bucket"]) as server:
        yield server


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server(["bucket"]) as server:
        yield server


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqlContentIndex]:
    database = open_database(f"sqlite:///{tmp_path}/index.db")
    yield SqlContentIndex(database)
    database.close()


def remote_of(server: Served, folder: Path) -> ObjectStoreRemote:
    if isinstance(server, GcsServer):
        return opened("gs://bucket/p", {"endpointurl": server.url, "credentialpath": server.write_key(folder)})
    if isinstance(server, AzureServer):
        return opened("azure://bucket/p", {"connection_string": server.connection_string()})
    return s3_remote(server, "s3://bucket/p")


class Site:
    """A store with its direct transfers."""

    def __init__(
        self, remote: ObjectStoreRemote, index: ContentIndex, layout: ArtifactLayout = ArtifactLayout.CONTENT
    ) -> None:
        self.store = ObjectArtifactStore(remote, index, layout)
        assert self.store.contents is not None
        self.upkeep = Upkeep(remote, index, self.store.contents)
        self.direct = ObjectTransfers(self.store, self.upkeep)

    def read(self, path: str = PATH) -> bytes:
        with self.store.open(path) as file:
            return file.read()


@pytest.fixture(params=list(ArtifactLayout))
def layout(request: pytest.FixtureRequest) -> ArtifactLayout:
    return ArtifactLayout(request.param)


@pytest.fixture
def site(s3: S3Server, tmp_path: Path, index: ContentIndex) -> Iterator[Site]:
    made = Site(remote_of(s3, tmp_path), index)
    yield made
    made.upkeep.close()


def send(request: SignedRequest, data: bytes) -> str:
    asked = urllib.request.Request(request.url, data, request.headers, method="PUT")
    with urllib.request.urlopen(asked) as answer:
        return str(answer.headers.get("ETag") or "")


def fetch(request: SignedRequest) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(request.url, headers=request.headers)) as answer:
        data: bytes = answer.read()
    return data


def send_parts(upload: PartsUpload, parts: list[bytes]) -> list[SentPart]:
    return [
        SentPart(number, send(request, data))
        for number, (request, data) in enumerate(zip(upload.parts, parts, strict=True), 1)
    ]


def test_by_url_and_in_parts(served: Served, layout: ArtifactLayout, tmp_path: Path, index: ContentIndex) -> None:
    site = Site(remote_of(served, tmp_path), index, layout)
    assert site.direct.takes_parts
    assert site.direct.signs
    upload = site.direct.begin_parts(PATH, 2)
    assert list(site.store.list()) == []
    site.direct.complete_parts(PATH, upload.upload_id, send_parts(upload, [b"first", b"second"]))
    site.upkeep.wait()
    assert site.read() == b"firstsecond"
    request = site.direct.download(PATH, 60)
    assert (fetch(request), request.size) == (b"firstsecond", 11)
    assert "X" not in repr(request)
    send(site.direct.upload("0/other", 60), b"whole")
    assert site.read("0/other") == b"whole"
    with pytest.raises(ConflictError):
        site.direct.upload("0", 60)
    aborted = site.direct.begin_parts("0/third", 1)
    send_parts(aborted, [b"x"])
    site.direct.abort_parts("0/third", aborted.upload_id)
    site.direct.abort_parts("0/third", aborted.upload_id)
    assert [e.path for e in site.store.list("0")] == ["0/other", "0/run"]
    if isinstance(served, S3Server):
        assert served.uploads == {}
    if layout is ArtifactLayout.PLAIN:
        assert served.contents("bucket")[f"p/{PATH}"] == b"firstsecond"
    site.upkeep.close()


def test_what_came_in_parts_is_hashed_and_shared(site: Site, s3: S3Server, index: ContentIndex) -> None:
    site.store.put("0/same", io.BytesIO(b"firstsecond"))
    upload = site.direct.begin_parts(PATH, 2)
    site.direct.complete_parts(PATH, upload.upload_id, send_parts(upload, [b"first", b"second"]))
    site.upkeep.wait()
    assert site.store.stat(PATH).sha256 == hashlib.sha256(b"firstsecond").hexdigest()
    assert len(s3.contents("bucket")) == 1
    assert index.leftovers(0) == []


def test_a_restart_goes_on_where_a_crash_left_off(
    site: Site, s3: S3Server, tmp_path: Path, index: SqlContentIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.upkeep.close()
    site.upkeep.settle = lambda content: None  # type: ignore[method-assign]  # the crash
    upload = site.direct.begin_parts(PATH, 1)
    site.direct.complete_parts(PATH, upload.upload_id, send_parts(upload, [b"x"]))
    assert site.store.stat(PATH).sha256 is None
    assert site.read() == b"x"
    index.begin(".objects/aa/left")
    s3.store("bucket", "p/.objects/aa/left", b"half of something")
    index.begin(".objects/aa/young")
    database = index._database
    database.write(
        lambda sql: sql.run(
            "UPDATE artifact_leftovers SET since = ? WHERE key LIKE '%left'", (database.clock() - ABANDONED_MS - 1,)
        )
    )
    again = Site(remote_of(s3, tmp_path), index)
    again.upkeep.start()
    again.upkeep.wait()
    assert again.store.stat(PATH).sha256 == hashlib.sha256(b"x").hexdigest()
    assert "p/.objects/aa/left" not in s3.contents("bucket")
    assert index.leftovers(-1000) == [".objects/aa/young"]
    again.upkeep.close()


def test_an_upload_belongs_to_its_path(site: Site, layout: ArtifactLayout, s3: S3Server, tmp_path: Path) -> None:
    assert site.store.index is not None
    other = Site(remote_of(s3, tmp_path), site.store.index, layout)
    upload = other.direct.begin_parts(PATH, 1)
    parts = send_parts(upload, [b"x"])
    with pytest.raises((NotFoundError, ConflictError)):
        other.direct.complete_parts("0/another/run/model", upload.upload_id, parts)
    other.direct.abort_parts("0/another/run/model", upload.upload_id)
    assert list(other.store.list()) == []
    other.direct.complete_parts(PATH, upload.upload_id, parts)
    assert other.read() == b"x"
    other.upkeep.close()


def test_what_is_no_upload_is_refused(site: Site) -> None:
    upload = site.direct.begin_parts(PATH, 2)
    one, two = send_parts(upload, [b"x", b"y"])
    for parts in ([], [two, one], [one, one], [SentPart(0, one.etag)], [SentPart(1, "</ETag><Part>")]):
        with pytest.raises(InvalidInputError):
            site.direct.complete_parts(PATH, upload.upload_id, parts)
    with pytest.raises(ConflictError, match="InvalidPart"):
        site.direct.complete_parts(PATH, upload.upload_id, [SentPart(7, one.etag)])
    for upload_id in ("", "x", "../..", f"{'0' * 16}.", f"{'0' * 16}.a b", f"{'0' * 16}.{'x' * 5000}"):
        with pytest.raises(InvalidInputError):
            site.direct.complete_parts(PATH, upload_id, [one])
    for count in (0, -1, 10_001):
        with pytest.raises(InvalidInputError):
            site.direct.begin_parts(PATH, count)
    for path in ("../x", ".objects/aa/x", "a//b"):
        for call in (
            lambda path: site.direct.begin_parts(path, 1),
            lambda path: site.direct.complete_parts(path, upload.upload_id, [one]),
            lambda path: site.direct.download(path, 60),
            lambda path: site.direct.upload(path, 60),
        ):
            with pytest.raises(InvalidInputError):
                call(path)


def test_completing_again_is_nothing(site: Site, s3: S3Server) -> None:
    upload = site.direct.begin_parts(PATH, 1)
    parts = send_parts(upload, [b"x"])
    # The first answer is lost on its way; asked again, the store knows of no such upload.
    fault = Fault("cut answer", "POST")
    s3.web.faults.append(fault)
    site.direct.complete_parts(PATH, upload.upload_id, parts)
    assert fault.hits == 1
    site.direct.complete_parts(PATH, upload.upload_id, parts)
    site.upkeep.wait()
    assert site.read() == b"x"
    site.store.delete(PATH)
    with pytest.raises(NotFoundError):
        site.direct.complete_parts(PATH, upload.upload_id, parts)


def test_a_login_that_cannot_sign(index: ContentIndex) -> None:
    with GcsServer(["bucket"], logins=False) as server:
        login = {"endpointurl": server.url, "allow_anonymous_login": "true"}
        site = Site(opened("gs://bucket", login), index)
        site.store.put("a", io.BytesIO(b"x"))
        assert not site.direct.takes_parts
        assert not site.direct.signs
        for call in (lambda: site.direct.download("a", 60), lambda: site.direct.begin_parts("a", 1)):
            with pytest.raises(NotSupportedError):
                call()
        site.upkeep.close()


def test_the_signature_is_botocores() -> None:
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    base, query = "https://s3.eu-west-1.amazonaws.com/bucket", {"partNumber": "7", "uploadId": "a+b/c=="}
    request = AWSRequest("PUT", f"{base}/p/a%20b%C3%A4~", params=query)
    S3SigV4QueryAuth(Credentials(ACCESS_KEY, SECRET_KEY, "token/+"), "s3", "eu-west-1", 900).add_auth(request)
    wanted = set(request.url.partition("?")[2].split("&"))
    date = next(part.partition("=")[2] for part in wanted if part.startswith("X-Amz-Date="))
    now = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signer = aws_signer(base, "eu-west-1", ACCESS_KEY, SECRET_KEY, "token/+")
    found = signer.url_at(now, "PUT", "p/a bä~", query, 900)
    assert found.partition("?")[0] == request.url.partition("?")[0]
    assert set(found.partition("?")[2].split("&")) == wanted
    assert signer.url_at(now + timedelta(days=1), "PUT", "p/a bä~", query, 900) != found
    assert SECRET_KEY not in repr(signer)
