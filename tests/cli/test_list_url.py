"""`siglum list-url` on every kind of place that it can look at; folders here also in tests/interop."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject
from tests.storage.sftp_server import SftpHost
from tests.storage.web_server import Page, serve

from siglum.storage.remotes import open_remote
from siglum.testing.s3_server import S3Server

FILES = {"a": "1", "b/c": "22", "b/d/e": "333", "x y": "4444"}
TREE = ["├── a", "├── b", "│   ├── c", "│   └── d", "│       └── e", "└── x y"]


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    return QuickProject(tmp_path / "project")


@pytest.fixture
def options(tmp_path: Path) -> Iterator[list[str]]:
    """The options of a bucket that holds FILES below `pre`."""
    with S3Server(["bucket"], page=2) as server:
        given = {"endpointurl": server.url, "access_key_id": server.access_key, "secret_access_key": server.secret_key}
        remote = open_remote("r", "s3://bucket/pre", given)
        for name, content in FILES.items():
            (tmp_path / "sent").write_text(content)
            remote.put(str(tmp_path / "sent"), name, None)
        yield ["--fs-config", *(f"{name}={value}" for name, value in given.items())]


def test_an_object_store(project: QuickProject, options: list[str]) -> None:
    def lines(*arguments: str) -> list[str]:
        return project.done("list-url", *arguments, *options).splitlines()

    assert lines("s3://bucket/pre") == ["a", "b", "x y"]
    assert lines("s3://bucket/pre/", "-R", "--size") == ["1  a", "2  b/c", "3  b/d/e", "4  x y"]
    assert lines("s3://bucket/pre", "-R", "-L", "2") == ["a", "b/c", "b/d", "x y"]
    assert lines("s3://bucket/pre", "-T") == ["s3://bucket/pre", *TREE]
    assert lines("s3://bucket/pre/b/c") == ["bucket/pre/b/c"]
    assert lines("s3://bucket") == ["pre"]
    assert json.loads("".join(lines("s3://bucket/pre/b", "--json"))) == [
        {"path": "c", "isdir": False, "size": 2},
        {"path": "d", "isdir": True, "size": None},
    ]
    assert "nothing at s3://bucket/nope" in project.fails("list-url", "s3://bucket/nope", *options)
    assert "regoin" in project.fails("list-url", "s3://bucket", *options, "regoin=x")


def test_a_host(project: QuickProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with SftpHost(tmp_path) as host:
        monkeypatch.setenv("HOME", str(host.home))
        for name, content in FILES.items():
            (host.root / "store" / name).parent.mkdir(parents=True, exist_ok=True)
            (host.root / "store" / name).write_text(content)
        options = ["--fs-config", f"keyfile={host.client_key}"]
        assert project.done("list-url", host.url("/store"), "-R", *options).splitlines() == sorted(FILES)
        assert project.done("list-url", host.url("/store"), "-T", *options).splitlines()[1:] == TREE
        assert project.done("list-url", host.url("/store/b/c"), "--size", *options).startswith("2  ")
        assert "nothing at" in project.fails("list-url", host.url("/nope/at/all"), *options)


def test_a_web_server(project: QuickProject) -> None:
    with serve() as web:
        web.pages["/file.csv"] = Page(b"a,b\n")
        assert project.done("list-url", f"{web.url}/file.csv", "--size") == f"4  {web.url}/file.csv\n"
        assert "does not exist" in project.fails("list-url", f"{web.url}/nope")


def test_a_folder_here(project: QuickProject) -> None:
    project.write({f"here/{name}": content for name, content in FILES.items()})
    os.symlink("nowhere", project.root / "here/broken")
    assert project.done("list-url", "here", "-R").splitlines() == sorted([*FILES, "broken"])
    assert project.done("list-url", f"file://{project.root}/here/b").splitlines() == ["c", "d"]
    assert "Did you mean 'here'?" in project.fails("list-url", "hear")
    assert "auth" in project.fails("list-url", "here", "--fs-config", "auth=basic")


def test_a_remote_by_its_name(project: QuickProject, tmp_path: Path) -> None:
    project.write({"../store/sub/x": "x"})
    project.done("remote", "add", "store", "../store")
    assert project.done("list-url", "remote://store/sub") == "x\n"
    assert "'nope'" in project.fails("list-url", "remote://nope/sub")
    outside = QuickProject.__new__(QuickProject)
    outside.root = tmp_path
    assert "data repository" in outside.fails("list-url", "remote://store/sub")


def test_other_schemes(project: QuickProject) -> None:
    assert "ftp://" in project.fails("list-url", "ftp://host/x")
    assert "--tree and --json" in project.run("list-url", ".", "-T", "--json").err
