"""`siglum diff` of revisions: what it says beyond what DVC says of the same repository (see tests/interop)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    made = QuickProject(tmp_path / "project")
    made.write({"f": "file", "d/a": "one", "d/sub/b": "two"})
    made.done("add", "f", "d")
    made.commit()
    made.git("tag", "v1.0")
    made.write({"d/a": "edited", "d/new": "n"})
    (made.root / "d/sub/b").rename(made.root / "d/moved")
    made.done("add", "d")
    made.commit()
    return made


def test_between_revisions_and_the_workspace(project: QuickProject) -> None:
    assert project.done("diff") == ""
    assert project.done("diff", "--json") == "{}\n"
    assert project.done("diff", "v1.0", "HEAD").splitlines() == [
        "Added:",
        "    d/new",
        "",
        "Renamed:",
        "    d/sub/b -> d/moved",
        "",
        "Modified:",
        "    d/",
        "    d/a",
        "",
        "files summary: 1 added, 1 renamed, 1 modified",
    ]
    back = json.loads(project.done("diff", "HEAD", "v1.0", "--json"))
    assert back["deleted"] == [{"path": "d/new"}]
    assert project.done("diff", "v1.0", "-q") == ""


def test_targets_are_seen_from_the_current_folder(project: QuickProject) -> None:
    below = project.root / "d"
    found = json.loads(project.run("diff", "v1.0", "--json", "--targets", "a", "new", cwd=below).out)
    assert (found["modified"], found["added"]) == ([{"path": "d/a"}], [{"path": "d/new"}])
    # Words after the option are its own up to the next option, as in DVC.
    assert "'v1.0'" in project.run("diff", "--targets", "a", "v1.0", cwd=below).err
    assert project.run("diff", "--targets=a", "v1.0", cwd=below).out.startswith("Modified:\n    d/a\n")


def test_mistyped_names(project: QuickProject) -> None:
    assert "Did you mean 'v1.0'?" in project.fails("diff", "v1,0")
    assert "Did you mean 'f'" in project.fails("diff", "v1.0", "--targets", "ff")
    assert "3 are given" in project.fails("diff", "a", "b", "c", status=2)


def test_without_git(tmp_path: Path) -> None:
    project = QuickProject.__new__(QuickProject)
    project.root = tmp_path
    project.done("init", "--no-scm")
    assert "not in a Git repository" in project.fails("diff")


def test_names_in_markdown(project: QuickProject) -> None:
    project.write({"日本": "wide", "é": "combining", "two\nlines": "x"})
    project.done("add", "日本", "é", "two\nlines")
    assert project.done("diff", "--md").splitlines() == [
        "| Status   | Path   |",
        "|----------|--------|",
        "| added    | two    |",
        "|          | lines  |",
        "| added    | é      |",
        "| added    | 日本   |",
        "",
    ]
