"""A repository to run pipelines in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.pipeline.project import TWO, Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty repository, Git and data, in the current folder."""
    root = tmp_path / "project"
    root.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").touch()
    (root / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    monkeypatch.chdir(root)
    monkeypatch.setitem(os.environ, "SHELL", "/bin/sh")
    return Project(root)


@pytest.fixture
def two(project: Project) -> Project:
    """Two stages, one of which reads what the other writes."""
    project.write("dvc.yaml", TWO)
    project.write("params.yaml", "lr: 1\n")
    project.write("raw.txt", "abc\n")
    return project
