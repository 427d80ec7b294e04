"""`siglum remote`: what it writes, what it says, what it refuses."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

import siglum.workspace.config
from siglum.cli import app
from siglum.workspace.config import Config, Level
from siglum.workspace.documents import write_atomic
from siglum.workspace.settings import Settings, rename_remote


class KilledError(Exception):
    """Stands for the end of the process, right after a write."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    made = DataProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    return made


def fails(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 1) -> str:
    """Run a command, which must fail in one line; return that line."""
    assert app.run(list(arguments)) == status
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


def test_the_life_of_a_remote(project: DataProject, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["remote", "add", "-d", "Store", "../store"]) == 0
    assert app.run(["remote", "add", "other", "s3://bucket/data"]) == 0
    assert project.read(".dvc/config") == (
        "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n"
        "['remote \"other\"']\n    url = s3://bucket/data\n"
    )
    capsys.readouterr()
    assert app.run(["remote", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "store", "url": str(project.root.parent / "store"), "default": True},
        {"name": "other", "url": "s3://bucket/data", "default": False},
    ]
    assert app.run(["remote", "modify", "other", "endpointurl", "http://localhost:1"]) == 0
    assert app.run(["remote", "modify", "--local", "other", "secret_access_key", "hidden"]) == 0
    assert app.run(["remote", "rename", "other", "cloud"]) == 0
    assert project.read(".dvc/config.local") == "['remote \"cloud\"']\n    secret_access_key = hidden\n"
    assert app.run(["remote", "default", "cloud"]) == 0
    capsys.readouterr()
    assert app.run(["remote", "default"]) == 0
    assert capsys.readouterr().out == "cloud\n"
    assert "remote remove --local cloud" in fails(capsys, "remote", "remove", "cloud")
    assert app.run(["remote", "remove", "--local", "cloud"]) == 0
    assert app.run(["remote", "remove", "cloud"]) == 0
    assert project.read(".dvc/config") == "['remote \"store\"']\n    url = ../../store\n"
    assert "no default remote" in fails(capsys, "remote", "default")


def test_a_path_is_one_from_the_current_folder(project: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project.root / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    for url, written in (
        ("rel", "../below/rel"),
        ("/abs/olute", "/abs/olute"),
        ("~/home", "~/home"),
        ("file:///x", "file:///x"),
    ):
        assert app.run(["remote", "add", "-f", "r", url]) == 0
        assert f"    url = {written}\n" in project.read(".dvc/config")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "store", "elsewhere"], "There is a remote 'store' already, in"),
        (["add", "new", "wrong://x"], "unknown kind, wrong://"),
        (["add", 'a"b', "x"], "cannot be the name of a remote"),
        (["modify", "stroe", "url", "x"], "no remote 'stroe'. Did you mean 'store'?"),
        (["modify", "store", "jbos", "3"], "no option 'remote.store.jbos'"),
        (["modify", "store", "jobs", "many"], "should be a number above 0"),
        (["modify", "--local", "store", "jbos", "3"], "no option 'remote.store.jbos'"),
        (["modify", "-u", "store", "url"], "has no url"),
        (["default", "nowhere"], "no remote 'nowhere'"),
        (["rename", "store", "second"], "There is a remote 'second' already"),
        (["rename", "none", "x"], "no remote 'none'"),
        (["remove", "none"], "no remote 'none'"),
        (["remove", "--local", "store"], "no remote 'store'"),
    ],
)
def test_what_is_refused_changes_nothing(
    project: DataProject, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert app.run(["remote", "add", "-d", "store", "../store"]) == 0
    assert app.run(["remote", "add", "second", "../second"]) == 0
    capsys.readouterr()
    with project.unchanged():
        assert said in fails(capsys, "remote", *arguments)


def test_wrong_use(project: DataProject, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--local and --global exclude each other" in fails(
        capsys, "remote", "add", "--local", "--global", "x", "y", status=2
    )
    assert "--unset" in fails(capsys, "remote", "modify", "x", "url", status=2)
    assert "--unset" in fails(capsys, "remote", "modify", "-u", "x", "url", "y", status=2)
    assert "exclude each other" in fails(capsys, "remote", "default", "-u", "x", status=2)


def test_levels_that_need_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "siglum init" in fails(capsys, "remote", "add", "x", "/y")
    assert app.run(["remote", "add", "--global", "-d", "x", "/y"]) == 0
    capsys.readouterr()
    assert app.run(["remote", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == ["x       /y      (default)"]


def test_the_list_is_the_one_that_scripts_know(project: DataProject, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["remote", "add", "-d", "y", "/tmp/F/y"]) == 0
    assert app.run(["remote", "add", "a-name-of-more-than-eight", "s3://b/p"]) == 0
    capsys.readouterr()
    assert app.run(["remote", "list"]) == 0
    assert capsys.readouterr().out == "y       /tmp/F/y        (default)\na-name-of-more-than-eight       s3://b/p\n"
    assert app.run(["remote", "list", "--name"]) == 0
    assert capsys.readouterr().out == "y\na-name-of-more-than-eight\n"


def test_no_listing_shows_a_secret(project: DataProject, capsys: pytest.CaptureFixture[str]) -> None:
    """Only who asks for one setting by its name is told a secret, as DVC tells it."""
    assert app.run(["remote", "add", "web", "https://user:hidden@host/x"]) == 0
    assert app.run(["remote", "modify", "--local", "web", "password", "hidden", "--json"]) == 0
    assert app.run(["config", "--local", "studio.token", "hidden", "--json"]) == 0
    for command in (["remote", "list"], ["config", "-l"], ["config", "-l", "--show-origin"]):
        for form in ([], ["--json"]):
            assert app.run([*command, *form]) == 0
    assert app.run(["config", "--local", "remote.web.password", "hidden, hidden", "-q"]) == 0
    project.write({".dvc/config.local": "['remote \"web\"']\n    password = hidden, hidden\n"})
    assert app.run(["config", "-l"]) == app.run(["remote", "list"]) == 1
    printed = capsys.readouterr()
    assert "hidden" not in printed.out + printed.err
    assert "https://user:***@host/x" in printed.out
    assert "remote.web.password is set, but should be one value" in printed.err


def test_a_rename_that_is_killed_leaves_settings_that_can_be_read(
    project: DataProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After each of its writes the files make sense together: no level has options of a remote without a URL."""
    assert app.run(["remote", "add", "-d", "old", "/x"]) == 0
    assert app.run(["remote", "modify", "--local", "old", "jobs", "3"]) == 0
    before = {name: project.read(name) for name in (".dvc/config", ".dvc/config.local")}
    for writes in (1, 2, 3):
        project.write({**before})
        left = itertools.count(writes, -1)

        def write(path: str, data: bytes, left: Iterator[int] = left) -> None:
            write_atomic(path, data)
            if next(left) == 1:
                raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr(siglum.workspace.config, "write_atomic", write)
            with pytest.raises(KilledError):
                rename_remote(Settings(Level.REPO, str(project.root / ".dvc"), str(project.root)), "old", "new")
        remotes = Config.load(str(project.root / ".dvc")).remotes()
        assert any(options.get("jobs") == "3" for options in remotes.values())
    assert remotes == {"new": {"url": "/x", "jobs": "3"}}


def test_two_at_once_lose_nothing(project: DataProject) -> None:
    command = [sys.executable, "-m", "siglum.cli", "remote", "add", "-q"]
    running = [subprocess.Popen([*command, f"r{i}", f"/x{i}"], cwd=project.root) for i in range(6)]
    assert [process.wait() for process in running] == [0] * 6
    assert set(Config.load(str(project.root / ".dvc")).remotes()) == {f"r{i}" for i in range(6)}
    assert project.read(".dvc/.gitignore").splitlines() == ["/config.local", "/tmp", "/cache"]
