"""Files through the server: what goes in comes out, and no path leads out of the root."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.server.asgi import ask
from tests.server.test_routes import assert_is_error

from siglum.server.dispatch import Dispatcher

SERVICE = "/api/2.0/mlflow-artifacts/artifacts"
CANARY = b"canary: this file is outside the root"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    found = tmp_path / "canary"
    found.write_bytes(CANARY)
    return found


def run_with_files(app: Dispatcher) -> str:
    made = ask(app, "POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})
    root = made.json["run"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
    assert ask(app, "PUT", f"{SERVICE}/{root}/a/b.txt", b"text").status == 200
    return str(made.json["run"]["info"]["run_id"])


def test_links_are_not_followed(app: Dispatcher, tmp_path: Path, canary: Path) -> None:
    run_with_files(app)
    root = tmp_path / "artifacts"
    (root / "link").symlink_to(tmp_path)
    (root / "file").symlink_to(canary)
    for target in ("link/canary", "file"):
        answer = ask(app, "GET", f"{SERVICE}/{target}")
        assert CANARY not in answer.body
        assert_is_error(answer)
    ask(app, "PUT", f"{SERVICE}/link/written", b"x")
    assert not (tmp_path / "written").exists()


def test_a_listing_tells_the_hash_of_what_is_known(app: Dispatcher, tmp_path: Path) -> None:
    run_id = run_with_files(app)
    (folder,) = (tmp_path / "artifacts/0").glob("*/artifacts/a")
    (folder / "by hand.txt").write_bytes(b"other")
    query = f"path={quote(str(folder.relative_to(tmp_path / 'artifacts')))}"
    own = f"/api/siglum/1/artifacts?{query}"
    files = {entry["path"]: entry.get("sha256") for entry in ask(app, "GET", own).json["files"]}
    assert files == {"b.txt": hashlib.sha256(b"text").hexdigest(), "by hand.txt": None}
    # MLflow's answers are as they were
    for listing in (f"/api/2.0/mlflow/artifacts/list?run_id={run_id}&path=a", f"{SERVICE}?{query}"):
        assert all("sha256" not in entry for entry in ask(app, "GET", listing).json["files"])
    # what is not as it was stored has no hash that anybody could rely on
    (folder / "b.txt").unlink()
    (folder / "b.txt").write_bytes(b"changed")
    assert ["sha256" in entry for entry in ask(app, "GET", own).json["files"]] == [False, False]


@pytest.mark.parametrize("size", [0, 1, 65_536, 300_000, 9_000_000])
def test_round_trip(app: Dispatcher, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    name = "a b/%25ü+&.bin"
    target = f"{SERVICE}/{quote(name)}"
    put = ask(app, "PUT", target, data, {"content-type": "text/html"})
    assert (put.status, put.body) == (200, b"")
    got = ask(app, "GET", target)
    assert got.body == data
    assert got.headers["content-length"] == str(size)
    assert got.headers["etag"] == put.headers["etag"]
    if size > 1:
        end = ask(app, "GET", target, headers={"range": f"bytes={size // 2}-"})
        assert (end.status, end.body) == (206, data[size // 2 :])
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote('%25ü+&.bin')}"
    assert "sandbox" in got.headers["content-security-policy"]
    listed = ask(app, "GET", f"{SERVICE}?path=a%20b").json["files"]
    assert [(f["path"], f["is_dir"], f["file_size"]) for f in listed] == [("%25ü+&.bin", False, size)]


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=3-1", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("lines=0-1", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
    ],
)
def test_ranges(app: Dispatcher, asked: str, status: int, body: bytes | None) -> None:
    ask(app, "PUT", f"{SERVICE}/digits", b"0123456789")
    answer = ask(app, "GET", f"{SERVICE}/digits", headers={"range": asked})
    assert answer.status == status
    if body is None:
        assert_is_error(answer)
    else:
        assert answer.body == body
        assert answer.headers["content-length"] == str(len(body))


def test_what_is_not_a_file(app: Dispatcher) -> None:
    ask(app, "PUT", f"{SERVICE}/folder/file", b"x")
    assert_is_error(ask(app, "GET", f"{SERVICE}/nothing"), 404)
    assert_is_error(ask(app, "GET", f"{SERVICE}/folder"), 404)
    assert ask(app, "GET", f"{SERVICE}?path=nothing").json == {}
    assert ask(app, "GET", f"{SERVICE}?path=folder/file").json == {}
    assert ask(app, "DELETE", f"{SERVICE}/nothing").json == {}


def test_damaged_bytes_are_not_delivered(app: Dispatcher, tmp_path: Path) -> None:
    data = b"precious" * 1000
    ask(app, "PUT", f"{SERVICE}/file", data)
    for path in (tmp_path / "artifacts").rglob("*"):
        if path.is_file() and path.stat().st_size == len(data):
            path.chmod(0o644)
            path.write_bytes(b"spurious" * 1000)
    answer = ask(app, "GET", f"{SERVICE}/file")
    assert_is_error(answer, 409)
    assert answer.json["error_code"] == "DATA_LOSS"


def test_files_of_a_run(app: Dispatcher) -> None:
    run_id = run_with_files(app)
    listed = ask(app, "GET", f"/api/2.0/mlflow/artifacts/list?run_id={run_id}").json
    assert listed["files"] == [{"path": "a", "is_dir": True}]
    below = ask(app, "GET", f"/api/2.0/mlflow/artifacts/list?run_uuid={run_id}&path=a").json
    assert [(f["path"], f["file_size"]) for f in below["files"]] == [("a/b.txt", 4)]
    assert ask(app, "GET", f"/get-artifact?run_id={run_id}&path=a/b.txt").body == b"text"


def test_files_of_a_logged_model_and_a_version(app: Dispatcher) -> None:
    model = ask(app, "POST", "/api/2.0/mlflow/logged-models", {"experiment_id": "0"}).json["model"]["info"]
    root = model["artifact_uri"].removeprefix("mlflow-artifacts:/")
    ask(app, "PUT", f"{SERVICE}/{root}/MLmodel", b"flavors: {}")
    below = f"mlflow/logged-models/{model['model_id']}/artifacts"
    listed = ask(app, "GET", f"/api/2.0/{below}/directories").json
    assert [f["path"] for f in listed["files"]] == ["MLmodel"]
    assert ask(app, "GET", f"/ajax-api/2.0/{below}/files?artifact_file_path=MLmodel").body == b"flavors: {}"
    ask(app, "POST", "/api/2.0/mlflow/registered-models/create", {"name": "m"})
    source = {"name": "m", "source": f"models:/{model['model_id']}"}
    assert ask(app, "POST", "/api/2.0/mlflow/model-versions/create", source).status == 200
    assert ask(app, "GET", "/model-versions/get-artifact?name=m&version=1&path=MLmodel").body == b"flavors: {}"
