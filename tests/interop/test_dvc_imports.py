"""Imports beside the real DVC: the same `.dvc` files for the same source, and either tool goes on with the other's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.storage.web_server import Page, Web, serve

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIGLUM = [sys.executable, "-m", "siglum.cli"]
PATHS = ["model", "data", "data/sub", "data/sub/b", "tool.sh", "in git", "in git/x", "mono/p1/sub data", "mono/p1", "."]


class Side:
    """A repository that imports, and the tool that it does so with."""

    def __init__(self, command: list[str], root: Path) -> None:
        self.command = command
        self.root = root

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.command, *arguments], cwd=self.root, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def run_all(self, *lines: list[str]) -> None:
        """Run several commands in one process: both tools, DVC above all, take long to start."""
        if self.command == SIGLUM:
            python, main = sys.executable, "from siglum.cli.app import run as main"
        else:
            python, main = str(Path(self.command[0]).with_name("python")), "from dvc.cli import main"
        code = f"import json, sys; {main}\nfor line in json.loads(sys.argv[1]): assert main(line) == 0, line"
        done = subprocess.run(
            [python, "-c", code, json.dumps(lines)], cwd=self.root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def git(self, *arguments: str) -> str:
        return git(self.root, *arguments)

    def with_tool(self, command: list[str]) -> Side:
        return Side(command, self.root)

    def pointers(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.root)): path.read_text() for path in self.root.rglob("*.dvc") if path.is_file()
        }

    def ignored(self) -> set[str]:
        return set((self.root / ".gitignore").read_text().splitlines())


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def source(tmp_path: Path) -> Side:
    """A repository with data, files in Git, rules, a link, and another data repository inside."""
    made = Side(SIGLUM, tmp_path / "up")
    made.root.mkdir()
    made.git("init", "-q")
    made.run("init")
    write(made.root, {"model": "1", "data/a": "a", "data/sub/b": "b", "tool.sh": "#!/bin/sh\n"})
    write(
        made.root,
        {"in git/x": "x", "in git/y": "y", ".dvcignore": "hidden\n", "in git/hidden": "h", "params.yaml": "l: 1\n"},
    )
    (made.root / "tool.sh").chmod(0o755)
    made.run("add", "model", "data", "tool.sh")
    made.run("remote", "add", "-d", "store", "../store")
    inner = Side(SIGLUM, made.root / "mono/p1")
    inner.root.mkdir(parents=True)
    inner.run("init", "--subdir")
    write(inner.root, {"sub data": "sub", "plain": "p"})
    inner.run("add", "sub data")
    inner.run("remote", "add", "-d", "store", "../../../store")
    for side in (made, inner):
        side.run("push")
    made.git("add", "-A")
    made.git("commit", "-q", "-m", "one")
    made.git("tag", "v1")
    return made


@pytest.fixture
def sides(tmp_path: Path, dvc_command: str) -> tuple[Side, Side]:
    made = Side(SIGLUM, tmp_path / "ours"), Side([dvc_command], tmp_path / "theirs")
    for side in made:
        side.root.mkdir()
        side.git("init", "-q")
        side.with_tool(SIGLUM).run("init")
    return made


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as made:
        yield made


def move_on(source: Side) -> None:
    write(source.root, {"model": "22", "data/sub/b": "bb", "in git/x": "xx"})
    source.run("add", "model", "data")
    source.run("push")
    source.git("commit", "-q", "-a", "-m", "two")


def test_imports_from_a_repository(source: Side, sides: tuple[Side, Side], tmp_path: Path) -> None:
    ours, theirs = sides
    for side in sides:
        side.run_all(
            *(["import", "../up", path, "-o", f"o{number}"] for number, path in enumerate(PATHS)),
            ["import", "../up", "data", "-o", "named", "--rev", "main", "--remote", "store"],
            ["import", "../up", "data", "-o", "options", "--rev", "v1", "--remote-config", "jobs=2", "verify=true"],
            ["import", "../up", "data", "-o", "both", "--remote", "store", "--remote-config", "jobs=2"],
            ["import", "../up", "data", "-o", "promised", "--no-download"],
            ["import", "../up", "model", "-o", "later", "--no-exec"],
        )
    assert ours.pointers() == theirs.pointers()
    assert len(ours.pointers()) == len(PATHS) + 5
    assert ours.ignored() == theirs.ignored()
    assert ours.json("status") == theirs.json("status")

    move_on(source)
    seen = ours.json("status")
    assert seen["o0.dvc"] == [{"changed deps": {"model (../up)": "update available"}}]
    assert "options.dvc" not in seen
    assert seen == theirs.json("status") == ours.with_tool(theirs.command).json("status")

    for side in sides:
        side.run_all(["update", "-R", "."], ["update", "o1.dvc", "--rev", "v1"])
    assert ours.pointers() == theirs.pointers()
    assert (ours.root / "o1/sub/b").read_text() == (theirs.root / "o1/sub/b").read_text() == "b"
    assert ours.with_tool(theirs.command).json("status") == theirs.with_tool(ours.command).json("status") == {}
    assert "didn't change" in ours.with_tool(theirs.command).run("update", "o0.dvc", "o9.dvc").stdout
    assert theirs.with_tool(ours.command).json("update", "-R", ".")["git_files"] == []


def test_imports_from_urls(sides: tuple[Side, Side], web: Web, tmp_path: Path) -> None:
    ours, theirs = sides
    write(tmp_path / "ext", {"f": "e", "dir/a": "1", "dir/sub/b c": "2", "tool.sh": "#!/bin/sh\n"})
    (tmp_path / "ext/tool.sh").chmod(0o755)
    web.pages = {
        "/etag": Page(b"etag", {"ETag": '"one"', "Content-Type": "text/plain; charset=utf-8"}),
        "/md5": Page(b"abc", {"Content-MD5": "kAFQmDzST7DWlj99KOF/cg=="}),
        "/dated": Page(b"dated", {"Last-Modified": "Tue, 24 Nov 2026 03:31:12 GMT", "Content-Type": "text/html;x=y"}),
        "/bare": Page(b"bare", {"Accept-Ranges": "none"}),
    }
    names = ["etag", "md5", "dated", "bare"]
    for side in sides:
        side.run_all(
            *(["import-url", f"{web.url}/{name}"] for name in names),
            ["import-url", "../ext/f"],
            ["import-url", "../ext/dir", "folder"],
            ["import-url", "../ext/tool.sh"],
            ["import-url", str(tmp_path / "ext/f"), "absolute"],
            ["import-url", "--no-download", "../ext/dir", "promised"],
            ["import-url", "--no-download", f"{web.url}/dated", "promised-page"],
            ["import-url", "--no-exec", "../ext/f", "later"],
        )
    assert ours.pointers() == theirs.pointers()
    assert len(ours.pointers()) == 11
    assert ours.ignored() == theirs.ignored()
    assert ours.json("status") == ours.with_tool(theirs.command).json("status")
    assert ours.json("status")["later.dvc"] == [{"changed outs": {"later": "deleted"}}, "changed checksum"]

    write(tmp_path / "ext", {"f": "ee", "dir/sub/b c": "22"})
    web.pages["/etag"] = Page(b"other", {"ETag": '"two"'})
    web.pages["/dated"].body = b"dated later"
    assert set(ours.json("status")) == {"later.dvc", "promised.dvc", "promised-page.dvc"}  # frozen ones are not asked
    for side in sides:
        side.run("update", "-R", ".")
    assert ours.pointers() == theirs.pointers()
    assert (ours.root / "etag").read_bytes() == b"other"
    assert ours.with_tool(theirs.command).json("status") == theirs.with_tool(ours.command).json("status") == {}
    assert ours.with_tool(theirs.command).run("update", "-R", ".").stdout.count("didn't change") == 11
    assert theirs.with_tool(ours.command).json("update", "-R", ".")["git_files"] == []

    ours.run("unfreeze", "f.dvc", "dated.dvc", "md5.dvc")  # what is not frozen shows in status
    write(tmp_path / "ext", {"f": "eee"})
    web.pages["/dated"].body = b"and again"
    del web.pages["/md5"]
    assert ours.json("status") == ours.with_tool(theirs.command).json("status")
    assert len(ours.json("status")) == 3


def test_gets(source: Side, sides: tuple[Side, Side], web: Web, tmp_path: Path) -> None:
    web.pages["/page"] = Page(b"page")
    for side in sides:
        side.run_all(
            ["get", "../up", "model"],
            ["get", "../up", "data/sub", "-o", "part", "--rev", "v1"],
            ["get", "../up", "in git"],
            ["get", "../up", "mono/p1/sub data"],
            ["get-url", f"{web.url}/page"],
            ["get-url", "../up/in git", "copy"],
        )
    found = [
        {str(p.relative_to(side.root)): (p.read_bytes(), p.stat().st_mode) for p in side.root.rglob("*") if p.is_file()}
        for side in sides
    ]
    for files in found:
        for name in [name for name in files if name.startswith((".git/", ".dvc/"))]:
            del files[name]
    assert found[0] == found[1]
    assert len(found[0]) == 10
    for path in ("data", "mono/p1/sub data"):
        shown = [side.run("get", "--show-url", "../up", path).stdout for side in sides]
        assert shown[0] == shown[1]
    for arguments in (["get", "../up", "model"], ["get-url", f"{web.url}/nothing"]):
        assert [side.run(*arguments, check=False).returncode for side in sides] == [1, 1]
