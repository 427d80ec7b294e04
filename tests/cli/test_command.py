"""What every command takes, before its name or after it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.quick import QuickProject
from tests.workspace.data_project import Ended


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    return QuickProject(tmp_path / "project")


@pytest.mark.parametrize("line", [["-q", "add", "f"], ["add", "-q", "f"], ["--wait-for-lock", "add", "--quiet", "f"]])
def test_quiet(project: QuickProject, line: list[str]) -> None:
    project.write({"f": "1"})
    assert project.run(*line) == Ended(0, "", "")
    project.write({"f": "2"})
    assert project.run("-q", "status") == Ended(1, "", "")


@pytest.mark.parametrize("line", [["-v", "add", "nothing"], ["add", "-vv", "nothing"], ["-v", "-v", "add", "nothing"]])
def test_where_an_error_came_from(project: QuickProject, line: list[str]) -> None:
    ended, plain = project.run(*line), project.run("add", "nothing")
    assert (ended.status, ended.out) == (plain.status, plain.out) == (1, "")
    assert len(plain.err.splitlines()) == 1
    assert ended.err.startswith("Traceback")
    assert ended.err.endswith(plain.err)


def test_within_a_group(project: QuickProject) -> None:
    assert project.run("remote", "-q", "add", "r", "../r") == Ended(0, "", "")
    assert project.done("remote", "list") != ""
    failed = project.run("remote", "-v", "modify", "nothing", "url", "x")
    assert (failed.status, failed.err.startswith("Traceback")) == (1, True)


def test_nothing_more_where_all_is_well(project: QuickProject) -> None:
    project.write({"f": "1"})
    assert project.run("-v", "add", "f").err == ""
    assert project.run("status", "-v").out == "Data and pipelines are up to date.\n"
