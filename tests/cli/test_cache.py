"""`siglum cache`: damage is found whatever is remembered, named with who needs it, and repaired from good copies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.quick import QuickProject
from tests.workspace.data_project import DataProject

RECORD = """
import siglum
with siglum.start_run(run_name="first"):
    siglum.log_input("f")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    """A file and a folder, tagged, and a remote with all of it."""
    made = QuickProject(tmp_path / "project")
    made.write({"f": "file", "d/a": "one", "d/b": "two"})
    made.done("add", "f", "d")
    made.done("remote", "add", "-d", "store", "../store")
    made.commit()
    made.git("tag", "v1")
    monkeypatch.chdir(made.root)
    return made


def oid_in_folder(project: DataProject, name: str) -> str:
    entries = project.open().cache.read_manifest(project.hash_of("d").oid).entries
    return next(entry.oid for entry in entries if entry.relpath == name)


def verified(project: DataProject, *arguments: str, status: int) -> dict[str, Any]:
    ended = project.run("cache", "verify", "--json", *arguments)
    assert ended.status == status, ended
    found: dict[str, Any] = json.loads(ended.out)
    return found


def without_sources(project: DataProject) -> None:
    """Leave neither the workspace nor a remote to repair from."""
    for name in ("f", "d"):
        path = project.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_sound_cache(project: DataProject) -> None:
    found = verified(project, status=0)
    assert (found["checked"], found["damaged"], found["missing"]) == (4, [], [])
    assert "all sound" in project.done("cache", "verify")


def test_damage_is_found_though_the_index_knows_better(project: DataProject) -> None:
    """Times that a program set back must not hide a change: every byte is read."""
    oid = project.hash_of("f").oid
    path = project.object_of(oid)
    project.open().cache.verify(oid)
    project.damage(oid)
    assert path.stat().st_mode & 0o777 == 0o444
    found = verified(project, status=1)
    (damaged,) = found["damaged"]
    assert (damaged["oid"], damaged["files"], damaged["revisions"]) == (oid, ["f"], ["main", "v1"])
    assert path.exists()  # looking changes nothing
    assert not (project.root / ".dvc/cache/quarantine").exists()


def test_runs_that_need_it_are_named(project: DataProject) -> None:
    (project.root / "train.py").write_text(RECORD)
    subprocess.run([sys.executable, "train.py"], check=True, cwd=project.root)
    project.damage(project.hash_of("f").oid)
    (damaged,) = verified(project, status=1)["damaged"]
    assert [name.partition(" (")[0] for name in damaged["records"]] == ["run first"]
    shutil.rmtree(project.root / ".siglum")
    (project.root / ".siglum").mkdir()
    (project.root / ".siglum/siglum.db").write_bytes(b"not a database" * 100)
    ended = project.run("cache", "verify")
    assert ended.status == 1
    assert "is not known" in ended.err


@pytest.mark.parametrize("kind", ["flipped", "truncated", "emptied", "gone", "a folder", "swapped"])
def test_repaired_from_the_workspace(project: DataProject, kind: str) -> None:
    oid, other = oid_in_folder(project, "a"), oid_in_folder(project, "b")
    path = project.object_of(oid)
    spoil(project, path, kind, other)
    broken = None if kind in ("gone", "a folder") else path.read_bytes()
    found = verified(project, "--repair", status=0)
    (bad,) = found["missing" if kind == "gone" else "damaged"]
    assert (bad["oid"], bad["repaired_from"], bad["files"]) == (oid, "the workspace", ["d/a"])
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == 0o444
    if broken is not None:
        assert [Path(aside).read_bytes() for aside in found["quarantined"]] == [broken]
    assert verified(project, status=0)["checked"] == 4


def spoil(project: DataProject, path: Path, kind: str, other: str) -> None:
    path.chmod(0o644)
    if kind == "flipped":
        path.write_bytes(b"onE")
    elif kind == "truncated":
        path.write_bytes(b"on")
    elif kind == "emptied":
        path.write_bytes(b"")
    elif kind == "swapped":
        path.write_bytes(project.object_of(other).read_bytes())
    else:
        path.unlink()
        if kind == "a folder":
            path.mkdir()


def test_a_lost_manifest_is_made_from_the_folder(project: DataProject) -> None:
    folder = project.hash_of("d").oid
    project.damage(folder)
    project.object_of(oid_of_b := "b8a9f715dbb64fd5c56e7783c6820a61").unlink()
    found = verified(project, "--repair", status=0)
    assert [bad["oid"] for bad in found["damaged"]] == [folder]
    assert [bad["oid"] for bad in found["missing"]] == [oid_of_b]
    assert project.open().cache.is_sound(folder)


def test_repaired_from_a_remote_and_from_another_cache(project: DataProject, tmp_path: Path) -> None:
    project.done("push")
    shutil.copytree(project.root / ".dvc/cache", tmp_path / "copy")
    without_sources(project)
    project.damage(project.hash_of("f").oid)
    project.object_of(oid_in_folder(project, "a")).unlink()
    found = verified(project, "--repair", status=0)
    assert {bad["repaired_from"] for bad in found["damaged"] + found["missing"]} == {"remote 'store'"}

    shutil.rmtree(project.root.parent / "store")
    project.damage(project.hash_of("d").oid)
    found = verified(project, "--repair", "--from", str(tmp_path / "copy"), status=0)
    assert found["damaged"][0]["repaired_from"] == str(tmp_path / "copy")
    project.done("checkout")
    assert project.read("d/a") == "one"


def test_repaired_from_the_trash(project: DataProject) -> None:
    oid = project.hash_of("f").oid
    pointer = (project.root / "f.dvc").read_bytes()
    (project.root / "f.dvc").unlink()
    project.done("gc", "-w", "-f")
    (project.root / "f.dvc").write_bytes(pointer)
    (project.root / "f").unlink()
    found = verified(project, "--repair", status=0)
    assert [(bad["oid"], bad["repaired_from"]) for bad in found["missing"]] == [(oid, "the trash")]


def test_without_a_good_copy_it_is_put_aside_and_not_forgotten(project: DataProject) -> None:
    oid = project.hash_of("f").oid
    project.write({"f": "changed"})
    project.done("add", "f")
    project.damage(oid)
    found = verified(project, "--repair", status=1)
    assert found["remaining"] == 1
    assert not project.object_of(oid).exists()
    assert Path(found["quarantined"][0]).exists()
    # No file of the workspace needs it, but a tag does.
    (missing,) = verified(project, status=1)["missing"]
    assert (missing["oid"], missing["files"], missing["revisions"]) == (oid, [], ["main", "v1"])


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_links_to_a_damaged_object_are_replaced(project: DataProject, kind: str) -> None:
    project.done("push")
    project.done("config", "cache.type", kind)
    project.done("checkout", "--relink")
    project.damage(project.hash_of("f").oid)
    assert project.read("f") != "file"
    found = verified(project, "--repair", status=0)
    assert found["replaced"] == ["f"]
    assert project.read("f") == "file"
    assert project.done("status", "--json") == "{}\n"


def test_targets(project: DataProject) -> None:
    project.damage(project.hash_of("f").oid)
    assert verified(project, "d", status=0)["checked"] == 3
    assert verified(project, "d/a", status=0)["checked"] == 1
    assert len(verified(project, "f", status=1)["damaged"]) == 1
    assert "is not tracked" in project.fails("cache", "verify", "nope")
    assert "--from goes with --repair" in project.fails("cache", "verify", "--from", ".", status=2)
    assert "neither" in project.fails("cache", "verify", "--repair", "--from", "train.py")


def test_a_remote_is_verified_and_repaired(project: DataProject) -> None:
    project.done("push")
    store = project.root.parent / "store/files/md5"
    a, b, folder = oid_in_folder(project, "a"), oid_in_folder(project, "b"), project.hash_of("d").oid
    assert verified(project, "-r", "store", status=0)["checked"] == 4
    broken = store / a[:2] / a[2:]
    broken.chmod(0o644)
    broken.write_bytes(b"onE")
    (store / b[:2] / b[2:]).unlink()
    found = verified(project, "-r", "store", status=1)
    assert [(bad["oid"], bad["files"]) for bad in found["damaged"]] == [(a, ["d/a"])]
    assert [(bad["oid"], bad["files"]) for bad in found["missing"]] == [(b, ["d/b"])]
    found = verified(project, "-r", "store", "--repair", status=0)
    assert {bad["repaired_from"] for bad in found["damaged"] + found["missing"]} == {"the cache"}
    assert (project.root.parent / "store" / found["quarantined"][0]).read_bytes() == b"onE"
    assert verified(project, "-r", "store", status=0)["checked"] == 4
    (store / folder[:2] / folder[2:]).unlink()
    assert verified(project, "-r", "store", "d", status=1)["missing"][0]["oid"] == folder
    assert verified(project, "-r", "store", status=0)["checked"] == 3  # what was never sent is no damage


def test_dir(project: DataProject, tmp_path: Path) -> None:
    assert project.done("cache", "dir") == f"{project.root}/.dvc/cache\n"
    assert "does not set cache.dir" in project.fails("cache", "dir", "--local")
    project.done("cache", "dir", "../shared")
    assert project.done("cache", "dir") == f"{tmp_path}/shared\n"
    assert "dir = ../../shared" in project.read(".dvc/config")
    project.done("cache", "dir", "--local", "/elsewhere")
    assert json.loads(project.done("cache", "dir", "--json")) == {"dir": "/elsewhere"}
    assert project.done("cache", "dir", "--project") == f"{tmp_path}/shared\n"
    project.done("cache", "dir", "-u", "--local")
    project.done("cache", "dir", "-u")
    assert "does not set cache.dir" in project.fails("cache", "dir", "-u")
    assert "exclude each other" in project.fails("cache", "dir", "-u", "x", status=2)
    assert os.path.realpath(project.done("cache", "dir").strip()) == f"{os.path.realpath(project.root)}/.dvc/cache"


def test_what_status_says_of_damage(project: DataProject) -> None:
    """Status speaks of files as recorded, and delivers none: it does not read the cache. What it sees, it says."""
    project.damage(project.hash_of("f").oid)
    assert project.done("status", "--json") == "{}\n"  # the file itself is as recorded
    (project.root / "f").unlink()
    assert "damaged" in project.fails("checkout", "f")  # and the damaged copy is never put in its place
    assert not (project.root / "f").exists()
    project.damage(project.hash_of("d").oid)
    found = json.loads(project.done("status", "d", "--json"))
    assert found["d.dvc"] == [{"changed outs": {"d": "not in cache"}}]


def test_status_sees_damage_through_links(project: DataProject) -> None:
    project.done("config", "cache.type", "hardlink")
    project.done("checkout", "--relink")
    assert project.done("status", "--json") == "{}\n"
    project.damage(project.hash_of("f").oid)
    assert json.loads(project.done("status", "--json"))["f.dvc"] == [{"changed outs": {"f": "modified"}}]
