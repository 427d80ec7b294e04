"""`siglum install` and what Git then runs, with the real Git."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
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
    made = DataProject(tmp_path / "a project")
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


def test_hooks_without_a_data_repository_do_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in HOOKS:
        assert app.run(["git-hook", name, "a", "b", "1"]) == 0
    assert capsys.readouterr() == ("", "")
    assert app.run(["install"]) == 1
