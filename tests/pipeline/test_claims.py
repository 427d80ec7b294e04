"""A path has one owner: what a stage writes cannot be added, too."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from siglum.cli import app
from siglum.core.errors import ConflictError
from siglum.repo import Repo
from siglum.workspace.repository import Repository

PIPELINE = (
    "stages:\n  make: {cmd: mkdir -p made/d; echo 1 > made/d/x; echo 2 > 'm.json', outs: [made/d], metrics: [m.json]}\n"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    Repository.init(str(tmp_path))
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "free").write_text("free")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "SHELL", "/bin/sh")
    Repo(".").reproduce()
    return tmp_path


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("made/d", "made/d is an output of the stage 'make'"),
        ("./made/d/", "made/d is an output of the stage 'make'"),
        ("m.json", "m.json is an output"),
        ("made/d/x", "made/d/x lies in an output"),
        ("made", "made contains an output"),
    ],
)
def test_what_a_stage_writes_is_not_added(
    project: Path, target: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConflictError, match=said):
        Repo(".").add(target)
    assert app.run(["add", "free", target]) == 1
    assert said in capsys.readouterr().err
    assert list(project.glob("**/*.dvc")) == [project / ".dvc"]
    assert Repo(".").reproduce() == []


def test_nor_is_something_copied_over_it(project: Path) -> None:
    with pytest.raises(ConflictError):
        Repo(".").add("free", out="made/d/x", force=True)
    assert (project / "made/d/x").read_text() == "1\n"


def test_what_is_beside_it_is(project: Path) -> None:
    (project / "made/other").write_text("o")
    assert [each.path for each in Repo(".").add(["free", "made/other"])] == ["free", "made/other"]
    assert Repo(".").reproduce() == []
    assert Repo(".").status() == {}
