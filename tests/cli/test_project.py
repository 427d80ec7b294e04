"""`siglum root` and `check-ignore`: what they print and what their status says."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.cli import app


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    made = DataProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    made.write(
        {".dvcignore": "# logs\n\n*.log\n!keep.log\nd/\n", "a/.dvcignore": "x*\n!x1\n", "a/b/f": "", "d/e/f": ""}
    )
    return made


def test_root(project: DataProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["root"]) == 0
    monkeypatch.chdir(project.root / "a/b")
    assert app.run(["root"]) == 0
    assert capsys.readouterr().out == ".\n../..\n"
    monkeypatch.chdir("/")
    assert app.run(["root"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "printed", "status"),
    [
        (["a.log", "keep.log", "d/e", "plain"], "a.log\nd/e\n", 0),
        (["keep.log", "plain"], "", 1),
        (["-d", "keep.log"], ".dvcignore:4:!keep.log\tkeep.log\n", 0),
        (["-d", "-n", "plain"], "::\tplain\n", 1),
        (["-d", "plain", ""], "", 1),
        (["-d", "--all", "a/x1"], "a/.dvcignore:2:!x1\ta/x1\na/.dvcignore:1:x*\ta/x1\n", 0),
        (["-d", "d/e/f", ".dvc/config"], ".dvcignore:5:d/\td/e/f\n:.dvc/\t.dvc/config\n", 0),
        (["-q", "a.log"], "", 0),
        (["-q", "plain"], "", 1),
        (["../outside.log"], "", 1),
    ],
)
def test_what_is_printed(
    project: DataProject, capsys: pytest.CaptureFixture[str], arguments: list[str], printed: str, status: int
) -> None:
    assert app.run(["check-ignore", *arguments]) == status
    assert capsys.readouterr() == (printed, "")


def test_paths_from_standard_input(
    project: DataProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("plain\n\n a b.log\nx.log"))
    assert app.run(["check-ignore", "--stdin"]) == 0
    assert capsys.readouterr().out == " a b.log\nx.log\n"


def test_json(project: DataProject, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["check-ignore", "--json", "a.log", "plain"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "path": "a.log",
            "ignored": True,
            "patterns": [{"pattern": "*.log", "file": ".dvcignore", "line": 3, "repository": False}],
        },
        {"path": "plain", "ignored": False, "patterns": []},
    ]


def test_wrong_use(project: DataProject, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--stdin", "x"], ["-n", "x"], ["-a", "x"], ["-d", "-q", "x"]):
        assert app.run(["check-ignore", *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1
