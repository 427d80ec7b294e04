"""Lists of folders that are in no cache: remembered with a stage, read back, thinned out, and never in the way."""

from __future__ import annotations

import shutil

import pytest
from tests.pipeline.project import Project

from siglum.pipeline.status import folder_lists
from siglum.pipeline.status.folder_lists import FolderLists

FOLDER = ".dvc/tmp/siglum/folders"


def recorded(project: Project, content: str) -> str:
    """Run a stage that reads the folder `src`; return the hash of the folder."""
    project.write("src/a", content)
    project.repro()
    oid = project.lock()["s"]["deps"][0]["md5"]
    assert isinstance(oid, str)
    return oid


@pytest.fixture
def reading(project: Project) -> Project:
    project.write("dvc.yaml", "stages: {s: {cmd: 'cat src/a > o', deps: [src], outs: [o]}}")
    return project


def test_the_list_of_a_folder_comes_back(reading: Project) -> None:
    oid = recorded(reading, "1")
    lists = FolderLists(reading.open())
    assert lists.read("src", oid) == {"a": "c4ca4238a0b923820dcc509a6f75849b"}
    assert lists.read("src", "0" * 32 + ".dir") is None
    assert lists.read("src", "0" * 32) is None
    assert lists.read("src", None) is None


def test_a_damaged_list_is_no_list(reading: Project) -> None:
    oid = recorded(reading, "1")
    reading.write(f"{FOLDER}/{oid}", "[{")
    assert FolderLists(reading.open()).read("src", oid) is None


def test_a_folder_in_the_cache_is_not_remembered_twice(reading: Project) -> None:
    reading.write(
        "dvc.yaml",
        "stages: {m: {cmd: 'mkdir src; echo > src/a', outs: [src]}, s: {cmd: 'cat src/a > o', deps: [src], outs: [o]}}",
    )
    reading.repro()
    oid = reading.lock()["s"]["deps"][0]["md5"]
    assert not reading.exists(f"{FOLDER}/{oid}")
    assert FolderLists(reading.open()).read("src", oid) == {"a": "68b329da9893e34099c7d8ad5cb9c940"}


def test_what_git_has_needs_no_list(reading: Project) -> None:
    first = recorded(reading, "1")
    reading.git("add", "src")
    reading.git("-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-q", "-m", "one")
    second = recorded(reading, "2")
    shutil.rmtree(reading.root / FOLDER)
    lists = FolderLists(reading.open())
    assert lists.read("src", first) == {"a": "c4ca4238a0b923820dcc509a6f75849b"}
    assert lists.read("src", second) is None


def test_old_lists_go(reading: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_lists, "_KEPT", 4)
    oids = [recorded(reading, str(i)) for i in range(6)]
    left = {path.name for path in (reading.root / FOLDER).iterdir()}
    assert len(left) <= 4
    assert oids[-1] in left
    assert oids[0] not in left


def test_that_nothing_can_be_remembered_stops_no_run(reading: Project) -> None:
    reading.write(FOLDER, "a file where the folder would be")
    assert recorded(reading, "1").endswith(".dir")
