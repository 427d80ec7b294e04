"""Data beside the real DVC: the same bytes for the same input, and either tool carries on where the other stopped."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIGLUM = [sys.executable, "-m", "siglum.cli"]

FOLDER: dict[str, bytes] = {
    "x": b"x",
    "empty": b"",
    "Z": b"Z",
    "sub-x": b"u",
    "sub/x2": b"x",
    "sub/crlf.txt": b"b\r\nb\r\n",
    "sub/deep/1": b"1",
    "ünï cödé/naïve 文件.txt": "é\n".encode(),
    'quote"back\\slash': b"q",
    "two  blanks": b"2",
    "new\nline": b"n",
    "n" * 255: b"long",
    "binary": bytes(range(256)) * 40,
}
# A `.dvc` file's name is four bytes longer than its data's.
SINGLE = ["plain.csv", "sp ace.txt", "ünï", "#h", "!b", "a[1]", "b\\s", "q?m", "007", "1e5", "true", "n" * 251, "- x"]


class Side:
    """One of the two tools in a repository."""

    def __init__(self, command: list[str], root: Path) -> None:
        self.command = command
        self.root = root

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.command, *arguments], cwd=self.root, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def git(self, *arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True).stdout


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def tree(root: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file with its bytes and mode: workspace, settings, cache; not Git's and the tools' own state."""
    found = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", "tmp")]
        for name in files:
            path = Path(folder) / name
            found[str(path.relative_to(root))] = (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    return found


MakeSide = Callable[[str], Side]


@pytest.fixture
def make_side(tmp_path: Path, dvc_command: str) -> MakeSide:
    def make(tool: str) -> Side:
        side = Side(SIGLUM if tool == "siglum" else [dvc_command], tmp_path / tool)
        side.root.mkdir()
        side.git("init", "-q")
        side.run("init")
        return side

    return make


def fill(side: Side) -> None:
    write(side.root / "data", FOLDER)
    (side.root / "data/no-files-in-it").mkdir()
    (side.root / "data/run.sh").write_bytes(b"#!/bin/sh\n")
    (side.root / "data/run.sh").chmod(0o755)
    write(side.root / "one by one", {name: name.encode() for name in SINGLE})
    (side.root / "one by one/tool.sh").write_bytes(b"#!/bin/sh\nexit\n")
    (side.root / "one by one/tool.sh").chmod(0o755)
    (side.root / "nothing").mkdir()


def add_all(side: Side) -> None:
    side.run("add", "data", "nothing")
    side.run("add", *(f"one by one/{name}" for name in [*SINGLE, "tool.sh"]))


def test_the_same_bytes(make_side: MakeSide) -> None:
    sides = [make_side("siglum"), make_side("dvc")]
    for side in sides:
        fill(side)
        add_all(side)
        side.run("remote", "add", "-d", "store", f"../{side.root.name}-store")
        side.run("push")
    assert_same(sides)
    stores = [tree(side.root.parent / f"{side.root.name}-store") for side in sides]
    assert stores[0] == stores[1]
    assert sum(name.endswith(".dir") for name in stores[0]) == 2

    for side in sides:  # a part of a folder, an edited pointer, a second content
        pointer = side.root / "one by one/plain.csv.dvc"
        pointer.write_text("# kept\n" + pointer.read_text() + "meta:\n  owner: 'me' # too\n")
        write(side.root, {"data/sub/deep/1": b"11", "one by one/plain.csv": b"changed"})
        (side.root / "data/Z").unlink()
        side.run("add", "data/sub/deep/1")
        side.run("add", "one by one/plain.csv")
    # DVC forgets a folder's size when a part of it is added, and appends it when all of it is the next time.
    ours, theirs = (side.root / "data.dvc" for side in sides)
    assert [line for line in ours.read_text().splitlines() if "size" not in line] == theirs.read_text().splitlines()
    theirs.write_bytes(ours.read_bytes())
    assert_same(sides)
    for side in sides:
        side.run("add", "data")
    assert_same(sides)
    assert (sides[0].root / "one by one/plain.csv.dvc").read_text().startswith("# kept\nouts:")


def assert_same(sides: list[Side]) -> None:
    ours, theirs = (tree(side.root) for side in sides)
    for side, found in zip(sides, (ours, theirs), strict=True):
        for name, (data, mode) in found.items():  # the stores have different names on purpose
            found[name] = (data.replace(f"{side.root.name}-store".encode(), b"store"), mode)
        ignored = found[".gitignore"]
        found[".gitignore"] = (b"\n".join(sorted(ignored[0].split(b"\n"))), ignored[1])
        below = found["one by one/.gitignore"]
        found["one by one/.gitignore"] = (b"\n".join(sorted(below[0].split(b"\n"))), below[1])
    assert set(ours) == set(theirs)
    assert {name: found for name, found in ours.items() if found != theirs[name]} == {}


@pytest.mark.parametrize("first", [pytest.param("siglum", marks=pytest.mark.long), "dvc"])
def test_one_goes_on_where_the_other_stopped(make_side: MakeSide, dvc_command: str, tmp_path: Path, first: str) -> None:
    maker = make_side(first)
    other = SIGLUM if first == "dvc" else [dvc_command]
    fill(maker)
    add_all(maker)
    maker.run("remote", "add", "-d", "store", str(tmp_path / "store"))
    assert set(maker.json("status", "-c").values()) == {"new"}
    maker.run("push")
    maker.git("add", "-A")
    maker.git("commit", "-q", "-m", "data")
    assert maker.git("status", "--porcelain") == ""

    taker = Side(other, maker.root)
    assert taker.json("status") == {}
    assert taker.run("status").stdout == "Data and pipelines are up to date.\n"
    assert taker.json("status", "-c") == {}
    taker.run("checkout")
    taker.run("commit")
    assert maker.git("status", "--porcelain") == ""

    clone = Side(other, tmp_path / "clone")
    taker.git("clone", "-q", str(maker.root), str(clone.root))
    clone.run("pull")
    for name, data in FOLDER.items():
        assert (clone.root / "data" / name).read_bytes() == data
    for name in SINGLE:
        assert (clone.root / "one by one" / name).read_bytes() == name.encode()
    assert (clone.root / "one by one/tool.sh").stat().st_mode & stat.S_IXUSR
    assert clone.json("status") == {}
    assert Side(maker.command, clone.root).json("status") == {}
    assert clone.git("status", "--porcelain") == ""

    write(clone.root, {"data/sub/x2": b"changed", "one by one/plain.csv": b"changed"})
    (clone.root / "one by one/true").unlink()
    seen = clone.json("status")
    assert seen == Side(maker.command, clone.root).json("status")
    assert seen["data.dvc"] == [{"changed outs": {"data": "modified"}}]
    assert seen["one by one/true.dvc"] == [{"changed outs": {"one by one/true": "deleted"}}]


def test_data_of_a_revision_before(make_side: MakeSide, dvc_command: str) -> None:
    """What DVC recorded earlier is brought back by Siglum, and the other way round."""
    side, other = make_side("siglum"), Side([dvc_command], Path())
    other.root = side.root
    for tool, text in ((side, b"first"), (other, b"second"), (side, b"third")):
        write(side.root, {"f": text, "d/a": text, "d/b": b"always"})
        tool.run("add", "f", "d")
        side.git("add", "-A")
        side.git("commit", "-q", "-m", text.decode())
    for tool, revision, text in ((side, "HEAD~1", b"second"), (other, "HEAD~1", b"first"), (side, "main", b"third")):
        side.git("checkout", "-q", revision)
        tool.run("checkout")
        assert (side.root / "f").read_bytes() == (side.root / "d/a").read_bytes() == text
        assert tool.json("status") == {}
