"""Remotes on web servers: the contract, logins, and what networks and servers do to a transfer."""

from __future__ import annotations

import hashlib
import os
import ssl
import subprocess
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from siglum.core.errors import (
    IntegrityError,
    InvalidInputError,
    NotSupportedError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.storage.remotes import BulkRemote, Download, Remote, Upload, http_session, open_remote
from siglum.storage.remotes.http_auth import Digest
from siglum.testing.http_files import HttpFiles
from siglum.testing.http_server import Fault, FaultKind, HttpServer, Request, Response
from siglum.testing.remotes import BulkRemoteContract


class TestHttpRemote(BulkRemoteContract):
    can_list = False

    @pytest.fixture
    def remote(self) -> Iterator[Remote]:
        with HttpFiles() as server:
            yield open_remote("r", f"{server.url}/some data/x", {"method": "PUT"})


@pytest.fixture
def server() -> Iterator[HttpFiles]:
    with HttpFiles() as running:
        yield running


def make(folder: Path, data: bytes) -> Upload:
    oid = hashlib.md5(data).hexdigest()
    path = folder / f"source-{oid}"
    path.write_bytes(data)
    return Upload(str(path), f"files/md5/{oid[:2]}/{oid[2:]}", oid)


@pytest.mark.parametrize("kind", ["status", "cut", "cut answer"])
def test_what_passes_is_tried_again(server: HttpFiles, tmp_path: Path, kind: FaultKind) -> None:
    remote = open_remote("r", server.url)
    assert isinstance(remote, BulkRemote)
    uploads = [make(tmp_path, b"%d" % n) for n in range(20)]
    faults = [Fault(kind, method, times=2, status=503) for method in ("POST", "HEAD", "GET")]
    server.web.faults += faults
    assert all(isinstance(outcome, int) for outcome in remote.put_many(uploads))
    assert remote.exists([each.key for each in uploads]) == {each.key for each in uploads}
    outcomes = remote.get_many([Download(each.key, f"{each.source}.back", each.oid) for each in uploads])
    assert all(isinstance(outcome, int) for outcome in outcomes)
    assert [fault.hits for fault in faults] == [2, 2, 2]


@pytest.mark.parametrize("kind", ["stall", "stall body", "cut body"])
def test_a_server_that_falls_silent(server: HttpFiles, tmp_path: Path, kind: FaultKind) -> None:
    remote = open_remote("r", server.url, {"read_timeout": "0.5"})
    upload = make(tmp_path, os.urandom(5000))
    remote.put(upload.source, upload.key, upload.oid)
    fault = Fault(kind, "GET")
    server.web.faults.append(fault)
    assert remote.get(upload.key, f"{upload.source}.back", upload.oid) == 5000
    assert fault.hits == 1


@pytest.mark.parametrize("kind", ["short", "wrong"])
def test_wrong_bytes_are_not_accepted(server: HttpFiles, tmp_path: Path, kind: FaultKind) -> None:
    remote = open_remote("r", server.url)
    upload = make(tmp_path, os.urandom(1000))
    remote.put(upload.source, upload.key, upload.oid)
    fault = Fault(kind, "GET")
    server.web.faults.append(fault)
    with pytest.raises(IntegrityError, match=upload.key):
        remote.get(upload.key, f"{upload.source}.back", upload.oid)
    assert fault.hits == 1
    assert not os.path.exists(f"{upload.source}.back")


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, UnavailableError), (401, UnauthenticatedError), (403, PermissionDeniedError), (507, StorageFullError)],
)
def test_what_does_not_pass_is_not_tried_again(
    server: HttpFiles, tmp_path: Path, status: int, error: type[SiglumError]
) -> None:
    upload = make(tmp_path, b"x")
    fault = Fault("status", "POST", status=status, times=9)
    server.web.faults.append(fault)
    with pytest.raises(error, match=f"'r'.*HTTP {status}"):
        open_remote("r", server.url).put(upload.source, upload.key, upload.oid)
    assert fault.hits == 1


def test_a_server_that_stays_away(server: HttpFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_session, "_FIRST_WAIT", 0.001)
    remote = open_remote("r", server.url)
    fault = Fault("status", "HEAD", times=99, headers={"retry-after": "0"})
    server.web.faults.append(fault)
    with pytest.raises(UnavailableError, match="'r' does not answer: HTTP 503"):
        remote.exists(["key"])
    assert fault.hits == 6
    server.web.stop()
    with pytest.raises(UnavailableError, match="'r' does not answer: "):
        remote.check()


def test_methods_that_a_server_does_not_have(tmp_path: Path) -> None:
    upload = make(tmp_path, b"x")
    with HttpFiles(methods=("GET", "PUT")) as server:
        remote = open_remote("r", server.url, {"method": "put"})
        remote.check()
        remote.put(upload.source, upload.key, upload.oid)
        absent = f"files/md5/00/{'0' * 30}"
        assert remote.exists([upload.key, absent]) == {upload.key}
        assert remote.exists([upload.key, absent]) == {upload.key}
        with pytest.raises(NotSupportedError, match=r"does not take uploads with POST.*method PUT"):
            open_remote("r", server.url).put(upload.source, upload.key, upload.oid)
        with pytest.raises(NotSupportedError, match="405"):
            remote.delete(upload.key)


SECRET = "a-password-that-nobody-may-see"
LOGINS = [
    (("basic", "me", SECRET), {"auth": "basic", "user": "me", "password": SECRET}),
    (("basic", "me", SECRET), {"user": "me", "password": SECRET}),
    (("digest", "me", SECRET), {"auth": "digest", "user": "me", "password": SECRET}),
    (("custom", "X-Token", SECRET), {"auth": "custom", "custom_auth_header": "X-Token", "password": SECRET}),
]


@pytest.mark.parametrize(("login", "options"), LOGINS)
def test_logins(tmp_path: Path, login: tuple[str, str, str], options: dict[str, str]) -> None:
    uploads = [make(tmp_path, b"%d" % n) for n in range(20)]
    with HttpFiles(login=login) as server:
        remote = open_remote("r", server.url, options)
        assert isinstance(remote, BulkRemote)
        assert list(remote.put_many(uploads)) == [len(f"{n}") for n in range(20)]
        assert remote.exists([each.key for each in uploads]) == {each.key for each in uploads}
        for wrong in (open_remote("r", server.url, options | {"password": f"{SECRET}!"}), open_remote("r", server.url)):
            with pytest.raises(UnauthenticatedError, match="401") as caught:
                wrong.get(uploads[0].key, str(tmp_path / "t"), None)
            said = "".join(traceback.format_exception(caught.value)) + repr(wrong) + repr(vars(wrong))
            assert SECRET not in said
            with pytest.raises(UnauthenticatedError):
                wrong.check()


def test_a_challenge_is_met_once_by_each_request() -> None:
    login = Digest("me", SECRET)
    assert login.headers("GET", "/a") == login.headers("GET", "/b") == {}  # two that go out at the same time
    challenge = 'Digest realm="r", nonce="n1", qop="auth", algorithm=MD5'
    assert login.challenged(challenge, "")
    assert login.challenged(challenge, ""), "the second was sent before the first was refused"
    answer = login.headers("GET", "/a")["Authorization"]
    assert not login.challenged(challenge, answer), "the password is wrong"
    assert login.challenged(challenge.replace("n1", "n2"), answer), "the nonce was too old"


def test_a_login_in_the_url_or_in_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpFiles(login=("basic", "me", SECRET)) as server:
        address = server.url.removeprefix("http://")
        remote = open_remote("r", f"http://me:{SECRET}@{address}/x")
        remote.check()
        assert remote.url == f"http://{address}/x"
        (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        open_remote("r", server.url).check()


@pytest.mark.parametrize(
    "options",
    [
        {"auth": "basic"},
        {"auth": "custom", "custom_auth_header": "X"},
        {"auth": "other", "user": "a", "password": "b"},
        {"method": "PATCH"},
        {"read_timeout": "never"},
        {"ask_password": "true", "user": "me"},
        {"custom_auth_header": "X", "auth": "basic", "user": "a", "password": "b"},
        {"no_such_option": "x"},
    ],
)
def test_options_that_cannot_be_right_are_named(options: dict[str, str]) -> None:
    with pytest.raises((InvalidInputError, NotSupportedError), match="'r'"):
        open_remote("r", "http://127.0.0.1:9/x", options)


@pytest.mark.parametrize("url", ["http:///x", "https://host/x?token=1"])
def test_urls_that_cannot_be_right(url: str) -> None:
    with pytest.raises(InvalidInputError, match="'r'"):
        open_remote("r", url)


def test_a_redirect_is_followed_and_a_login_told_to_nobody_else(tmp_path: Path) -> None:
    upload = make(tmp_path, b"x")
    with HttpFiles() as other, HttpFiles(login=("basic", "me", SECRET)) as server:
        other.files[f"/there/{upload.key}"] = b"x"
        server.redirects[f"/here/{upload.key}"] = f"{other.url}/there/{upload.key}"
        remote = open_remote("r", f"{server.url}/here", {"user": "me", "password": SECRET})
        assert remote.get(upload.key, str(tmp_path / "t"), upload.oid) == 1
        assert "authorization" in server.web.log[-1].headers
        assert "authorization" not in other.web.log[-1].headers
        server.redirects["/here/loop"] = "/here/loop"
        with pytest.raises(UnavailableError, match="in circles"):
            remote.get("loop", str(tmp_path / "t2"), None)


def test_certificates(tmp_path: Path) -> None:
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *subject],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with HttpFiles(tls=context) as server:
        server.files["/x"] = b"x"
        for options in ({"ssl_verify": certificate}, {"ssl_verify": "false"}):
            assert open_remote("r", server.url, options).exists(["x", "y"]) == {"x"}
        with pytest.raises(UnavailableError, match=r"no certificate to trust.*ssl_verify"):
            open_remote("r", server.url, {"ssl_verify": "true"}).exists(["x"])


def test_a_proxy_of_the_environment(server: HttpFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/x"] = b"behind the proxy"
    seen: list[str] = []

    def forward(request: Request) -> Response:
        seen.append(request.headers.get("proxy-authorization", ""))
        return Response(200, {}, server.files[urlsplit(request.raw_path).path])

    with HttpServer(forward) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        remote = open_remote("r", "http://far.example")
        assert remote.get("x", str(tmp_path / "t"), None) == 16
        assert seen[0].startswith("Basic ")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        open_remote("r", server.url).check()
        assert len(seen) == 1
