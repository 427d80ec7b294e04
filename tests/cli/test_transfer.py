"""`siglum push`, `fetch`, `pull`: what moves, what is refused, and what stays when something fails."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    """A repository with a file and a folder, and a remote that holds nothing yet."""
    made = DataProject(tmp_path / "project")
    made.write({"f": "file", "d/a": "one", "d/sub/b": "two"})
    made.done("add", "f", "d")
    made.done("remote", "add", "-d", "store", "../store")
    made.commit()
    monkeypatch.chdir(made.root)
    return made


def clone_of(project: DataProject, name: str = "clone") -> DataProject:
    project.git("clone", "-q", str(project.root), f"../{name}")
    made = object.__new__(DataProject)
    made.root = project.root.parent / name
    return made


def stored(project: DataProject, oid: str) -> Path:
    return project.root.parent / "store/files/md5" / oid[:2] / oid[2:]


def test_there_and_back(project: DataProject) -> None:
    assert json.loads(project.done("status", "-c", "--json")) == {
        "f": "new",
        "d": "new",
        "d/a": "new",
        "d/sub/b": "new",
    }
    assert project.done("push").startswith("Sent 4 objects")
    assert project.done("push") == "Everything is up to date.\n"
    assert project.done("status", "-c") == "Cache and remote 'store' are in sync.\n"
    clone = clone_of(project)
    assert clone.done("fetch", "f").startswith("Fetched 1 object")
    assert not (clone.root / "f").exists()
    value = json.loads(clone.done("pull", "--json"))
    assert (value["moved"], sorted(value["changed"])) == (3, ["d", "f"])
    assert (clone.read("f"), clone.read("d/a"), clone.read("d/sub/b")) == ("file", "one", "two")
    assert clone.done("status", "--json") == "{}\n"
    assert clone.git("status", "--porcelain") == ""


def test_the_status_of_a_fresh_clone_tells_of_the_files_in_folders(project: DataProject) -> None:
    project.done("push")
    clone = clone_of(project)
    lacked = {"f": "deleted", "d/a": "deleted", "d/sub/b": "deleted"}
    assert json.loads(clone.done("status", "-c", "--json")) == lacked
    clone.done("fetch")
    assert json.loads(clone.done("status", "-c", "--json")) == {}
    (manifest,) = (clone.root / ".dvc/cache/files/md5").glob("*/*.dir")
    manifest.unlink()
    assert json.loads(clone.done("status", "-c", "--json")) == {"d": "deleted"}


def test_a_part_of_a_folder_into_a_fresh_clone(project: DataProject) -> None:
    project.done("push")
    clone = clone_of(project)
    clone.done("pull", "d/sub")
    assert [str(path.relative_to(clone.root)) for path in (clone.root / "d").rglob("*") if path.is_file()] == [
        "d/sub/b"
    ]
    assert "is not in d as it is recorded" in clone.fails("pull", "d/none")
    clone.done("pull")
    assert clone.done("status", "--json") == "{}\n"


def test_a_part_that_was_fetched_is_checked_out_without_a_remote(project: DataProject) -> None:
    project.done("push")
    clone = clone_of(project)
    clone.done("fetch", "d/sub/b")
    store = project.root.parent / "store"
    shutil.move(store, f"{store} away")
    clone.done("checkout", "d/sub")
    assert clone.read("d/sub/b") == "two"
    assert "d" in json.loads(clone.done("status", "--json"))["d.dvc"][0]["changed outs"]
    # The manifest that is in the cache now says nothing of the files that are not.
    clone.done("remote", "add", "other", "../other")
    assert "could not be sent" in clone.fails("push", "-r", "other", "d")
    assert not list((project.root.parent / "other").rglob("*.dir"))
    shutil.move(f"{store} away", store)
    assert clone.done("fetch").startswith("Fetched 2 objects")


def test_other_revisions(project: DataProject) -> None:
    project.git("tag", "v1")
    project.git("checkout", "-q", "-b", "side")
    project.write({"f": "on the side"})
    project.done("add", "f")
    project.commit()
    project.git("checkout", "-q", "main")
    project.done("checkout")
    project.write({"f": "newest"})
    project.done("add", "f")
    project.commit()
    assert json.loads(project.done("push", "--json"))["moved"] == 4
    assert json.loads(project.done("push", "--json", "-T"))["moved"] == 1
    assert json.loads(project.done("push", "--json", "-a"))["moved"] == 1
    assert json.loads(project.done("push", "--json", "-A"))["moved"] == 0
    clone = clone_of(project)
    assert json.loads(clone.done("fetch", "--json", "--all-commits", "f"))["moved"] == 3


def test_a_remote_that_is_not_there(project: DataProject) -> None:
    project.done("push")
    clone = clone_of(project)
    (project.root.parent / "store").rename(project.root.parent / "elsewhere")
    with clone.unchanged():
        for command in ("pull", "fetch"):
            said = clone.fails(command)
            assert "Remote 'store' is not there" in said
            assert "siglum remote modify" in said
        assert "There is no remote 'stroe'. Did you mean 'store'?" in clone.fails("pull", "-r", "stroe")
    project.done("remote", "modify", "store", "url", "../not/there/at/all")
    assert "nor the folder above it exists" in project.fails("push")


def test_without_a_default_remote_there_is_what_the_cache_has(project: DataProject) -> None:
    project.done("remote", "default", "-u")
    assert "there is no default" in project.fails("push")
    os.unlink(project.root / "f")
    for command in (["fetch"], ["fetch", "-A"], ["pull"]):
        ended = project.run(*command)
        assert (ended.status, "There is no default remote" in ended.err) == (0, True), command
    assert project.read("f")
    clone = clone_of(project)
    clone.done("remote", "default", "-u")
    with clone.unchanged():
        for command in (["fetch"], ["pull", "f"]):
            assert "siglum remote add -d" in clone.fails(*command)
    assert clone.run("pull", "--allow-missing").status == 0


def test_a_remote_of_a_kind_that_is_not_supported(project: DataProject) -> None:
    project.done("remote", "add", "cloud", "hdfs://host/x")
    assert "does not have remotes of type hdfs://" in project.fails("push", "-r", "cloud")
    project.done("remote", "modify", "store", "version_aware", "true")
    said = project.fails("push")
    assert "version_aware" in said
    assert "siglum remote modify --unset store version_aware" in said


def test_an_object_that_the_remote_does_not_have(project: DataProject) -> None:
    project.done("push")
    os.unlink(stored(project, project.hash_of("f").oid))
    clone = clone_of(project)
    said = clone.fails("pull")
    assert said.startswith("f could not be fetched from 'store'")
    assert clone.read("d/a") == "one"  # what could be brought back was
    assert not (clone.root / "f").exists()
    assert clone.run("pull", "--allow-missing").status == 0


def test_a_damaged_object_on_the_remote_is_not_accepted(project: DataProject) -> None:
    project.done("push")
    oid = project.hash_of("f").oid
    damaged = stored(project, oid)
    damaged.chmod(0o644)
    damaged.write_text("fool")
    clone = clone_of(project)
    said = clone.fails("pull", "f")
    assert "is damaged" in said
    assert not (clone.root / "f").exists()
    assert not clone.object_of(oid).exists()


def test_a_damaged_object_here_is_not_sent_and_is_healed(project: DataProject) -> None:
    oid = project.hash_of("f").oid
    project.damage(oid)
    assert "is damaged" in project.fails("push", "f")
    assert not stored(project, oid).exists()
    shutil.rmtree(project.root / ".dvc/cache")
    project.done("add", "f", "d")
    project.done("push")
    project.damage(oid)
    (project.root / "f").unlink()
    project.done("pull")
    assert project.read("f") == "file"
    assert project.object_of(oid).read_text() == "file"


def test_pull_overwrites_nothing_that_is_kept_nowhere_else(project: DataProject) -> None:
    project.done("push")
    project.write({"f": "mine", "d/a": "mine"})
    with project.unchanged():
        assert "changes that are in no cache" in project.fails("pull")
    project.done("pull", "-f")
    assert (project.read("f"), project.read("d/a")) == ("file", "one")


def test_a_full_disk(project: DataProject) -> None:
    """No file may grow over 1 MB: what fits arrives, the rest is not half there, and the next run goes on."""
    big = os.urandom(3_000_000)
    project.write({"big": big})
    project.done("add", "big")
    project.commit()
    said = project.fails("push", file_limit=1_000_000)
    assert "no room left" in said  # the fault happened
    files = [path for path in (project.root.parent / "store").rglob("*") if path.is_file()]
    assert all(path.stat().st_size < 1_000_000 for path in files)
    assert not any(path.name.endswith(".tmp") for path in files)
    project.done("push")
    clone = clone_of(project)
    ended = clone.run("pull", file_limit=1_000_000)
    assert (ended.status, ended.err.count("\n")) == (1, 1)
    assert "File too large" in ended.err
    assert not (clone.root / "big").exists()
    clone.done("pull")
    assert (clone.root / "big").read_bytes() == big


def test_missing_rights_on_the_remote(project: DataProject) -> None:
    store = project.root.parent / "store"
    store.write_text("a file, where the folder should be")
    assert "store" in project.fails("push")
    assert project.read("f") == "file"


def test_an_interrupted_push_goes_on(project: DataProject) -> None:
    """A manifest is on the remote only when all its files are."""
    project.done("push", "d/a")
    assert stored(project, project.open().cache.read_manifest(project.hash_of("d").oid).entries[0].oid).exists()
    assert not stored(project, project.hash_of("d").oid).exists()
    assert json.loads(project.done("push", "--json", "d"))["moved"] == 2
