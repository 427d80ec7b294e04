"""The remotes on Google Cloud Storage and on Azure: the contract, logging in, and what goes wrong on the way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.storage.azure_server import ACCOUNT, CLIENT, KEY, SAS, SECRET, TENANT, AzureServer
from tests.storage.gcs_server import GcsServer

from siglum.core.errors import (
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    SiglumError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.storage.remotes import Remote, object_bodies, object_store, open_remote
from siglum.storage.remotes.azure_login import find_login
from siglum.storage.remotes.base import Upload
from siglum.storage.remotes.options import RemoteOptions
from siglum.testing.http_server import Fault, FaultKind
from siglum.testing.remotes import BulkRemoteContract

SERVED = GcsServer | AzureServer


@pytest.fixture(autouse=True)
def _no_clouds_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("GOOGLE_", "AZURE_", "STORAGE_")):
            monkeypatch.delenv(name)


@pytest.fixture
def gcs() -> Iterator[GcsServer]:
    with GcsServer(["bucket"], public=["open"], page=7) as server:
        yield server


@pytest.fixture
def azure() -> Iterator[AzureServer]:
    with AzureServer(["bucket"], public=["open"], page=7) as server:
        yield server


@pytest.fixture(params=["gcs", "azure"])
def server(request: pytest.FixtureRequest) -> SERVED:
    made: SERVED = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def remote(server: SERVED, tmp_path: Path) -> Remote:
    return opened(server, tmp_path)


def opened(server: SERVED, folder: Path, path: str = "bucket/some/path", **options: str) -> Remote:
    if isinstance(server, GcsServer):
        login = {"endpointurl": server.url, "credentialpath": server.write_key(folder), "projectname": "project"}
        return open_remote("r", f"gs://{path}", login | options)
    return open_remote("r", f"azure://{path}", {"connection_string": server.connection_string()} | options)


def written(folder: Path, data: bytes) -> tuple[str, str, str]:
    """Write a file; return its path, its hash and its key."""
    oid = hashlib.md5(data, usedforsecurity=False).hexdigest()
    path = folder / f"source-{oid}"
    path.write_bytes(data)
    return str(path), oid, f"files/md5/{oid[:2]}/{oid[2:]}"


class TestGcsRemote(BulkRemoteContract):
    @pytest.fixture
    def remote(self, gcs: GcsServer, tmp_path: Path) -> Remote:
        return opened(gcs, tmp_path)


class TestAzureRemote(BulkRemoteContract):
    @pytest.fixture
    def remote(self, azure: AzureServer, tmp_path: Path) -> Remote:
        return opened(azure, tmp_path)


def test_keys_lie_below_the_path(server: SERVED, remote: Remote, tmp_path: Path) -> None:
    source, oid, key = written(tmp_path, b"x")
    remote.check()
    remote.put(source, key, oid)
    assert server.contents("bucket") == {f"some/path/{key}": b"x"}
    bare = opened(server, tmp_path, "bucket")
    assert list(bare.list("")) == [f"some/path/{key}"]


@pytest.mark.parametrize(("kind", "method"), [("status", "PUT"), ("cut", "PUT"), ("cut answer", "PUT")])
def test_what_is_transient_is_tried_again(
    server: SERVED, remote: Remote, tmp_path: Path, kind: FaultKind, method: str
) -> None:
    items = [written(tmp_path, b"%d" % n) for n in range(10)]
    fault = Fault(kind, method, times=4)
    server.web.faults.append(fault)
    assert remote.put_many([Upload(path, key, oid) for path, oid, key in items]) == [1] * 10  # type: ignore[attr-defined]
    assert fault.hits == 4
    assert set(server.contents("bucket")) == {f"some/path/{key}" for _, _, key in items}


@pytest.mark.parametrize("kind", ["status", "cut", "cut body"])
def test_a_download_that_breaks_off_is_tried_again(
    server: SERVED, remote: Remote, tmp_path: Path, kind: FaultKind
) -> None:
    data = os.urandom(1 << 20)
    source, oid, key = written(tmp_path, data)
    remote.put(source, key, oid)
    fault = Fault(kind, "GET", times=2)
    server.web.faults.append(fault)
    assert remote.get(key, str(tmp_path / "target"), oid) == len(data)
    assert fault.hits == 2
    assert (tmp_path / "target").read_bytes() == data


def test_a_stalled_answer_is_asked_for_again(azure: AzureServer, tmp_path: Path) -> None:
    remote = opened(azure, tmp_path, read_timeout="1")
    source, oid, key = written(tmp_path, b"x")
    fault = Fault("stall", "PUT")
    azure.web.faults.append(fault)
    assert remote.put(source, key, oid) == 1
    assert fault.hits == 1


@pytest.mark.parametrize("kind", ["short", "wrong"])
def test_what_comes_damaged_is_not_accepted(server: SERVED, remote: Remote, tmp_path: Path, kind: FaultKind) -> None:
    source, oid, key = written(tmp_path, os.urandom(10_000))
    remote.put(source, key, oid)
    fault = Fault(kind, "GET", times=100)
    server.web.faults.append(fault)
    with pytest.raises(IntegrityError, match=key):
        remote.get(key, str(tmp_path / "target"), oid)
    assert fault.hits
    assert not (tmp_path / "target").exists()


def test_what_google_stores_damaged_is_noticed(gcs: GcsServer, tmp_path: Path) -> None:
    source, oid, key = written(tmp_path, b"some bytes")
    fault = Fault("wrong upload", "PUT")
    gcs.web.faults.append(fault)
    with pytest.raises(IntegrityError, match="stored other bytes"):
        opened(gcs, tmp_path).put(source, key, oid)
    assert fault.hits == 1
    assert gcs.contents("bucket") == {}


def test_large_files_go_in_parts(
    server: SERVED, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_bodies, "MULTIPART_ABOVE", 4 << 20)
    monkeypatch.setattr(object_bodies, "_PART", 1 << 20)
    data = os.urandom(9 << 20)
    source, oid, key = written(tmp_path, data)
    fault = Fault("status", "PUT", times=2)
    server.web.faults.append(fault)
    assert remote.put(source, key, oid) == len(data)
    assert fault.hits == 2
    assert server.contents("bucket") == {f"some/path/{key}": data}
    assert remote.get(key, str(tmp_path / "target"), oid) == len(data)
    Path(source).write_bytes(data[:-1] + b"!")
    with pytest.raises(IntegrityError):
        remote.put(source, f"{key}x", oid)
    assert set(server.contents("bucket")) == {f"some/path/{key}"}


def test_a_bucket_that_is_not_there(server: SERVED, tmp_path: Path) -> None:
    remote = opened(server, tmp_path, "nowhere")
    source, oid, key = written(tmp_path, b"x")
    for call in (
        remote.check,
        lambda: remote.exists([f"{n}" for n in range(400)]),
        lambda: remote.put(source, key, oid),
    ):
        with pytest.raises(UnavailableError, match=r"'r' is not there: nothing is at (gs|azure)://nowhere"):
            call()


@pytest.mark.parametrize("scheme", ["gs", "azure"])
def test_nobody_listens(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_RETRY", {"max_retries": 0})
    options = (
        {"endpointurl": "http://127.0.0.1:9", "allow_anonymous_login": "true"}
        if scheme == "gs"
        else {"connection_string": f"AccountName=a;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:9/a"}
    )
    with pytest.raises(UnavailableError, match="Remote 'r' does not answer") as caught:
        open_remote("r", f"{scheme}://bucket", options).check()
    assert KEY not in str(caught.value)


class TestLoggingInAtGoogle:
    def test_with_a_key_that_is_not_accepted(self, gcs: GcsServer, tmp_path: Path) -> None:
        key_file = gcs.write_key(tmp_path, private_key_id="another")
        source, oid, key = written(tmp_path, b"x")
        remote = open_remote("r", "gs://bucket", {"endpointurl": gcs.url, "credentialpath": key_file})
        for call in (lambda: remote.put(source, key, oid), lambda: remote.exists([key]), remote.check):
            with pytest.raises(UnauthenticatedError, match="credentials of remote 'r'") as caught:
                call()
            assert "eyJ" not in str(caught.value)

    def test_with_what_the_environment_names(
        self, gcs: GcsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", gcs.write_key(tmp_path))
        source, oid, key = written(tmp_path, b"x")
        open_remote("r", "gs://bucket", {"endpointurl": gcs.url}).put(source, key, oid)
        assert set(gcs.contents("bucket")) == {key}

    def test_nobody_may_read_what_is_public(self, gcs: GcsServer, tmp_path: Path) -> None:
        source, oid, key = written(tmp_path, b"x")
        gcs.store("open", key, b"x")
        remote = open_remote("r", "gs://open", {"endpointurl": gcs.url, "allow_anonymous_login": "true"})
        assert remote.exists([key]) == {key}
        assert remote.get(key, str(tmp_path / "target"), oid) == 1
        with pytest.raises(UnauthenticatedError):
            remote.put(source, key, oid)

    def test_an_emulator(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source, oid, key = written(tmp_path, b"x")
        with GcsServer(["bucket"], logins=False) as emulator:
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url.removeprefix("http://"))
            remote = open_remote("r", "gs://bucket", {})
            remote.put(source, key, oid)
            assert remote.exists([key]) == {key}
            remote.delete(key)
            assert emulator.contents("bucket") == {}

    @pytest.mark.parametrize(
        ("text", "kind", "said"),
        [
            ("not json", InvalidInputError, "does not hold Google's credentials"),
            ("[1]", InvalidInputError, "does not hold Google's credentials"),
            ('{"type": "external_account"}', NotSupportedError, 'type "external_account"'),
        ],
    )
    def test_key_files_that_are_none(self, tmp_path: Path, text: str, kind: type[SiglumError], said: str) -> None:
        (tmp_path / "key.json").write_text(text)
        with pytest.raises(kind, match=said):
            open_remote("r", "gs://bucket", {"credentialpath": str(tmp_path / "key.json")})

    def test_a_key_file_with_a_broken_key(self, gcs: GcsServer, tmp_path: Path) -> None:
        key_file = gcs.write_key(
            tmp_path, private_key="-----BEGIN PRIVATE KEY-----\nsecret4711\n-----END PRIVATE KEY-----"
        )
        with pytest.raises(SiglumError, match="Remote 'r'") as caught:
            open_remote("r", "gs://bucket", {"endpointurl": gcs.url, "credentialpath": key_file}).check()
        assert "secret4711" not in str(caught.value)


class TestLoggingInAtAzure:
    @pytest.fixture
    def at_account(self, azure: AzureServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the account's address be the server's, as in clouds with addresses of their own."""
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azure.url)
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", azure.web.url)

    @pytest.mark.usefixtures("at_account")
    @pytest.mark.parametrize(
        "options",
        [
            {"account_key": KEY},
            {"sas_token": f"?{SAS}"},
            {"sas_token": SAS},
            {"tenant_id": TENANT, "client_id": CLIENT, "client_secret": SECRET},
        ],
        ids=["key", "sas with mark", "sas", "application"],
    )
    def test_with_each_kind_of_credentials(self, azure: AzureServer, tmp_path: Path, options: dict[str, str]) -> None:
        source, oid, key = written(tmp_path, b"x")
        remote = open_remote("r", "azure://bucket/p", {"account_name": ACCOUNT} | options)
        remote.put(source, key, oid)
        assert azure.contents("bucket") == {f"p/{key}": b"x"}
        assert list(remote.list("")) == [key]
        remote.delete(key)
        assert azure.contents("bucket") == {}

    @pytest.mark.usefixtures("at_account")
    @pytest.mark.parametrize(
        "options",
        [
            {"account_key": "d3JvbmcgNDcxMQ=="},
            {"sas_token": "sv=2023-11-03&sig=wrong4711"},
            {"tenant_id": TENANT, "client_id": CLIENT, "client_secret": "wrong 4711"},
        ],
        ids=["key", "sas", "application"],
    )
    def test_with_wrong_credentials(self, tmp_path: Path, options: dict[str, str]) -> None:
        source, oid, key = written(tmp_path, b"x")
        remote = open_remote("r", "azure://bucket/p", {"account_name": ACCOUNT} | options)
        for call in (lambda: remote.put(source, key, oid), lambda: remote.exists([key]), remote.check):
            with pytest.raises(PermissionDeniedError, match="heck the credentials") as caught:
                call()
            assert not any(secret in f"{caught.value!r}{caught.value}" for secret in options.values())

    def test_nobody_may_read_what_is_public(self, azure: AzureServer, tmp_path: Path, at_account: None) -> None:
        source, oid, key = written(tmp_path, b"x")
        azure.store("open", key, b"x")
        remote = open_remote("r", "azure://open", {"account_name": ACCOUNT, "allow_anonymous_login": "true"})
        assert remote.exists([key]) == {key}
        assert remote.get(key, str(tmp_path / "target"), oid) == 1
        with pytest.raises(PermissionDeniedError):
            remote.put(source, key, oid)

    def test_with_what_the_environment_or_az_says(
        self, azure: AzureServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
        (tmp_path / "config").write_text(f"[storage]\nconnection_string = {azure.connection_string()}\n")
        open_remote("r", "azure://bucket", {}).check()
        (tmp_path / "config").write_text("[storage\n")
        with pytest.raises(InvalidInputError, match="config cannot be read"):
            open_remote("r", "azure://bucket", {})
        (tmp_path / "config").unlink()
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure.connection_string())
        open_remote("r", "azure://bucket", {}).check()


def login_of(options: dict[str, str], environ: dict[str, str] | None = None) -> dict[str, Any]:
    return find_login(RemoteOptions("r", "azure://", options), {"AZURE_CONFIG_DIR": "/none"} | (environ or {})).config


def test_connection_strings() -> None:
    plain = f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY};EndpointSuffix=core.windows.net"
    assert login_of({"connection_string": plain}) == {
        "account_name": "a",
        "account_key": KEY,
        "credential_type": "access_key",
        "endpoint": "https://a.blob.core.windows.net",
    }
    by_sas = "BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x%3D"
    assert login_of({"connection_string": by_sas}) == {
        "account_name": "a",
        "sas_key": "sv=1&sig=x%3D",
        "credential_type": "sas_token",
        "endpoint": "https://a.blob.core.windows.net",
    }
    emulator = login_of({"connection_string": "UseDevelopmentStorage=true"})
    assert emulator["endpoint"] == "http://127.0.0.1:10000/devstoreaccount1"


def test_the_first_kind_of_credentials_counts() -> None:
    everything = {"account_name": "a", "account_key": KEY, "sas_token": "sig=x", "client_secret": "s"}
    assert login_of(everything)["credential_type"] == "access_key"
    del everything["account_key"]
    assert login_of(everything)["credential_type"] == "sas_token"
    application = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"}
    just = {"account_name": "a"}
    assert login_of(just, application)["credential_type"] == "client_secret"
    without = just | {"exclude_environment_credential": "true"}
    assert login_of(without, application)["credential_type"] != "client_secret"
    assert login_of(just, {"AZURE_FEDERATED_TOKEN_FILE": "/f"})["credential_type"] == "workload_identity"
    assert login_of(just, {"IDENTITY_ENDPOINT": "http://x"})["credential_type"] == "managed_identity"
    assert login_of(just | {"allow_anonymous_login": "true"}) == {"account_name": "a", "skip_signature": True}


def test_the_command_line_of_azure_is_used_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "az").write_text("#!/bin/sh\n")
    (tmp_path / "az").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert login_of({"account_name": "a"})["credential_type"] == "azure_cli"
    (tmp_path / "az").unlink()
    assert login_of({"account_name": "a"})["credential_type"] == "managed_identity"
    with pytest.raises(UnauthenticatedError, match="sets no credentials"):
        login_of({"account_name": "a", "exclude_managed_identity_credential": "true"})


@pytest.mark.parametrize(
    ("url", "options", "kind", "said"),
    [
        ("gs://", {}, InvalidInputError, "names no bucket"),
        ("gs://b", {"version_aware": "true"}, NotSupportedError, "sets version_aware, which"),
        ("gs://b", {"credentialpath": "/none"}, NotFoundError, "which is not a file"),
        ("gs://b", {"allow_anonymous_login": "maybe"}, InvalidInputError, "allow_anonymous_login should be"),
        ("azure://", {}, InvalidInputError, "names no container"),
        ("azure://c", {}, InvalidInputError, "neither an account nor a connection string"),
        ("azure://c", {"account_name": "a", "account_key": "secret?"}, InvalidInputError, "key is not Base64"),
        (
            "azure://c",
            {"account_name": "a", "client_id": "c"},
            InvalidInputError,
            "not set tenant_id and client_secret",
        ),
        ("azure://c", {"connection_string": "secret"}, InvalidInputError, "connection_string is not of the form"),
        ("azure://c", {"connection_string": "a=secret"}, InvalidInputError, "connection_string is not of the form"),
        (
            "azure://c",
            {"account_name": "a", "account_key": KEY, "timeout": "x"},
            InvalidInputError,
            "timeout should be",
        ),
        ("azure://c", {"account_name": "a", "account_key": KEY, "worktree": "true"}, NotSupportedError, "worktree"),
    ],
)
def test_options_and_urls_that_cannot_be(url: str, options: dict[str, str], kind: type[SiglumError], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        open_remote("r", url, options)
    assert "secret?" not in str(caught.value)
    assert "=secret" not in str(caught.value)


def test_no_credentials_in_representations(server: SERVED, remote: Remote, tmp_path: Path) -> None:
    shown = f"{remote!r} {remote.__dict__!r} {remote.url}"
    assert KEY not in shown
    assert "PRIVATE" not in shown
