"""Remotes on S3: the contract against three servers, and what networks and servers do to a transfer."""

from __future__ import annotations

import hashlib
import os
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from siglum.core.errors import (
    IntegrityError,
    NotFoundError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.storage.manifest import make_manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes import BulkRemote, Download, Remote, Upload, object_bodies, object_store, open_remote
from siglum.storage.transfer import plan_push, run_transfer
from siglum.testing.http_server import Fault, FaultKind
from siglum.testing.remotes import BulkRemoteContract
from siglum.testing.s3_server import S3Server

URL = "s3://bucket/pre fix/ü%20"


def open_at(server: S3Server, url: str = URL, **options: str) -> Remote:
    keys = {"access_key_id": server.access_key, "secret_access_key": server.secret_key}
    return open_remote("r", url, {"endpointurl": server.url, **keys, **options})


class TestS3Remote(BulkRemoteContract):
    """Against our own server, whose listings have short pages."""

    @pytest.fixture
    def remote(self) -> Iterator[Remote]:
        with S3Server(["bucket"], page=7) as server:
            yield open_at(server)


class TestS3RemoteWithoutAFolder(BulkRemoteContract):
    """The bucket itself, on a server whose ETags say nothing of the bytes."""

    @pytest.fixture
    def remote(self) -> Iterator[Remote]:
        with S3Server(["bucket"], opaque_etags=True) as server:
            yield open_at(server, "s3://bucket")


class TestS3RemoteAtMoto(BulkRemoteContract):
    """Against a server that others wrote."""

    @pytest.fixture
    def remote(self, moto_url: str, request: pytest.FixtureRequest) -> Remote:
        bucket = hashlib.md5(request.node.nodeid.encode()).hexdigest()
        with urlopen(Request(f"{moto_url}/{bucket}", method="PUT")) as answer:
            assert answer.status == 200
        options = {"endpointurl": moto_url, "access_key_id": "anybody", "secret_access_key": "anything"}
        return open_remote("r", f"s3://{bucket}/pre fix/ü%20", options)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """The address of a moto server.

    It never answers a body of the type application/x-www-form-urlencoded, which urllib gives to all it sends: moto 5.2
    reads it as a form, and then waits for it to come once more. Another type has to be named; obstore names another.
    """
    from moto.server import ThreadedMotoServer  # here, since importing it takes two seconds

    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def server() -> Iterator[S3Server]:
    with S3Server(["bucket"]) as running:
        yield running


def make(folder: Path, data: bytes) -> Upload:
    oid = hashlib.md5(data).hexdigest()
    path = folder / f"source-{oid}"
    path.write_bytes(data)
    return Upload(str(path), f"files/md5/{oid[:2]}/{oid[2:]}", oid)


def stored(server: S3Server) -> set[str]:
    return {key.removeprefix("pre fix/ü%20/") for key in server.contents("bucket")}


@pytest.mark.parametrize("kind", ["status", "cut", "cut answer"])
def test_what_passes_is_tried_again(server: S3Server, tmp_path: Path, kind: FaultKind) -> None:
    remote = open_at(server)
    uploads = [make(tmp_path, b"%d" % n) for n in range(20)]
    assert isinstance(remote, BulkRemote)
    faults = [Fault(kind, "PUT", times=3, status=503), Fault(kind, "HEAD", times=2, status=500)]
    faults += [Fault(kind, "GET", path="files/md5", times=3, status=503)]
    server.web.faults += faults
    assert all(isinstance(outcome, int) for outcome in remote.put_many(uploads))
    assert remote.exists([each.key for each in uploads]) == {each.key for each in uploads}
    outcomes = remote.get_many([Download(each.key, f"{each.source}.back", each.oid) for each in uploads])
    assert all(isinstance(outcome, int) for outcome in outcomes)
    assert [fault.hits for fault in faults] == [3, 2, 3]


def test_a_body_that_is_cut_is_fetched_again(server: S3Server, tmp_path: Path) -> None:
    remote = open_at(server)
    upload = make(tmp_path, os.urandom(100_000))
    remote.put(upload.source, upload.key, upload.oid)
    fault = Fault("cut body", "GET")
    server.web.faults.append(fault)
    assert remote.get(upload.key, f"{upload.source}.back", upload.oid) == 100_000
    assert fault.hits == 1


@pytest.mark.parametrize("kind", ["stall", "stall body"])
def test_a_server_that_falls_silent(server: S3Server, tmp_path: Path, kind: FaultKind) -> None:
    remote = open_at(server, read_timeout="1")
    upload = make(tmp_path, b"some bytes")
    remote.put(upload.source, upload.key, upload.oid)
    fault = Fault(kind, "GET")
    server.web.faults.append(fault)
    assert remote.get(upload.key, f"{upload.source}.back", upload.oid) == 10
    assert fault.hits == 1


@pytest.mark.parametrize("kind", ["short", "wrong"])
def test_wrong_bytes_are_not_accepted(server: S3Server, tmp_path: Path, kind: FaultKind) -> None:
    remote = open_at(server)
    upload = make(tmp_path, os.urandom(1000))
    remote.put(upload.source, upload.key, upload.oid)
    fault = Fault(kind, "GET")
    server.web.faults.append(fault)
    with pytest.raises(IntegrityError, match=upload.key):
        remote.get(upload.key, f"{upload.source}.back", upload.oid)
    assert fault.hits == 1
    assert not os.path.exists(f"{upload.source}.back")


def test_a_server_that_stores_other_bytes(server: S3Server, tmp_path: Path) -> None:
    remote = open_at(server)
    upload = make(tmp_path, os.urandom(1000))
    fault = Fault("wrong upload", "PUT")
    server.web.faults.append(fault)
    with pytest.raises(IntegrityError, match=upload.key):
        remote.put(upload.source, upload.key, upload.oid)
    assert fault.hits == 1
    assert stored(server) == set()
    remote.put(upload.source, upload.key, upload.oid)
    assert stored(server) == {upload.key}


@pytest.mark.parametrize(
    ("status", "error"), [(403, PermissionDeniedError), (400, SiglumError), (507, StorageFullError)]
)
def test_what_does_not_pass_is_not_tried_again(
    server: S3Server, tmp_path: Path, status: int, error: type[SiglumError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(object_store._RETRY, "max_retries", 0 if status == 507 else 8)
    upload = make(tmp_path, b"x")
    fault = Fault("status", "PUT", status=status, times=9)
    server.web.faults.append(fault)
    with pytest.raises(error, match="'r'"):
        open_at(server).put(upload.source, upload.key, upload.oid)
    assert fault.hits == 1


def test_a_server_that_stays_broken(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(object_store._RETRY, "max_retries", 2)
    uploads = [make(tmp_path, b"%d" % n) for n in range(50)]
    remote = open_at(server)
    assert isinstance(remote, BulkRemote)
    fault = Fault("status", "PUT", times=1000, skip=30)
    server.web.faults.append(fault)
    with pytest.raises(UnavailableError, match=r"'r' does not answer: .*503|'r' does not answer: .*SlowDown"):
        remote.put_many(uploads, 4)
    assert fault.hits >= 3
    assert len(stored(server)) >= 26  # what was sent before stays, and is not sent again
    server.web.faults.clear()
    server.web.log.clear()
    missing = [each for each in uploads if each.key not in remote.exists([each.key for each in uploads])]
    remote.put_many(missing)
    assert server.web.count("PUT") == len(missing) < 25
    assert stored(server) == {each.key for each in uploads}


def test_a_remote_that_is_not_there(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = make(tmp_path, b"x")
    nowhere = open_at(server, "s3://other/x")
    for call in (
        nowhere.check,
        lambda: nowhere.put(upload.source, upload.key, upload.oid),
        lambda: nowhere.get(upload.key, str(tmp_path / "t"), upload.oid),
        lambda: list(nowhere.list("")),
    ):
        with pytest.raises(UnavailableError, match=r"nothing is at s3://other/x"):
            call()
    monkeypatch.setitem(object_store._RETRY, "max_retries", 0)
    gone = open_at(server, connect_timeout="1")
    server.web.stop()
    with pytest.raises(UnavailableError, match="'r' does not answer"):
        gone.check()


def test_large_objects_go_in_parts(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_bodies, "MULTIPART_ABOVE", 4 << 20)
    monkeypatch.setattr(object_bodies, "_PART", 1 << 20)
    remote = open_at(server)
    size = (4 << 20) + 5
    upload = make(tmp_path, os.urandom(size))
    fault = Fault("status", "PUT", path="partNumber=3", times=2)
    server.web.faults.append(fault)
    assert remote.put(upload.source, upload.key, upload.oid) == size
    assert fault.hits == 2
    assert server.web.count("PUT", "partNumber") == 5 + 2
    assert not server.uploads
    assert remote.get(upload.key, f"{upload.source}.back", upload.oid) == size
    assert Path(f"{upload.source}.back").read_bytes() == Path(upload.source).read_bytes()
    with pytest.raises(IntegrityError):
        remote.put(upload.source, "files/md5/00/00", "0" * 32)
    assert not server.uploads  # no parts are left behind, which would cost somebody money
    assert stored(server) == {upload.key}
    server.web.faults.append(Fault("wrong", "GET", skip=2))
    with pytest.raises(IntegrityError, match=upload.key):
        remote.get(upload.key, f"{upload.source}.again", upload.oid)
    assert not os.path.exists(f"{upload.source}.again")


def test_a_large_upload_that_fails_leaves_nothing(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(object_store._RETRY, "max_retries", 1)
    upload = make(tmp_path, b"x" * (65 << 20))  # as large as it must be for parts
    fault = Fault("status", "PUT", path="partNumber=2", times=2)
    server.web.faults.append(fault)
    with pytest.raises(UnavailableError):
        open_at(server).put(upload.source, upload.key, upload.oid)
    assert fault.hits == 2
    assert stored(server) == set()
    assert not server.uploads


def test_many_requests_are_under_way_at_once(tmp_path: Path) -> None:
    uploads = [make(tmp_path, b"%d" % n) for n in range(400)]
    with S3Server(["bucket"], latency=0.5) as server:
        remote = open_at(server)
        assert isinstance(remote, BulkRemote)
        remote.put_many(uploads)
        assert 100 < server.web.most_busy <= 256
        server.web.latency = 0.01
        server.web.most_busy = 0
        remote.get_many([Download(each.key, f"{each.source}.back", each.oid) for each in uploads], 5)
        assert server.web.most_busy == 5


def test_few_are_asked_for_and_many_are_listed(server: S3Server) -> None:
    oids = [hashlib.md5(b"%d" % n).hexdigest() for n in range(3000)]
    keys = [f"files/md5/{oid[:2]}/{oid[2:]}" for oid in oids]
    for key in keys[:2000]:
        server.store("bucket", f"pre fix/ü%20/{key}", b"x")
    remote = open_at(server)
    assert remote.exists(keys[1990:2010]) == set(keys[1990:2000])
    assert (server.web.count("HEAD"), server.web.count("GET")) == (20, 0)
    server.web.log.clear()
    assert remote.exists(keys) == set(keys[:2000])
    assert (server.web.count("HEAD"), server.web.count("GET", "list-type=2")) == (0, 256)


def test_a_manifest_is_sent_when_all_its_files_are_there(server: S3Server, tmp_path: Path) -> None:
    cache = ObjectStore(str(tmp_path / "cache/files/md5"))
    uploads = [make(tmp_path, b"%d" % n) for n in range(20)]
    cache.ingest([(each.source, None) for each in uploads])
    manifest = make_manifest([(f"f{n}", each.oid) for n, each in enumerate(uploads)])
    cache.write_manifest(manifest)
    lost = Path(cache.path_of(uploads[7].oid))
    lost.chmod(0o644)
    lost.write_bytes(b"damaged")
    result = run_transfer(plan_push([manifest.oid], cache, open_at(server)))
    assert {failure.oid for failure in result.failures} == {uploads[7].oid, manifest.oid}
    assert not any(key.endswith(".dir") for key in stored(server))
    lost.write_bytes(b"7")
    server.web.log.clear()
    assert run_transfer(plan_push([manifest.oid], cache, open_at(server))).failures == ()
    puts = [request.path for request in server.web.log if request.method == "PUT"]
    assert len(puts) == 2
    assert puts[-1].endswith(".dir")


def test_no_secret_is_ever_said(tmp_path: Path) -> None:
    secrets = {"secret_access_key": "wrong-and-very-secret", "session_token": "a-token-that-nobody-may-see"}
    upload = make(tmp_path, b"x")
    with S3Server(["bucket"], token=secrets["session_token"]) as server:
        remote = open_at(server, **secrets)
        for call in (
            remote.check,
            lambda: remote.put(upload.source, upload.key, upload.oid),
            lambda: remote.get(upload.key, str(tmp_path / "t"), None),
            lambda: remote.delete(upload.key),
            lambda: remote.exists([upload.key]),
        ):
            with pytest.raises(PermissionDeniedError) as caught:
                call()
            said = "".join(traceback.format_exception(caught.value)) + str(caught.value) + repr(remote)
            assert not any(secret in said for secret in secrets.values())
            assert server.access_key not in said
        assert server.web.count("PUT") == 1
    assert not re.search("secret|token", repr(vars(remote)).replace("secrets", ""))


def test_a_signature_covers_the_bytes(server: S3Server, tmp_path: Path) -> None:
    """The test server does refuse: what passes it is signed, and is what was signed."""
    upload = make(tmp_path, b"x")
    with pytest.raises(UnauthenticatedError, match="SignatureDoesNotMatch"):
        open_at(server, secret_access_key="not-the-key").put(upload.source, upload.key, upload.oid)
    with pytest.raises(UnauthenticatedError, match="InvalidAccessKeyId"):
        open_at(server, access_key_id="nobody").put(upload.source, upload.key, upload.oid)
    with pytest.raises(NotFoundError):
        open_at(server).get(upload.key, str(tmp_path / "t"), None)
