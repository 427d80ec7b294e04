"""`.gitignore` lines that hide data from Git, and `.dvcignore` rules that hide files from data."""

from __future__ import annotations

import os

import pytest
from tests.workspace.data_project import DataProject

from siglum.workspace import gitignore
from siglum.workspace.ignore import IgnoreRules


@pytest.mark.parametrize("name", ["plain", "two words", "#h", "!b", "a*b", "[x]", "b\\s", "q?", "ünï", "line\nbreak"])
def test_git_ignores_exactly_this(project: DataProject, name: str) -> None:
    git = project.open().git
    assert git is not None
    project.write({f"sub/{name}": "data", f"sub/not {name}": "other", f"sub/below/{name}": "other"})
    path = str(project.root / "sub" / name)
    assert gitignore.ignore(git, path) == str(project.root / "sub/.gitignore")
    assert gitignore.ignore(git, path) is None
    assert git.ignored([f"sub/{name}", f"sub/not {name}", f"sub/below/{name}"]) == {f"sub/{name}"}
    assert gitignore.stop_ignoring(path) == str(project.root / "sub/.gitignore")
    assert not (project.root / "sub/.gitignore").exists()
    assert gitignore.stop_ignoring(path) is None


def test_lines_of_the_user_stay(project: DataProject) -> None:
    git = project.open().git
    assert git is not None
    project.write({".gitignore": "*.log\n# mine"})
    gitignore.ignore(git, str(project.root / "data"))
    assert project.read(".gitignore") == "*.log\n# mine\n/data\n"
    assert gitignore.ignore(git, str(project.root / "x.log")) is None
    gitignore.stop_ignoring(str(project.root / "data"))
    assert project.read(".gitignore") == "*.log\n# mine\n"


def test_dvcignore(project: DataProject) -> None:
    project.write({".dvcignore": "*.tmp\n/top\nfolder/\n", "sub/.dvcignore": "!keep.tmp\nown\n"})
    os.makedirs(project.root / "sub/inner/.dvc")
    rules = IgnoreRules(str(project.root))

    def hidden(path: str, is_dir: bool = False) -> bool:
        return rules.is_ignored(str(project.root / path), is_dir)

    assert hidden("a.tmp")
    assert hidden("sub/a.tmp")
    assert not hidden("sub/keep.tmp")
    assert hidden("keep.tmp")
    assert hidden("top")
    assert not hidden("sub/top")
    assert hidden("folder", is_dir=True)
    assert not hidden("folder")
    assert hidden("sub/own")
    assert not hidden("own")
    assert hidden(".git", is_dir=True)
    assert hidden("sub/inner", is_dir=True)  # another data repository
    found = rules.match(str(project.root / "top"))
    assert found is not None
    assert (os.path.basename(found.file), found.line, found.pattern) == (".dvcignore", 2, "/top")
