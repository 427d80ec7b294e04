"""Remotes beside the real DVC: what one tool sends to S3, the other brings back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from siglum.testing.s3_server import S3Server

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIGLUM = [sys.executable, "-m", "siglum.cli"]
FILES = {"d/a": b"a", "d/empty": b"", "d/sub dir/ü": b"u" * 1000, "d/sub dir/b": b"b", "single": b"single"}


@pytest.fixture
def server() -> Iterator[S3Server]:
    with S3Server(["bucket"]) as running:
        yield running


def run(command: list[str], root: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*command, *arguments], cwd=root, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def read(root: Path, names: dict[str, bytes]) -> dict[str, bytes]:
    return {name: (root / name).read_bytes() for name in names}


def configure(root: Path, server: S3Server) -> None:
    """Write what DVC writes: its own option names, secrets in the local file."""
    (root / ".dvc/config").write_text(
        "[core]\n    remote = cloud\n['remote \"cloud\"']\n    url = s3://bucket/pre fix/ü\n"
        f"    endpointurl = {server.url}\n"
    )
    (root / ".dvc/config.local").write_text(
        f"['remote \"cloud\"']\n    access_key_id = {server.access_key}\n    secret_access_key = {server.secret_key}\n"
    )


@pytest.mark.parametrize("first", ["siglum", "dvc"])
def test_what_one_sends_the_other_brings_back(tmp_path: Path, server: S3Server, dvc_command: str, first: str) -> None:
    sends, brings = (SIGLUM, [dvc_command]) if first == "siglum" else ([dvc_command], SIGLUM)
    root, clone = tmp_path / "root", tmp_path / "clone"
    root.mkdir()
    run(["git"], root, "init", "-q")
    run(SIGLUM, root, "init", "-q")
    configure(root, server)
    write(root, FILES)
    run(SIGLUM, root, "add", "-q", "d", "single")
    run(sends, root, "push")
    keys = {key.removeprefix("pre fix/ü/") for key in server.contents("bucket")}
    cache = root / ".dvc/cache"
    assert keys == {str(path.relative_to(cache)) for path in (cache / "files").rglob("*") if path.is_file()}
    for command in (sends, brings):
        assert json.loads(run(command, root, "status", "-c", "--json").stdout) == {}
    server.web.log.clear()
    run(brings, root, "push")
    assert server.web.count("PUT") == 0  # it sees that all is there
    run(["git"], root, "add", "-A")
    run(["git"], root, "commit", "-qm", "data")
    run(["git"], tmp_path, "clone", "-q", "root", "clone")
    configure(clone, server)
    run(brings, clone, "pull")
    assert read(clone, FILES) == FILES
    for command in (sends, brings):
        assert json.loads(run(command, clone, "status", "--json").stdout) == {}


def test_a_remote_and_a_push_field_of_an_output(tmp_path: Path, dvc_command: str) -> None:
    """Which output goes where, by the fields of its record and by -r."""
    found: dict[str, list[tuple[int, list[str], list[str]]]] = {}
    for name, command in {"dvc": [dvc_command], "siglum": SIGLUM}.items():
        root = tmp_path / name
        root.mkdir()
        run(["git"], root, "init", "-q")
        run(SIGLUM, root, "init", "-q")
        write(root, {"a": b"a", "b": b"b", "c": b"c"})
        run(SIGLUM, root, "add", "-q", "a", "b", "c")
        (root / ".dvc/config").write_text(
            "[core]\n    remote = one\n['remote \"one\"']\n    url = ../one\n['remote \"two\"']\n    url = ../two\n"
        )
        for file, field in (("b.dvc", "  remote: two\n"), ("c.dvc", "  push: false\n")):
            (root / file).write_text((root / file).read_text() + field)
        steps = found[name] = []
        for arguments in (["push"], ["push", "-r", "one", "b"], ["push", "c"], ["push", "-r", "two"]):
            done = run(command, root, *arguments)
            steps.append((done.returncode, _objects(root / "one"), _objects(root / "two")))
    assert found["siglum"] == found["dvc"]
    assert [len(objects) for objects in found["dvc"][0][1:] if isinstance(objects, list)] == [1, 1]


def _objects(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_credentials_of_the_environment(tmp_path: Path, server: S3Server, dvc_command: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    run(["git"], root, "init", "-q")
    run(SIGLUM, root, "init", "-q")
    configure(root, server)
    (root / ".dvc/config.local").unlink()
    home = tmp_path / "home"
    write(home, {".aws/credentials": b""})
    (home / ".aws/credentials").write_text(
        f"[work]\naws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n"
    )
    write(root, {"a": b"a"})
    run(SIGLUM, root, "add", "-q", "a")
    environ = {**os.environ, "HOME": str(home), "AWS_PROFILE": "work"}
    for command in (SIGLUM, [dvc_command]):
        done = subprocess.run([*command, "push"], cwd=root, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert len(server.contents("bucket")) == 1
