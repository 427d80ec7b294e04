"""Commands that only look, beside the real DVC in the same repository: the same verdicts, text and JSON."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.workspace.data_project import DataProject

from siglum.cli.app import run
from siglum.pipeline.inventory.inventory import read_inventory
from siglum.workspace.folder_contents import FolderContents
from siglum.workspace.repository import Repository

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROGRAM = Path(__file__).with_name("dvc_program.py")

PIPELINE = """\
stages:
  s:
    cmd: mkdir -p o && cp file.txt o/a && cp file.txt m.json && cp file.txt nc
    deps: [file.txt]
    outs: [o, nc: {cache: false}]
    metrics: [m.json: {cache: false}]
  never:
    cmd: cp file.txt unrun.txt
    deps: [file.txt]
    outs: [unrun.txt, unmade.txt]
"""
FIRST: dict[str, str | bytes] = {
    "data/1": "1",
    "data/sub/2": "22",
    "data/sub/deep/3": "333",
    "data/old": "to be renamed",
    "data/new\nline": "n",
    "data/[red]x": "r",
    'data/quote"\\back': "q",
    "ünï cödé/a b/文件": "u",
    "file.txt": "f",
    "gone.txt": "g",
    "turns": "t",
    "folder/f": "f",
    "many/1": "1",
    "many/2": "2",
    "many/sub/3": "3",
    "other/a": "same",
    "other/b": "same",
    "plain.txt": "plain",
    "unrun.txt": "un",
    "x.log": "hidden",
    "tool/run.sh": "#!/bin/sh\n",
}
TRACKED = ["data", "file.txt", "gone.txt", "turns", "folder", "many", "ünï cödé", "other"]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, dvc_command: str) -> Path:
    """A repository with two commits, and with changes that neither Git nor Siglum knows of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "Test")
            patch.setenv(f"GIT_{name}_EMAIL", "test@example.com")
        project = DataProject(tmp_path_factory.mktemp("looking") / "project")
        _first_commit(project)
        _second_commit(project)
        _uncommitted(project)
    return project.root


def _first_commit(project: DataProject) -> None:
    project.write(FIRST)
    (project.root / "tool/run.sh").chmod(0o755)
    (project.root / "link").symlink_to("plain.txt")
    project.write({".dvcignore": "*.log\n", "dvc.yaml": PIPELINE})
    project.done("add", *TRACKED)
    project.done("repro", "s")
    project.done("remote", "add", "-d", "store", str(project.root.parent / "store"))
    project.done("push")
    shutil.copytree(project.root.parent / "store", project.root.parent / "pushed")
    project.commit()
    project.git("tag", "v1")


def _second_commit(project: DataProject) -> None:
    root = project.root
    project.write({"data/1": "changed", "new.txt": "n"})
    (root / "many").rename(root / "renamed")
    for name in ("many.dvc", "gone.txt", "gone.txt.dvc", "folder.dvc", "turns", "turns.dvc"):
        (root / name).unlink()
    shutil.rmtree(root / "folder")
    project.write({"folder": "a file now", "turns/in": "t", "turns/t": "t"})
    project.done("add", "data", "renamed", "new.txt", "folder", "turns")
    project.commit()
    project.git("tag", "v2")


def _uncommitted(project: DataProject) -> None:
    root = project.root
    project.write({"committed.txt": "c"})
    project.done("add", "committed.txt")
    project.write({"file.txt": "edited", "data/added": "add", "untracked.txt": "u", "un/träck": "u"})
    (root / "data/old").rename(root / "data/sub/moved")
    (root / "data/sub/2").unlink()
    (root / "ünï cödé/a b/文件").unlink()
    project.write({"ünï cödé/zz": "zz"})
    shutil.rmtree(root / "other")


@pytest.fixture
def store(original: Path) -> Path:
    """The remote, as it was after the first commit."""
    store = original.parent / "store"
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(original.parent / "pushed", store)
    return store


@pytest.fixture
def project(original: Path, tmp_path: Path, store: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "project", symlinks=True))


def both(dvc_command: str, folder: Path, *lines: list[str]) -> list[tuple[Any, Any]]:
    """Return what DVC and Siglum print for each command line, in forms that compare equal where they agree."""
    python = Path(dvc_command).with_name("python")
    with tempfile.TemporaryDirectory() as memory:  # so that DVC knows nothing of what was there before
        done = subprocess.run(
            [python, PROGRAM],
            cwd=folder,
            env=dict(os.environ, DVC_SITE_CACHE_DIR=memory),
            input=json.dumps(lines),
            capture_output=True,
            text=True,
            check=True,
        )
    theirs = json.loads(done.stdout.splitlines()[-1])
    found = []
    for line, dvc in zip(lines, theirs, strict=True):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(line)
        assert "Traceback" not in err.getvalue(), err.getvalue()
        found.append(
            ((dvc["status"] != 0, comparable(line, dvc["out"])), (status != 0, comparable(line, out.getvalue())))
        )
    return found


def comparable(line: list[str], out: str) -> Any:
    """Return output without what DVC leaves to chance: the order of some lists. Its name stands for ours in hints."""
    if "--json" in line and out:
        return ordered(json.loads(out))
    lines = out.replace('"dvc ', '"siglum ').splitlines()
    return sorted(lines) if line[0] in ("data", "du", "list-url", "ls-url") else lines


def ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: ordered(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted((ordered(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


def assert_agreed(pairs: list[tuple[Any, Any]], *lines: list[str]) -> None:
    for line, (dvc, siglum) in zip(lines, pairs, strict=True):
        assert siglum == dvc, line


STATUS = [
    ["data", "status", "--untracked-files", "all"],
    ["data", "status", "--granular", "--json", "--unchanged", "--untracked-files"],
    ["data", "status", "--json", "data", "file.txt"],
    ["data", "status", "--json", "--granular", "data/sub"],
    ["data", "status", "--json", "--granular", "--not-in-remote"],
    ["data", "status", "--json", "--granular", "--not-in-remote", "--no-remote-refresh"],
]
DIFF = [
    ["diff", "--json", "--show-hash"],
    ["diff", "v1"],
    ["diff", "v1", "v2", "--json", "--show-hash"],
    ["diff", "v2", "v1", "--md", "--show-hash"],
    ["diff", "v2", "v2~0", "--json"],
    ["diff", "v1", "v2", "--json", "--targets", "data", "turns", "many"],
    ["diff", "v1", "--md", "--targets", "data/sub", "folder.dvc", "s"],
    ["diff", "no-such-revision"],
    ["diff", "--targets", "no-such-file"],
]


def test_data_status(dvc_command: str, project: Path, store: Path) -> None:
    assert_agreed(both(dvc_command, project, *STATUS), *STATUS)
    _lose(project, "data/sub/deep/3", "o")
    shutil.rmtree(store)
    store.mkdir()
    lines = [STATUS[1], STATUS[4], ["data", "status", "--granular"]]
    assert_agreed(both(dvc_command, project, *lines), *lines)


def test_diff(dvc_command: str, project: Path) -> None:
    assert_agreed(both(dvc_command, project, *DIFF), *DIFF)
    _lose(project, "data/sub/deep/3", "o")
    lines = [["diff", "--hide-missing", "--json"], ["diff"]]
    assert_agreed(both(dvc_command, project, *lines), *lines)


def test_folders_whose_lists_are_on_the_remote_only_or_nowhere(dvc_command: str, project: Path) -> None:
    shutil.rmtree(project / ".dvc/cache")
    lines = [STATUS[1], ["diff", "v1", "--json"], ["list", ".", "-R", "--json", "--rev", "v1"]]
    assert_agreed(both(dvc_command, project, *lines), *lines)
    assert not (project / ".dvc/cache").exists()


def test_a_fresh_clone_without_data(dvc_command: str, project: Path, store: Path) -> None:
    clone = project.parent / "clone"
    subprocess.run(["git", "clone", "-q", str(project), str(clone)], check=True)
    shutil.rmtree(store)
    lines = [["data", "status", "--json", "--granular"], ["diff", "--json"], ["diff", "v1", "v2", "--json"]]
    assert_agreed(both(dvc_command, clone, *lines), *lines)


def test_list(dvc_command: str, project: Path) -> None:
    lines = [
        ["list", "."],
        ["list", ".", "-R", "--json"],
        ["list", ".", "-R", "--json", "--rev", "v1"],
        ["list", ".", "-T", "--size", "--show-hash"],
        ["list", ".", "-T", "-L", "2", "--rev", "v1"],
        ["list", ".", "-R", "-L", "2"],
        ["list", ".", "--dvc-only", "-R", "--json"],
        ["list", ".", "data/sub", "--json"],
        ["list", ".", "data/1", "--json"],
        ["list", ".", "data", "-R", "-L", "0", "--json"],
        ["list", ".", "no-such-path"],
        ["list", ".", "--rev", "no-such-revision"],
        ["ls", str(project), "tool", "--json"],
        ["du", ".", "--rev", "v1"],
        ["du", ".", "turns"],
        ["du", ".", "-s", "--rev", "v2"],
    ]
    assert_agreed(both(dvc_command, project, *lines), *lines)
    below = [["list", "."], ["list", "..", "-R", "--json"], ["list", ".", "../tool"], ["list", ".", "deep", "--json"]]
    assert_agreed(both(dvc_command, project / "data/sub", *below), *below)


def test_list_of_other_repositories(dvc_command: str, project: Path, store: Path, tmp_path: Path) -> None:
    bare, url = tmp_path / "bare", f"file://{tmp_path}/bare"
    subprocess.run(["git", "clone", "-q", "--bare", str(project), str(bare)], check=True)
    plain = tmp_path / "plain"
    for name in ("a", "b/c"):
        (plain / name).parent.mkdir(parents=True, exist_ok=True)
        (plain / name).write_text(name)
    for command in ("init -q", "add .", "commit -q -m 1"):
        subprocess.run(["git", *command.split()], cwd=plain, check=True)
    lines = [
        ["list", url, "-R", "--json"],
        ["list", url, "--rev", "v1", "-T", "--size"],
        ["list", str(bare), "data", "--json"],
        ["list", url, "--rev", "no-such-revision"],
        ["list", str(plain), "-R", "--json"],
        ["list", str(plain), "--rev", "HEAD", "--json"],
        ["du", url],
        ["list", url, "data", "--remote", "other", "--remote-config", f"url={store}", "--json"],
    ]
    assert_agreed(both(dvc_command, tmp_path, *lines), *lines)


def test_list_url(dvc_command: str, project: Path) -> None:
    lines = [
        ["list-url", "data"],
        ["list-url", "-R", "data", "--size"],
        ["list-url", "-T", "data", "--size"],
        ["list-url", "-R", "-L", "2", "data"],
        ["list-url", "-R", "-L", "0", "data"],
        ["list-url", "data/1"],
        ["list-url", "no-such-path"],
        ["ls-url", "remote://store/files", "-R"],
    ]
    pairs = both(dvc_command, project, *lines)
    assert_agreed(pairs[:2] + pairs[3:], *lines[:2], *lines[3:])
    # DVC draws the tree in the order of the disk; the names are the same.
    assert [sorted(_names(out)) for _, out in pairs[2]] == [sorted(_names(pairs[2][0][1]))] * 2


def _names(lines: list[str]) -> list[str]:
    return [line.lstrip("0123456789.k │├└─") for line in lines]


def test_without_git_before_the_first_commit_and_below_the_root(dvc_command: str, tmp_path: Path) -> None:
    lines = [["data", "status", "--json", "--untracked-files"], ["diff", "--json"]]
    for name, options in (("without", ["--no-scm"]), ("empty", []), ("outer/below", ["--subdir"])):
        root = tmp_path / name
        root.mkdir(parents=True)
        if name != "without":
            subprocess.run(["git", "init", "-q", root if name == "empty" else root.parent], check=True)
        with contextlib.chdir(root):
            assert run(["init", "-q", *options]) == 0
        if name == "empty":
            assert_agreed(both(dvc_command, root, ["data", "status"]), ["data", "status"])
        (root / "d").mkdir()
        (root / "d/a").write_text("1")
        with contextlib.chdir(root):
            assert run(["add", "-q", "d"]) == 0
        (root / "d/b").write_text("2")
        (root / "u").write_text("2")
        if name == "outer/below":
            (root.parent / "outside").write_text("o")
            subprocess.run(["git", "add", "."], cwd=root, check=True)
            subprocess.run(["git", "commit", "-q", "-m", "1"], cwd=root, check=True)
        assert_agreed(both(dvc_command, root, *lines), *lines)


def _lose(project: Path, *paths: str) -> None:
    """Remove from the cache what the workspace's files and folders at these paths hold."""
    repo = Repository(str(project))
    for path in paths:
        item = read_inventory(repo).holding(path)
        assert item is not None
        assert item.hash is not None
        entries = FolderContents(repo).entries(item.hash) or {}
        oid = item.hash.oid if item.path == path else entries[path[len(item.path) + 1 :]]
        os.unlink(repo.cache.path_of(oid))
