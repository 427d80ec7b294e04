"""`siglum config`: reading and changing settings, at their levels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.cli import app


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    made = DataProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    return made


def says(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert app.run(["config", *arguments]) == 0
    return capsys.readouterr().out


def test_later_levels_win(project: DataProject, capsys: pytest.CaptureFixture[str]) -> None:
    for level, kind in (("--system", "copy"), ("--global", "symlink"), ("--project", "hardlink"), ("--local", "copy")):
        says(capsys, level, "cache.type", kind)
        assert says(capsys, "cache.type") == f"{kind}\n"
    assert says(capsys, "--global", "cache.type") == "symlink\n"
    assert says(capsys, "--show-origin", "cache.type") == ".dvc/config.local\tcopy\n"
    says(capsys, "--local", "-u", "cache.type")
    assert project.read(".dvc/config.local") == "\n"
    assert says(capsys, "cache.type") == "hardlink\n"
    assert json.loads(says(capsys, "-l", "--json"))[0]["name"] == "cache.type"
    assert says(capsys, "-l", "--show-origin").splitlines()[0] == ".dvc/config\tcache.type=hardlink"
    assert says(capsys, "core.remote") == ""


def test_paths_are_those_of_the_current_folder(
    project: DataProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    below = project.root / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    says(capsys, "cache.dir", "big disk")
    assert project.read(".dvc/config") == "[cache]\n    dir = ../below/big disk\n"
    assert says(capsys, "cache.dir") == f"{below}/big disk\n"
    (below / "f").write_text("f")
    assert app.run(["add", "f"]) == 0
    assert (below / "big disk/files/md5/8f/a14cdd754f91cc6554c9e71929cce7").read_text() == "f"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["core.nope", "1"], "no option 'core.nope'"),
        (["core.nope"], "has no option 'nope'"),
        (["croe.remote", "x"], "no section 'croe'. Did you mean 'core'?"),
        (["nonsense"], "'nonsense' is not the name of a setting"),
        (["core.autostage", "yes"], "should be 'true' or 'false'"),
        (["cache.type", "glue"], "should be a list out of reflink, hardlink, symlink, copy"),
        (["remote.new.jobs", "4"], "has no url"),
        (["-u", "core.remote"], "does not set core.remote"),
    ],
)
def test_what_is_refused_changes_nothing(
    project: DataProject, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    says(capsys, "core.analytics", "false")
    with project.unchanged():
        assert app.run(["config", *arguments]) == 1
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1


def test_wrong_use(project: DataProject, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["-u", "core.remote", "x"], ["-l", "core.remote"], ["--show-origin", "core.remote", "x"]):
        assert app.run(["config", *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[core\n", ".dvc/config:1: '[core' is not a section"),
        ("[core]\nremote\n", ".dvc/config:2: 'remote' is not 'option = value'"),
        ("remote = x\n", ".dvc/config:1: the option 'remote' stands before any section"),
        ("[core]\nremote = x\nremote = y\n", ".dvc/config:3: the option 'remote' stands twice"),
        ("[core]\nnope = 1\n", ".dvc/config: there is no option 'core.nope'"),
        ("['remote \"x\"']\njobs = 1\n", ".dvc/config: the remote 'x' has no url"),
        ("[core]\n    remote = \xff\n", ".dvc/config:2:14: not UTF-8"),
    ],
)
def test_a_damaged_file(project: DataProject, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    """Every command names the file and the line; none overwrites it."""
    project.write({".dvc/config": text.encode("latin-1"), "f": "1"})
    with project.unchanged():
        for command in (["status"], ["add", "f"], ["push"], ["remote", "list"], ["config", "core.remote"]):
            assert app.run(command) == 1
            printed = capsys.readouterr().err
            assert said in printed
            assert printed.count("\n") == 1
