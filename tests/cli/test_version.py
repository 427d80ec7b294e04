"""`siglum version`: what it tells, in and outside of a repository."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

import siglum
from siglum.cli import app
from siglum.storage.links import LinkType
from siglum.workspace.about import mount_of, working_links


def test_outside_of_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert app.run(["version"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"Siglum version: {siglum.__version__}\n---")
    assert f"Python {platform.python_version()} on Linux" in printed
    assert "Repo:" not in printed
    assert app.run(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["repository"] is None


def test_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    project = DataProject(tmp_path / "project")
    monkeypatch.chdir(project.root)
    project.write({"f": "1"})
    project.done("add", "f")
    project.done("remote", "add", "here", "../store")
    project.done("remote", "add", "away", "s3://user:hidden@bucket/x")
    before = sorted(project.root.rglob("*"))
    assert app.run(["version"]) == 0
    printed = capsys.readouterr().out
    assert "Cache types: " in printed
    assert "hardlink, symlink" in printed
    assert "Cache types wanted: reflink, copy" in printed
    assert "Remotes: here (local), away (s3)" in printed
    assert "hidden" not in printed
    assert f"Workspace directory: {project.root} (" in printed
    assert app.run(["version", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["repository"]
    assert told["workspace"]["type"] == mount_of(str(tmp_path)).type is not None
    assert sorted(project.root.rglob("*")) == before, "what was made to try out links is gone"


def test_links_that_cannot_be_made(tmp_path: Path) -> None:
    assert working_links(str(tmp_path / "nowhere"), str(tmp_path)) == []
    assert LinkType.SYMLINK in working_links(str(tmp_path), str(tmp_path))
    assert working_links(str(tmp_path), str(tmp_path / "nowhere")) == []
    assert list(tmp_path.iterdir()) == []


def test_the_file_system_of_a_path_that_is_not_there() -> None:
    assert mount_of("/proc/nowhere/at/all").type == "proc"
