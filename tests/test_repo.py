"""`siglum.repo.Repo`: what the commands do, from Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.core.errors import NotFoundError, StageFailedError, WouldLoseDataError
from siglum.repo import Repo


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    made = DataProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    made.done("remote", "add", "-d", "store", "../store")
    made.write({"data/train.csv": "a,b\n", "data/folder/x": "1", "data/folder/y": "2"})
    return made


def test_the_whole_way(project: DataProject) -> None:
    with Repo() as repo:
        assert [(each.path, each.changed) for each in repo.add(["data/train.csv", Path("data/folder")])] == [
            ("data/train.csv", True),
            ("data/folder", True),
        ]
        assert repo.status() == {}
        assert set(repo.status(cloud=True)) == {"data/train.csv", "data/folder", "data/folder/x", "data/folder/y"}
        assert repo.push(jobs=2) == 4
        assert repo.push() == 0
        assert repo.status(remote="store") == {}
        project.write({"data/train.csv": "c,d\n"})
        assert repo.status("data/train.csv") == {
            "data/train.csv.dvc": [{"changed outs": {"data/train.csv": "modified"}}]
        }
        with pytest.raises(WouldLoseDataError):
            repo.checkout("data/train.csv")
        assert [each.path for each in repo.commit("data/train.csv", force=True)] == ["data/train.csv"]
        assert repo.commit() == []
    project.commit()
    clone = project.root.parent / "clone"
    project.git("clone", "-q", str(project.root), str(clone))
    there = Repo(clone)
    assert there.root_dir == str(clone)
    with pytest.raises(NotFoundError, match="could not be fetched"):
        there.pull("data/train.csv")  # its second content was not pushed
    assert there.pull(["data/folder/x"]) == {"fetched": 1, "added": ["data/folder"], "modified": []}
    assert there.fetch("data/folder") == 2
    assert there.checkout(allow_missing=True) == {"added": [], "modified": ["data/folder"]}
    project.done("push")
    assert there.pull() == {"fetched": 1, "added": ["data/train.csv"], "modified": []}
    assert there.status() == {}


def test_init_and_find_root(tmp_path: Path, project: DataProject) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    with pytest.raises(NotFoundError, match="is not in a data repository"):
        Repo(alone)
    with pytest.raises(NotFoundError, match="is not in a data repository"):
        Repo.find_root(alone)
    repo = Repo.init(alone, no_scm=True)
    (alone / "below").mkdir()
    assert Repo.find_root(alone / "below") == repo.root_dir == str(alone)
    assert repo.dvc_dir == str(alone / ".dvc")
    (alone / "f").write_text("f")
    assert [each.path for each in repo.add("f")] == ["f"]  # from another repository: relative to this one's root


def test_a_folder_below_the_root(project: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root / "data")
    assert [each.path for each in Repo().add("train.csv")] == ["data/train.csv"]
    link = project.root.parent / "link"
    link.symlink_to(project.root)
    assert [each.changed for each in Repo(link).add("train.csv")] == [False]


def test_reproduce(project: DataProject) -> None:
    project.write({"dvc.yaml": "stages:\n  s: {cmd: cp in out, deps: [in], outs: [out]}\n", "in": "1"})
    repo = Repo(".")
    assert [(each.address, str(each.outcome)) for each in repo.reproduce(dry=True)] == [("s", "would run")]
    assert [(each.address, str(each.outcome)) for each in repo.reproduce()] == [("s", "ran")]
    assert repo.reproduce("s") == []
    assert repo.status() == {}
    project.write({"in": "2"})
    assert repo.status("s") == {"s": [{"changed deps": {"in": "modified"}}]}
    assert json.loads(project.done("status", "--json", "s")) == repo.status("s")
    project.write({"dvc.yaml": "stages:\n  s: {cmd: exit 3, deps: [in], outs: [out]}\n"})
    with pytest.raises(StageFailedError):
        repo.reproduce()


def test_an_argument_that_does_not_exist(project: DataProject) -> None:
    repo = Repo()
    with pytest.raises(TypeError):
        repo.pull("data", deps=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Repo(".", rev="main")  # type: ignore[call-arg]
    with pytest.raises(NotFoundError, match="No file or folder matches"):
        repo.add("*.nothing", glob=True)
    assert [each.path for each in repo.add("data/*.csv", glob=True)] == ["data/train.csv"]
