"""`siglum.repo.Repo`: what the commands do, from Python."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.core.errors import InvalidInputError, NotFoundError, StageFailedError, WouldLoseDataError
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
    nothing: dict[str, list[str]] = {"added": [], "modified": [], "deleted": []}
    one_more = {"modified": 0, "added": 1, "deleted": 0}
    folder, file = f"{os.path.relpath(clone)}/data/folder/", f"{os.path.relpath(clone)}/data/train.csv"
    assert there.pull(["data/folder/x"]) == {**nothing, "added": [folder], "stats": {"fetched": 1, **one_more}}
    assert there.fetch("data/folder") == 1  # its list came with the part of it
    assert there.checkout(allow_missing=True) == {**nothing, "modified": [folder], "stats": one_more}
    project.done("push")
    assert there.pull() == {**nothing, "added": [file], "stats": {"fetched": 1, **one_more}}
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


def test_changes_of_what_is_tracked(project: DataProject) -> None:
    repo = Repo()
    repo.add(["data/train.csv", "data/folder"])
    project.commit("first")
    project.write({"data/folder/x": "changed", "data/folder/new": "3"})
    oid = {name: hashlib.md5((project.root / name).read_bytes()).hexdigest() for name in ("data/folder/new",)}
    found = repo.diff(targets="data/folder/new")
    assert found["added"] == [{"path": "data/folder/new", "hash": oid["data/folder/new"]}]
    assert [each["path"] for each in repo.diff()["modified"]] == ["data/folder/", "data/folder/x"]
    assert repo.diff("HEAD", "HEAD") == {}
    moved = repo.move("data/train.csv", "train.csv")
    assert (moved.source, moved.target) == ("data/train.csv", "train.csv")
    assert project.read("train.csv") == "a,b\n"
    repo.remove("train.csv.dvc", outs=True)
    assert not (project.root / "train.csv").exists()
    assert repo.diff()["deleted"] == [{"path": "data/train.csv", "hash": hashlib.md5(b"a,b\n").hexdigest()}]


def test_gc(project: DataProject) -> None:
    repo = Repo()
    for text in ("old", "new"):
        project.write({"data/train.csv": text})
        repo.add("data/train.csv")
    with pytest.raises(InvalidInputError, match="Say what to keep"):
        repo.gc()
    old = hashlib.md5(b"old").hexdigest()
    planned, collected = repo.gc(workspace=True, dry=True)
    assert [each.oids for each in planned.plan.collections if each.oids] == [(old,)]
    assert collected == []
    _, collected = repo.gc(workspace=True)
    assert [each.moved.objects for each in collected] == [1]
    assert not (project.root / ".dvc/cache/files/md5" / old[:2] / old[2:]).exists()
    assert repo.status() == {}


def test_other_repositories_and_urls(project: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Repo()
    other.add(["data/train.csv", "data/folder"])
    other.push()
    project.commit()
    here = DataProject(project.root.parent / "here")
    monkeypatch.chdir(here.root)
    repo = Repo()
    assert repo.imp(str(project.root), "data/folder").path == "folder"
    here.write({"../file": "1"})
    assert repo.imp_url("../file", "imported").path == "imported"
    assert repo.imp_url("../file", "later", no_exec=True).data is None
    assert Repo.get(str(project.root), "data/train.csv", out="copy", rev="HEAD").size == 4
    assert Repo.get_url("../file", "file").size == 1
    assert here.read("copy") + here.read("file") == "a,b\n1"
    assert {each["path"]: each["isout"] for each in Repo.ls(str(project.root), "data", dvc_only=True)} == {
        "folder": True,
        "train.csv": True,
    }
    listed = Repo.ls(str(project.root), rev="HEAD", recursive=True, dvc_only=True)
    assert [each["path"] for each in listed] == ["data/folder/x", "data/folder/y", "data/train.csv"]
    monkeypatch.chdir(project.root)
    project.write({"data/folder/x": "2", "../file": "2"})
    other.add("data/folder")
    project.commit()
    monkeypatch.chdir(here.root)
    assert {each.path for each in repo.update() if each.changed} == {"folder", "imported", "later"}
    assert here.read("folder/x") == here.read("imported") == here.read("later") == "2"
    assert [each.changed for each in repo.update("folder")] == [False]
    for wrong in ({"frozen": False}, {"version_aware": True}, {"remote": "x"}):
        with pytest.raises(InvalidInputError):
            repo.imp_url("../file", "other", **wrong)
