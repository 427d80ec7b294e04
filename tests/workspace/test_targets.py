"""What a command's targets mean, and what a repository holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.workspace.repository import Repository, find_root
from siglum.workspace.targets import select_outputs


def keys(project: DataProject, *targets: str) -> list[tuple[str, str]]:
    return [(each.key, each.within) for each in select_outputs(project.open(), targets)]


def test_targets(project: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write({"a": "1", "data/f": "2", "data/d/x": "3", "data/d/sub/y": "4"})
    project.done("add", "a", "data/f", "data/d")
    assert keys(project) == [("a", ""), ("data/d", ""), ("data/f", "")]
    assert keys(project, "data") == [("data/d", ""), ("data/f", "")]
    assert keys(project, "data/d.dvc", "data/d", "./data/../data/d/") == [("data/d", "")]
    assert keys(project, "data/d/sub/y", "data/d/x") == [("data/d", "sub/y"), ("data/d", "x")]
    monkeypatch.chdir(project.root / "data")
    assert keys(project, "f", "../a") == [("data/f", ""), ("a", "")]
    assert keys(project, ".") == [("data/d", ""), ("data/f", "")]
    with pytest.raises(NotFoundError, match=r"'ff' is not tracked\. Did you mean 'f'\?"):
        keys(project, "ff")
    with pytest.raises(InvalidInputError, match="is outside the repository"):
        keys(project, "../../x")


def test_metafiles(project: DataProject) -> None:
    """What Git or `.dvcignore` hides is no part of the repository, with Git and without."""
    project.write({"f": "1", "data/d/x": "2", ".dvcignore": "hidden\n", "below/dvc.yaml": "stages: {}\n"})
    project.done("add", "f", "data/d")
    project.write({"hidden/h.dvc": "not read", "data/d/inside.dvc": "data, not a pointer", "by-git/g.dvc": "not read"})
    with (project.root / ".gitignore").open("a") as file:
        file.write("/by-git\n")
    wanted = ["below/dvc.yaml", "data/d.dvc", "f.dvc"]
    assert project.open().metafiles() == wanted
    shutil.rmtree(project.root / ".git")
    shutil.rmtree(project.root / "by-git")
    assert project.open().metafiles() == wanted


def test_roots(project: DataProject, tmp_path: Path) -> None:
    below = project.root / "a/b"
    below.mkdir(parents=True)
    assert find_root(str(below)) == str(project.root)
    assert find_root(str(tmp_path)) is None
    repo = Repository.open(str(below))
    assert repo.key_of(str(below / "x")) == "a/b/x"
    with pytest.raises(NotFoundError, match="is not in a data repository"):
        Repository.open(str(tmp_path))


def test_a_repository_below_the_root_of_git(tmp_path: Path, project: DataProject) -> None:
    below = project.root / "model"
    below.mkdir()
    assert project.run("init", "--subdir", cwd=below).status == 0
    (below / "f").write_text("data")
    assert project.run("add", "f", cwd=below).status == 0
    repo = Repository.open(str(below))
    assert repo.git_prefix == "model/"
    assert repo.metafiles() == ["f.dvc"]
    assert (below / ".gitignore").read_text() == "/f\n"
    assert project.open().metafiles() == []  # another data repository's files are its own
