"""A server whose artifacts are in an object store: what it says when that does not work, and files around it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.server.asgi import Answer, ask
from tests.server.attacks.test_paths import ESCAPES, HARMLESS
from tests.server.test_routes import assert_is_error
from tests.storage.azure_server import AzureServer

from siglum.client.run_collection import collect_runs
from siglum.client.stores import open_stores
from siglum.core.errors import (
    InvalidInputError,
    NotSupportedError,
    PermissionDeniedError,
    SiglumError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.server.app import ServerConfig, create_app
from siglum.server.dispatch import Dispatcher
from siglum.server.stores import StoreOptions, open_served_stores
from siglum.storage.artifacts.base import ArtifactLayout
from siglum.storage.remotes import s3_region
from siglum.testing.http_server import Fault
from siglum.testing.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

API, FILES = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts"
PLACE = "s3://bucket/ml"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "MLFLOW_")):
            monkeypatch.delenv(name)
    with S3Server(["bucket"]) as server:
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        yield server


@contextlib.contextmanager
def served(
    folder: Path,
    place: str = PLACE,
    layout: ArtifactLayout = ArtifactLayout.CONTENT,
    *,
    presigned: bool = True,
) -> Iterator[ServerConfig]:
    options = StoreOptions(backend_uri="sqlite:///siglum.db", artifact_root=place, layout=layout, presigned=presigned)
    with open_served_stores(options, str(folder)) as config:
        yield config


@pytest.fixture
def app(s3: S3Server, tmp_path: Path) -> Iterator[Dispatcher]:
    with served(tmp_path) as config:
        made = create_app(config)
        yield made
        made.close()


def run_root(app: Dispatcher) -> tuple[str, str]:
    info = ask(app, "POST", f"{API}/runs/create", {"experiment_id": "0"}).json["run"]["info"]
    return info["run_id"], info["artifact_uri"].removeprefix("mlflow-artifacts:/")


def fetch(url: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[bytes, str]:
    request = urllib.request.Request(url, data, headers or {}, method="GET" if data is None else "PUT")
    with urllib.request.urlopen(request) as answer:
        return answer.read(), str(answer.headers.get("ETag"))


def test_files_through_the_server(app: Dispatcher, s3: S3Server) -> None:
    _, root = run_root(app)
    data = os.urandom(20 << 20)
    for name in ("a/large.bin", "b/large.bin"):
        put = ask(app, "PUT", f"{FILES}/artifacts/{root}/{name}", data)
        assert (put.status, put.headers["etag"]) == (200, f'"{hashlib.sha256(data).hexdigest()}"')
    assert len(s3.contents("bucket")) == 1
    assert ask(app, "GET", f"{FILES}/artifacts/{root}/b/large.bin").body == data
    part = ask(app, "GET", f"{FILES}/artifacts/{root}/b/large.bin", headers={"range": "bytes=9000000-9000009"})
    assert (part.status, part.body) == (206, data[9_000_000:9_000_010])
    listed = ask(app, "GET", f"{FILES}/artifacts?path={quote(root, safe='')}").json["files"]
    assert [file["path"] for file in listed] == ["a", "b"]
    assert ask(app, "DELETE", f"{FILES}/artifacts/{root}").status == 200
    assert s3.contents("bucket") == {}


def test_parts_and_signed_urls(app: Dispatcher, s3: S3Server) -> None:
    info = ask(app, "GET", "/api/3.0/mlflow/server-info").json
    assert info["multipart_uploads_enabled"] is info["multipart_downloads_enabled"] is True
    run_id, root = run_root(app)
    file = {"path": "/home/ann/model v1.bin"}  # where it is on the client
    begun = ask(app, "POST", f"{FILES}/mpu/create/{root}/model", {**file, "num_parts": 2}).json
    etags = [fetch(each["url"], part)[1] for each, part in zip(begun["credentials"], (b"one", b"two"), strict=True)]
    assert [each["part_number"] for each in begun["credentials"]] == [1, 2]
    parts = [{"part_number": n, "etag": etag, "url": "http://169.254.169.254/"} for n, etag in enumerate(etags, 1)]
    done = {**file, "upload_id": begun["upload_id"], "parts": parts}
    other = ask(app, "POST", f"{FILES}/mpu/complete/{root}/other", done)
    assert_is_error(other, 404)
    assert ask(app, "POST", f"{FILES}/mpu/complete/{root}/model", done).json == {}
    assert ask(app, "GET", f"{FILES}/artifacts/{root}/model/model%20v1.bin").body == b"onetwo"
    signed = ask(app, "GET", f"{FILES}/presigned/{root}/model/model%20v1.bin").json
    assert (fetch(signed["url"])[0], signed["file_size"], signed["headers"]) == (b"onetwo", 6, {})
    begun = ask(app, "POST", f"{FILES}/mpu/create/{root}/model", {"path": "C:\\x\\gone.bin", "num_parts": 1}).json
    abort = {"path": "gone.bin", "upload_id": begun["upload_id"]}
    assert ask(app, "POST", f"{FILES}/mpu/abort/{root}/model", abort).json == {}
    assert s3.uploads == {}
    upload = ask(app, "POST", f"{API}/artifacts/presigned-upload-url", {"run_id": run_id, "path": "a/b"}).json
    fetch(upload["presigned_url"], b"whole", upload.get("headers"))
    download = ask(app, "POST", f"{API}/artifacts/presigned-download-url", {"run_id": run_id, "path": "a/b"}).json
    assert (fetch(download["presigned_url"])[0], download["file_size"]) == (b"whole", 5)
    assert ask(app, "GET", f"/get-artifact?run_id={run_id}&path=a/b").body == b"whole"


def test_no_path_leads_elsewhere(app: Dispatcher, s3: S3Server) -> None:
    s3.store("bucket", "x", b"beside the store's own folder")
    s3.store("bucket", "ml/.objects/aa", b"the store's own")
    file = {"path": "f", "upload_id": f"{'0' * 16}.x", "num_parts": 1, "parts": [{"part_number": 1, "etag": "e"}]}
    for path in set(ESCAPES) - HARMLESS:
        asked: list[Answer] = [
            ask(app, "GET", f"{FILES}/artifacts/{path}"),
            ask(app, "PUT", f"{FILES}/artifacts/{path}", b"y"),
            ask(app, "DELETE", f"{FILES}/artifacts/{path}"),
            ask(app, "GET", f"{FILES}/artifacts?path={path.replace('/', '%2F')}"),
            ask(app, "GET", f"{FILES}/presigned/{path}"),
            *(ask(app, "POST", f"{FILES}/mpu/{step}/{path}", file) for step in ("create", "complete", "abort")),
        ]
        assert [answer.status for answer in asked] == [400] * len(asked), path
    run_id, _ = run_root(app)
    for path in ("../x", "../../../.objects/aa", "/x", "a//b", "a\\b", "file:/x", "%2e%2e/x", "x\0"):
        for kind in ("upload", "download"):
            answer = ask(app, "POST", f"{API}/artifacts/presigned-{kind}-url", {"run_id": run_id, "path": path})
            assert_is_error(answer, 400)
    assert set(s3.contents("bucket")) == {"x", "ml/.objects/aa"}
    assert s3.uploads == {}


def test_only_through_the_server(s3: S3Server, tmp_path: Path) -> None:
    with served(tmp_path, presigned=False) as config:
        app = create_app(config)
        _, root = run_root(app)
        assert ask(app, "GET", "/api/3.0/mlflow/server-info").json["multipart_uploads_enabled"] is False
        assert_is_error(ask(app, "POST", f"{FILES}/mpu/create/{root}", {"path": "a", "num_parts": 1}), 501)
        app.close()


@pytest.mark.parametrize("place", [PLACE, "kept"])
def test_a_plain_layout(s3: S3Server, tmp_path: Path, place: str) -> None:
    with served(tmp_path, place) as config:
        config.artifacts.put("0/a.txt", io.BytesIO(b"by content"))
    for data in (b"plain", b"again"):
        with served(tmp_path, place, ArtifactLayout.PLAIN) as config:
            config.artifacts.put("0/a.txt", io.BytesIO(data))
        found = s3.contents("bucket")["ml/0/a.txt"] if place == PLACE else (tmp_path / "kept/0/a.txt").read_bytes()
        assert found == data
    with served(tmp_path, place) as config, config.artifacts.open("0/a.txt") as file:
        assert file.read() == b"again"


@pytest.mark.parametrize(
    ("place", "environment", "error", "words"),
    [
        (PLACE, {"AWS_SECRET_ACCESS_KEY": "wrong+secret/1234"}, UnauthenticatedError, "SignatureDoesNotMatch"),
        (PLACE, {"AWS_ACCESS_KEY_ID": "", "AWS_EC2_METADATA_DISABLED": "true"}, UnauthenticatedError, "no credentials"),
        ("s3://nowhere/ml", {}, UnavailableError, "nothing is at s3://nowhere/ml"),
        (PLACE, {"MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:9"}, UnavailableError, "does not answer"),
        ("s3://key:s3cr3t@bucket/ml", {}, InvalidInputError, "does not name a place"),
        ("s3://bucket/../x", {}, InvalidInputError, "does not name a place"),
        ("s3://", {}, InvalidInputError, "does not name a place"),
        ("azure://container", {}, InvalidInputError, "AZURE_STORAGE_CONNECTION_STRING"),
        ("hdfs://host/x", {}, NotSupportedError, "cannot be kept there"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_the_start(
    s3: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    environment: dict[str, str],
    error: type[SiglumError],
    words: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(error) as caught, served(tmp_path, place):
        pass
    text = str(caught.value)
    assert words in text
    assert not (tmp_path / "siglum.db").exists()
    assert "\n" not in text
    assert "emote" not in text
    for secret in (SECRET_KEY, "wrong+secret", "s3cr3t"):
        assert secret not in text + repr(caught.value.__cause__)


def test_a_region_that_nobody_tells(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_S3_ENDPOINT_URL")
    monkeypatch.setattr(s3_region, "_HOST", "127.0.0.1:9")
    with (
        pytest.raises(UnavailableError, match=r"^The region of the bucket 'bucket' .* Set AWS_REGION"),
        served(tmp_path),
    ):
        pass


def test_a_login_that_may_only_read(s3: S3Server, tmp_path: Path) -> None:
    s3.web.faults.append(Fault("status", "PUT", status=403, times=9))
    with pytest.raises(PermissionDeniedError, match=f"^Artifacts at {PLACE}: "), served(tmp_path):
        pass


def test_an_azure_uri_of_mlflows(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with AzureServer(["box"]) as azure:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure.connection_string())
        with served(tmp_path, "wasbs://box@acct.blob.core.windows.net/ml") as config:
            config.artifacts.put("a", io.BytesIO(b"x"))
        (key,) = azure.contents("box")
        assert key.startswith("ml/.objects/")


def test_who_opens_the_database_itself_finds_the_files(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path}/siglum.db"
    with served(tmp_path) as config:
        run = config.tracking.create_run("0").info
        config.artifacts.put(f"{run.artifact_uri.removeprefix('mlflow-artifacts:/')}/a.txt", io.BytesIO(b"x"))
        config.tracking.delete_run(run.run_id)
    with contextlib.closing(open_stores(uri)) as stores:
        assert [entry.path for entry in stores.artifacts_for(run.artifact_uri).list()] == ["a.txt"]
        assert collect_runs(stores, before=2**62).leftover == {}
    assert s3.contents("bucket") == {}
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with contextlib.closing(open_stores(uri)) as stores:  # whoever wants no files needs no credentials
        assert stores.tracking.get_experiment("0").name == "Default"
        with pytest.raises(UnauthenticatedError):
            stores.artifacts_for(run.artifact_uri).list()
    with served(tmp_path, "folder"), contextlib.closing(open_stores(uri)) as stores:
        assert list(stores.artifacts_for(run.artifact_uri).list()) == []
