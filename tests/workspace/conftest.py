"""A data repository to try things in."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    """An empty repository, Git and data, in the current folder."""
    made = DataProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    return made
