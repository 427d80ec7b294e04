"""`siglum install` and what Git then runs, with the real Git."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject
from tests.workspace.data_project import DataProject

from siglum.cli import app
from siglum.workspace.documents import load_yaml

HOOKS = ("post-checkout", "pre-commit", "pre-push")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    """A repository whose Git finds `siglum` on the path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "siglum"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m siglum.cli "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    made = QuickProject(tmp_path / "a project")
    monkeypatch.chdir(made.root)
    return made


def test_data_follows_git(project: DataProject, capsys: pytest.CaptureFixture[str]) -> None:
    project.done("remote", "add", "-d", "store", "../store")
    assert app.run(["install"]) == 0
    assert app.run(["install"]) == 0  # again: nothing to say against it
    capsys.readouterr()
    project.write({"data": "1"})
    project.done("add", "data")
    project.commit()
    project.git("checkout", "-q", "-b", "other")
    project.write({"data": "2"})
    project.done("add", "data")
    project.commit()
    project.git("checkout", "-q", "main")
    assert project.read("data") == "1"
    project.git("checkout", "-q", "other", "--", "data.dvc")  # one file: data stays as it is
    assert project.read("data") == "1"
    project.git("checkout", "-q", "HEAD", "--", "data.dvc")
    project.git("init", "-q", "--bare", "../bare")
    project.git("push", "-q", "../bare", "main")
    assert (project.root.parent / "store/files/md5/c4/ca4238a0b923820dcc509a6f75849b").read_text() == "1"
    project.write({"data": "3"})
    said = subprocess.run(["git", "commit", "--allow-empty", "-m", "x"], capture_output=True, text=True, check=True)
    assert "data.dvc:" in said.stdout + said.stderr


def test_folders_are_merged(project: DataProject) -> None:
    assert app.run(["install", "-q"]) == 0
    project.write({"d/a": "a", "d/b": "b"})
    project.done("add", "d")
    project.commit()
    project.git("checkout", "-q", "-b", "other")
    project.write({"d/c": "c"})
    project.done("add", "d")
    project.commit()
    project.git("checkout", "-q", "main")
    project.write({"d/b": "B"})
    project.done("add", "d")
    project.commit()
    project.git("merge", "-q", "-m", "both", "other")
    project.done("checkout")
    assert {path.name: path.read_text() for path in (project.root / "d").iterdir()} == {"a": "a", "b": "B", "c": "c"}
    # Both change one file: Git says that there is a conflict, and the file of this side stays.
    project.git("checkout", "-q", "-b", "third", "HEAD~1")
    project.write({"d/b": "other B"})
    project.done("add", "d")
    project.commit()
    before = project.read("d.dvc")
    done = subprocess.run(["git", "merge", "-m", "x", "main"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, "only one side changed b since the common commit"
    assert project.read("d.dvc") != before


def test_a_conflict_is_told(project: DataProject) -> None:
    assert app.run(["install", "-q"]) == 0
    project.write({"d/a": "a"})
    project.done("add", "d")
    project.commit()
    for branch in ("one", "two"):
        project.git("checkout", "-q", "-b", branch, "main")
        project.write({"d/a": branch})
        project.done("add", "d")
        project.commit()
    before = project.read("d.dvc")
    done = subprocess.run(["git", "merge", "one"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "d: both sides changed a in the folder" in done.stderr
    assert project.read("d.dvc") == before
    assert project.git("status", "--porcelain") == "UU d.dvc\n"


def test_other_hooks_are_left_alone(project: DataProject, capsys: pytest.CaptureFixture[str]) -> None:
    hook = project.root / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho mine\n")
    assert app.run(["install"]) == 1
    said = capsys.readouterr().err
    assert "There is a hook" in said
    assert 'siglum git-hook pre-push "$@"' in said
    assert hook.read_text() == "#!/bin/sh\necho mine\n"
    assert not (hook.parent / "pre-commit").exists()
    hook.write_text("#!/usr/bin/sh\nexec dvc git-hook pre-push $@\n")  # DVC's own, which say nothing of a person's
    assert app.run(["install"]) == 0
    assert hook.read_text() == '#!/bin/sh\nexec siglum git-hook pre-push "$@"\n'
    project.git("config", "core.hooksPath", "/nowhere/hooks")
    assert app.run(["install"]) == 1
    assert "core.hooksPath" in capsys.readouterr().err


def test_the_pre_commit_tool(project: DataProject) -> None:
    project.write({".pre-commit-config.yaml": "repos:\n- repo: https://x  # kept\n  hooks:\n  - id: y\n"})
    for _ in range(2):
        assert app.run(["install", "--use-pre-commit-tool", "-q"]) == 0
        text = project.read(".pre-commit-config.yaml")
        assert "# kept" in text
        repos = load_yaml(text, "x")["repos"]
        assert [hook["entry"] for hook in repos[1]["hooks"]] == [f"siglum git-hook {name}" for name in HOOKS]
        assert len(repos) == 2
    assert not (project.root / ".git/hooks/pre-push").exists()


def test_without_git_there_is_nothing_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert app.run(["init", "-q", "--no-scm"]) == 0
    assert app.run(["install"]) == 0
    assert "nothing to install" in capsys.readouterr().out


def test_hooks_without_a_data_repository_do_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in HOOKS:
        assert app.run(["git-hook", name, "a", "b", "1"]) == 0
    assert capsys.readouterr() == ("", "")
    assert app.run(["install"]) == 1


STAGES = """\
stages:
  w: {cmd: cp in-w w, deps: [in-w], outs: [w]}
  x: {cmd: cp in-x x, deps: [in-x], outs: [x]}
  y: {cmd: cp in-y y, deps: [in-y], outs: [y]}
"""


@pytest.fixture
def branches(project: DataProject) -> DataProject:
    """Stage `w` ran on all branches; on `one` `x` ran, too, on `two` `y`, on `three` both; nothing is installed."""
    project.write({"dvc.yaml": STAGES, "in-w": "w", "in-x": "x", "in-y": "y", ".gitignore": "/w\n/x\n/y\n"})
    project.done("repro", "w")
    project.commit()
    for branch, changed in {"one": ["x"], "two": ["y"], "three": ["x", "y"]}.items():
        project.git("checkout", "-q", "-b", branch, "main")
        project.write({f"in-{name}": f"{name} of {branch}" for name in changed})
        project.done("repro", *changed)
        project.commit()
    project.git("checkout", "-q", "one")
    return project


def merge(branch: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "merge", "-m", "x", branch], capture_output=True, text=True, check=False)


def test_lock_files_are_merged_stage_by_stage(branches: DataProject) -> None:
    # Both put their stage at the end of the file, in which Git alone sees a conflict.
    assert merge("two").returncode == 1
    branches.git("merge", "--abort")
    assert app.run(["install", "-q"]) == 0
    assert merge("two").returncode == 0
    branches.done("checkout")
    assert (branches.read("x"), branches.read("y")) == ("x of one", "y of two")
    assert json.loads(branches.done("status", "--json")) == {}


def test_a_stage_that_both_sides_changed_is_a_conflict(branches: DataProject) -> None:
    assert app.run(["install", "-q"]) == 0
    done = merge("three")
    assert done.returncode == 1
    assert "error: dvc.lock: both sides changed 1 stage: 'x'. 'siglum resolve --ours' or" in done.stderr
    lock = branches.read("dvc.lock")
    assert lock.count("<<<<<<< ours") == lock.count(">>>>>>> theirs") == 2
    assert "y of three" in branches.read("in-y")
    for command in ("status", "repro", "checkout"):
        said = branches.run(command)
        assert said.status == 1
        assert "dvc.lock:" in said.err
        assert "holds a merge conflict of Git. Run 'siglum resolve', which merges it." in said.err
    assert branches.read("dvc.lock") == lock
    refused = branches.run("resolve")
    assert refused.status == 1
    assert refused.err.startswith("error: dvc.lock: both sides changed 1 stage: 'x'. Take one side of them with --ours")
    assert branches.read("dvc.lock") == lock
    shown = json.loads(branches.done("resolve", "--theirs", "--json"))
    assert shown == {"files": [{"path": "dvc.lock", "taken": ["y"], "chosen": ["x"]}], "git_files": ["dvc.lock"]}
    assert branches.read("dvc.lock") == branches.git("show", "three:dvc.lock")


def test_a_conflict_that_git_left_is_resolved_afterwards(branches: DataProject) -> None:
    assert merge("two").returncode == 1
    assert "<<<<<<< HEAD" in branches.read("dvc.lock")
    assert branches.done("resolve") == "Merged dvc.lock: 1 stage of the other side.\nTell Git with: git add dvc.lock\n"
    again = branches.run("resolve")
    assert again.status == 1
    assert again.err == (
        "error: dvc.lock holds no conflict markers any more. Tell Git that it is resolved with 'git add dvc.lock'.\n"
    )
    branches.git("add", "dvc.lock")
    branches.git("commit", "-q", "-m", "both")
    branches.done("checkout")
    assert (branches.read("x"), branches.read("y")) == ("x of one", "y of two")
    assert json.loads(branches.done("status", "--json")) == {}
    assert "No dvc.lock and no .dvc file is in conflict." in branches.run("resolve").err
    assert "Git knows of no conflict in dvc.yaml." in branches.run("resolve", "dvc.yaml").err


def test_folders_are_resolved_afterwards_too(project: DataProject) -> None:
    project.write({"d/a": "a", "d/b": "b", "sub/x": ""})
    project.done("add", "d")
    project.commit()
    for branch, name in (("one", "c"), ("two", "e"), ("three", "b")):
        project.git("checkout", "-q", "-b", branch, "main")
        project.write({f"d/{name}": branch, "d/b": "three" if name == "b" else branch if name == "c" else "b"})
        project.done("add", "d")
        project.commit()
    project.git("checkout", "-q", "one")
    assert merge("two").returncode == 1
    assert "Run 'siglum resolve'" in project.run("status").err
    project.done("resolve", "d.dvc")
    project.git("add", "d.dvc")
    project.git("commit", "-q", "-m", "both")
    project.done("checkout")
    assert sorted(path.name for path in (project.root / "d").iterdir()) == ["a", "b", "c", "e"]
    assert merge("three").returncode == 1
    assert "d: both sides changed b in the folder" in project.run("resolve").err
    project.done("resolve", "--theirs")
    assert project.read("d.dvc") == project.git("show", "three:d.dvc")


def test_what_one_side_removed_is_left_to_the_user(branches: DataProject) -> None:
    branches.git("rm", "-q", "dvc.lock")
    branches.commit()
    assert merge("two").returncode == 1
    assert "dvc.lock was removed on one side and changed on the other." in branches.run("resolve").err
