"""Files through the server: what goes in comes out, and no path leads out of the root."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from tests.server.asgi import ask
from tests.server.test_routes import assert_is_error

from siglum.server.dispatch import Dispatcher

SERVICE = "/api/2.0/mlflow-artifacts/artifacts"
CANARY = b"canary: this file is outside the root"

# Paths that must be refused in every place that takes one, as they arrive in an address.
ESCAPES = [
    "..", ".", "../canary", "a/../../canary", "./a", "a/./b", "a//b", "/canary", "//host/share", "a/", "a/b/",
    "..%2fcanary", "%2e%2e/canary", "%2e%2e%2fcanary", "%252e%252e%252fcanary", "%25252e%25252e/canary",
    "..%5ccanary", "a%5c..%5c..%5ccanary", "..%255ccanary", "%c0%ae%c0%ae/canary", "a%00b", "%00", "a%0ab", "a%0d%0ab",
    "a%1bb", "a%7fb", "~", "~root/x", "C:/canary", "C:canary", "c%3a%5ccanary", "file:/etc/passwd", "file:///etc/passwd",
    "FILE:///etc/passwd", "file://localhost/etc/passwd", "dbfs:/x", "http://127.0.0.1/x", "%EF%BC%8F..%EF%BC%8Fcanary",
    "%EF%BC%8E%EF%BC%8E/canary", "%E2%80%A5/canary", "%E2%80%A4%E2%80%A4/canary", "a%23b", "/proc/self/root/etc/passwd",
    "%2fetc%2fpasswd", "%2f%2fetc/passwd", ".objects/sha256", ".objects", "%ff%fe", "a/" * 300 + "b", "x" * 5000,
    "..;/canary", "..%3b/canary",
]  # fmt: skip
HARMLESS = {"..;/canary", "..%3b/canary"}
"""Odd names that no file system reads as anything else: they may be refused or be plain names."""


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    found = tmp_path / "canary"
    found.write_bytes(CANARY)
    return found


def files_outside(tmp_path: Path) -> set[str]:
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    return {name for name in names if not name.startswith(("artifacts", "siglum.db"))}


def run_with_files(app: Dispatcher) -> str:
    made = ask(app, "POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})
    root = made.json["run"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
    assert ask(app, "PUT", f"{SERVICE}/{root}/a/b.txt", b"text").status == 200
    return str(made.json["run"]["info"]["run_id"])


@pytest.mark.parametrize("path", ESCAPES, ids=lambda path: path[:40])
def test_no_path_leads_out(app: Dispatcher, tmp_path: Path, canary: Path, path: str) -> None:
    """Also reading, listing, writing and deleting; by service path, by run and by logged model; in both spellings."""
    run_id = run_with_files(app)
    before = files_outside(tmp_path)
    in_query = quote(path, safe="%")
    for base in (SERVICE, SERVICE.replace("/api/", "/ajax-api/"), SERVICE.replace("/2.0/", "/2.0/preview/")):
        requests: tuple[tuple[str, str, object], ...] = (
            ("GET", f"{base}/{path}", b""),
            ("PUT", f"{base}/{path}", b"overwritten"),
            ("DELETE", f"{base}/{path}", b"{}"),
            ("GET", f"{base}?path={in_query}", b""),
            ("GET", f"/get-artifact?run_id={run_id}&path={in_query}", b""),
            ("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run_id}&path={in_query}", b""),
            ("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path={in_query}", b"overwritten"),
            *(("POST", f"/api/2.0/mlflow-artifacts/mpu/{step}/{path}", {}) for step in ("create", "complete", "abort")),
            ("GET", f"/api/2.0/mlflow-artifacts/presigned/{path}", b""),
        )
        for method, target, body in requests:
            answer = ask(app, method, target, body)
            assert CANARY not in answer.body
            assert b"root:" not in answer.body
            if path not in HARMLESS:
                assert_is_error(answer, 400)
    assert canary.read_bytes() == CANARY
    assert files_outside(tmp_path) == before


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
