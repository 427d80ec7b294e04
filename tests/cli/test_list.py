"""`siglum list` and `du`: what they do beyond what DVC does in the same repository (see tests/interop)."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    made = QuickProject(tmp_path / "project")
    made.write({"f": "file", "d/a": "one", "d/sub/b": "three", "plain/code.py": "code"})
    made.done("add", "f", "d")
    made.commit()
    return made


def test_sizes_of_data_that_is_in_the_cache_only(project: QuickProject) -> None:
    shutil.rmtree(project.root / "d")
    assert project.done("du", ".", "d").splitlines() == ["3  d/a", "5  d/sub", "8  d"]
    assert json.loads(project.done("du", ".", "-s", "--json"))[0]["size"] == 8 + 4 + 4 + len(project.read(".gitignore"))


def test_what_is_no_repository_or_not_in_it(project: QuickProject) -> None:
    assert "'nope' is neither a folder nor a Git URL" in project.fails("list", "nope")
    assert "'f' is neither a folder nor a Git URL" in project.fails("du", "f")
    assert "Did you mean 'plain'?" in project.fails("list", ".", "plian")
    assert "Did you mean 'sub'?" in project.fails("list", ".", "d/sbu")
    assert "outside the repository" in project.fails("list", ".", "../elsewhere")
    assert "no revision 'v9'" in project.fails("list", ".", "--rev", "v9")
    assert "--tree and --json" in project.run("list", ".", "--tree", "--json").err
    assert "name=value" in project.fails("list", ".", "--remote-config=secret", status=2)
    assert "secret" not in project.fails("list", ".", "--remote-config=secret", status=2)


def test_a_folder_whose_list_is_nowhere(project: QuickProject) -> None:
    shutil.rmtree(project.root / ".dvc/cache")
    assert json.loads(project.done("list", ".", "--rev", "HEAD", "--json", "--dvc-only")) == [
        {"isout": True, "isdir": True, "isexec": False, "size": 8, "md5": project.hash_of("d").oid, "path": "d"},
        {"isout": True, "isdir": False, "isexec": False, "size": 4, "md5": project.hash_of("f").oid, "path": "f"},
    ]
    assert "what is in d is not known" in project.fails("list", ".", "d", "--rev", "HEAD")
    # The workspace shows itself, as it does to DVC.
    assert project.done("list", ".", "-R", "d").splitlines() == ["a", "sub/b"]
    assert project.done("du", ".", "d").splitlines()[-1] == "8  d"
    shutil.rmtree(project.root / "d")
    assert "what is in d is not known" in project.fails("list", ".", "d")


def test_names_that_are_not_text(project: QuickProject) -> None:
    (Path(os.fsdecode(os.fsencode(project.root) + b"/plain/\xff"))).write_bytes(b"1")
    assert project.done("list", ".", "plain") == "code.py\n\\xff\n"
    assert [each["path"] for each in json.loads(project.done("list", ".", "plain", "--json"))] == ["code.py", "\\xff"]


def test_other_data_repositories_inside_are_their_own(project: QuickProject) -> None:
    inner = project.root / "inner"
    inner.mkdir()
    assert project.run("init", "--subdir", cwd=inner).status == 0
    (inner / "own").write_text("own")
    assert project.run("add", "own", cwd=inner).status == 0
    project.commit()
    assert "inner" not in project.done("list", ".").splitlines()
    assert "inner" not in project.done("list", ".", "--rev", "HEAD").splitlines()
    found = json.loads(project.done("list", ".", "inner", "--json"))
    assert [each["path"] for each in found if each["isout"]] == ["own"]


def test_reading_changes_nothing(project: QuickProject) -> None:
    (project.root / "d/a").unlink()
    with project.unchanged():
        for line in ("list . -R", "ls . -T --rev HEAD", "du .", "list-url d", "diff", "data status --granular"):
            project.done(*line.split())
