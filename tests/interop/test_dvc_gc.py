"""Garbage collection and DVC 2's data beside the real DVC: the same objects stay, and DVC goes on after each."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIGLUM = [sys.executable, "-m", "siglum.cli"]
PIPELINE = """\
stages:
  s:
    cmd: cp in out; echo '{"a":1}' > m.json
    deps: [in]
    outs: [out]
    metrics: [{m.json: {cache: false}}]
"""


class Tool:
    """A repository and the two commands."""

    def __init__(self, root: Path, dvc: str) -> None:
        self.root = root
        self._dvc = dvc

    def dvc(self, *arguments: str) -> str:
        return self._run([self._dvc, *arguments])

    def siglum(self, *arguments: str) -> str:
        return self._run([*SIGLUM, *arguments])

    def git(self, *arguments: str) -> str:
        return self._run(["git", *arguments])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def write(self, name: str, data: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "state")

    def copy(self, name: str) -> Tool:
        made = Tool(self.root.parent / name, self._dvc)
        shutil.copytree(self.root, made.root, symlinks=True)
        return made

    def objects(self, where: str = ".dvc/cache") -> dict[str, str]:
        """Return the files of the cache or of a remote, without Siglum's trash, by their hash."""
        top = self.root / where
        found = {str(path.relative_to(top)): path for path in top.rglob("*") if path.is_file()}
        return {
            name: hashlib.md5(path.read_bytes()).hexdigest()
            for name, path in found.items()
            if name.split("/")[0] not in ("trash", "siglum-trash")
        }


@pytest.fixture
def make(tmp_path: Path, dvc_command: str) -> Callable[[str], Tool]:
    def make(name: str) -> Tool:
        made = Tool(tmp_path / name, dvc_command)
        made.root.mkdir()
        made.git("init", "-q")
        made.siglum("init")
        return made

    return make


@pytest.fixture
def history(make: Callable[[str], Tool], monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Data, a pipeline with a run cache, branches, tags and dates; all of it on a remote. No run keeps any of it."""
    monkeypatch.setenv("SIGLUM_RECORD_RUNS", "off")
    tool = make("history")
    tool.siglum("remote", "add", "-d", "store", str(tool.root.parent / "store"))
    tool.write("dvc.yaml", PIPELINE)
    for number in range(1, 5):
        tool.write("f", f"f{number}")
        tool.write("d/a", "always")
        tool.write("d/b", f"b{min(number, 3)}")
        tool.write("in", str(number % 3))
        tool.siglum("add", "f", "d")
        tool.siglum("repro")
        if number == 4:
            break
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-03-0{number}T12:00:00")
        tool.commit()
        if number == 1:
            tool.git("tag", "v1")
            tool.git("branch", "side")
    tool.siglum("push", "-A")
    return tool


SCOPES = [
    ["-w"],
    ["-a", "-T"],
    ["-A"],
    ["--rev", "HEAD", "-n", "2"],
    ["--date", "2026-03-02"],
    ["-w", "-c"],
    ["-w", "--not-in-remote"],
]


@pytest.mark.long
def test_the_same_objects_stay(history: Tool) -> None:
    before = history.objects()
    store, kept = history.root.parent / "store", history.root.parent / "kept"
    shutil.copytree(store, kept)
    for number, options in enumerate(SCOPES):
        theirs = history.copy(f"theirs{number}")
        theirs.dvc("gc", *options, "-f")
        left_on_remote = theirs.objects(str(store))
        shutil.rmtree(store)
        shutil.copytree(kept, store)

        history.siglum("gc", *options, "-f")
        assert history.objects() == theirs.objects(), options
        assert history.objects(str(store)) == left_on_remote, options
        assert history.objects() != before, options
        if "-c" in options:
            history.siglum("gc", "--undo", "-c")
            assert history.objects(str(store)) == history.objects(str(kept))
        history.siglum("gc", "--undo")
        assert history.objects() == before


def test_dvc_goes_on_and_leaves_the_trash_alone(history: Tool) -> None:
    history.siglum("gc", "-w", "-c", "-f")
    trash = sorted((history.root / ".dvc/cache/trash").rglob("*"))
    remote_trash = sorted((history.root.parent / "store/siglum-trash").rglob("*"))
    assert trash
    assert remote_trash
    assert json.loads(history.dvc("status", "--json")) == {}
    history.dvc("gc", "-w", "-c", "-f")
    history.dvc("push")
    history.dvc("fetch")
    history.dvc("cache", "migrate")
    assert sorted((history.root / ".dvc/cache/trash").rglob("*")) == trash
    assert sorted((history.root.parent / "store/siglum-trash").rglob("*")) == remote_trash
    history.siglum("config", "feature.gc_grace_days", "3")
    assert json.loads(history.dvc("status", "--json")) == {}  # a setting of ours in the shared file


def legacy_repository(tool: Tool) -> None:
    """Make what DVC 2 left: hashes with equal line ends, objects in the cache's old place."""
    files = {
        "crlf.txt": b"a\r\nb\r\n",
        "dd/x": b"x\r\n",
        "dd/y": b"bin\0\r\n",
        "dd/sub/z": b"plain\n",
        "in": b"in\r\n",
        "out": b"out\r\n",
        "big": b"x" * ((1 << 20) - 1) + b"\r\n" + b"\r\n" * 300_000,
    }

    def put(data: bytes) -> str:
        blocks = [data[start : start + (1 << 20)] for start in range(0, len(data), 1 << 20)]
        equal = b"".join(b if b"\0" in b[:512] else b.replace(b"\r\n", b"\n") for b in blocks)
        oid = hashlib.md5(equal).hexdigest()
        tool.write(f".dvc/cache/{oid[:2]}/{oid[2:]}", data)
        os.chmod(tool.root / f".dvc/cache/{oid[:2]}/{oid[2:]}", 0o444)
        return oid

    for name, data in files.items():
        tool.write(name, data)
    for name in ("crlf.txt", "big"):
        tool.write(f"{name}.dvc", f"outs:\n- md5: {put(files[name])}\n  size: {len(files[name])}\n  path: {name}\n")
    entries = [
        {"md5": put(data), "relpath": name[3:]} for name, data in sorted(files.items()) if name.startswith("dd/")
    ]
    manifest = json.dumps(entries, sort_keys=True).encode()
    folder = hashlib.md5(manifest).hexdigest() + ".dir"
    tool.write(f".dvc/cache/{folder[:2]}/{folder[2:]}", manifest)
    tool.write("dd.dvc", f"# note\nouts:\n- md5: {folder}\n  size: 15\n  nfiles: 3\n  path: dd\n")
    tool.write("dvc.yaml", "stages:\n  s:\n    cmd: cp in out\n    deps:\n    - in\n    - dd\n    outs:\n    - out\n")
    before_the_run = hashlib.md5(b"in\n").hexdigest()
    tool.write(
        "dvc.lock",
        "schema: '2.0'\nstages:\n  s:\n    cmd: cp in out\n    deps:\n"
        f"    - path: dd\n      md5: {folder}\n      size: 15\n      nfiles: 3\n"
        f"    - path: in\n      md5: {before_the_run}\n      size: 4\n"
        f"    outs:\n    - path: out\n      md5: {put(files['out'])}\n      size: 5\n",
    )
    tool.write(".gitignore", "/crlf.txt\n/big\n/dd\n/out\n")
    tool.commit()


def test_data_of_dvc_2_is_judged_and_brought_back_alike(make: Callable[[str], Tool]) -> None:
    ours = make("ours")
    legacy_repository(ours)
    store = ours.root.parent / "store"
    ours.siglum("remote", "add", "-d", "store", str(store))
    theirs = ours.copy("theirs")
    for tool in (ours, theirs):
        (tool.root / "crlf.txt").write_bytes(b"a\nb\n")  # the same but for its line ends
    assert json.loads(ours.siglum("status", "--json")) == json.loads(theirs.dvc("status", "--json")) == {}
    for tool in (ours, theirs):
        (tool.root / "dd/x").write_bytes(b"changed\r\n")
        (tool.root / "in").write_bytes(b"in\n")
        (tool.root / "big").unlink()
    found = json.loads(ours.siglum("status", "--json"))
    assert found == json.loads(theirs.dvc("status", "--json"))
    assert found["s"] == [{"changed deps": {"dd": "modified"}}]
    for tool in (ours, theirs):
        shutil.rmtree(tool.root / "dd")
        (tool.root / "crlf.txt").unlink()
    ours.siglum("checkout")
    theirs.dvc("checkout")
    for name in ("crlf.txt", "big", "dd/x", "dd/y", "dd/sub/z"):
        assert (ours.root / name).read_bytes() == (theirs.root / name).read_bytes()
    ours.siglum("commit")
    assert ours.git("status", "--porcelain", "*.dvc", "dvc.lock") == ""  # an unchanged entry stays DVC 2's
    ours.siglum("push")
    in_old_place = {name for name in ours.objects(str(store)) if not name.startswith("files/")}
    shutil.rmtree(store)
    theirs.dvc("push")
    assert in_old_place == {name for name in theirs.objects(str(store)) if not name.startswith("files/")}
    shutil.rmtree(ours.root / ".dvc/cache")
    for name in ("crlf.txt", "big"):
        (ours.root / name).unlink()
    ours.siglum("pull")
    assert (ours.root / "crlf.txt").read_bytes() == b"a\r\nb\r\n"
    assert json.loads(ours.dvc("status", "--json")) == {}


def test_migration_leaves_the_same(make: Callable[[str], Tool]) -> None:
    ours = make("ours")
    legacy_repository(ours)
    theirs = ours.copy("theirs")
    ours.siglum("cache", "migrate")
    theirs.dvc("cache", "migrate")
    assert ours.objects() == theirs.objects()
    assert ours.git("status", "--porcelain") == theirs.git("status", "--porcelain") == ""
    ours.siglum("cache", "verify")
    ours.siglum("cache", "migrate", "--dvc-files")
    theirs.dvc("cache", "migrate", "--dvc-files")
    assert ours.objects() == theirs.objects()
    for name in ("crlf.txt.dvc", "dd.dvc", "big.dvc", "dvc.lock"):
        assert (ours.root / name).read_bytes() == (theirs.root / name).read_bytes()
    ours.siglum("gc", "-w", "-f")
    theirs.dvc("gc", "-w", "-f")
    assert ours.objects() == theirs.objects()
    assert json.loads(ours.dvc("status", "--json")) == {}
    assert json.loads(ours.siglum("status", "--json")) == {}
