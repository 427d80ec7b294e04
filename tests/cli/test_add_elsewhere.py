"""`siglum add` of what is elsewhere, of parts of folders, and of several things at once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject

from siglum.storage.manifest import decode_manifest


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QuickProject:
    made = QuickProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    made.done("remote", "add", "-d", "store", "../store")
    (tmp_path / "there/s").mkdir(parents=True)
    (tmp_path / "there/a").write_text("1")
    (tmp_path / "there/s/b").write_text("22")
    return made


def listed(project: QuickProject, name: str) -> dict[str, str]:
    path = project.object_of(project.hash_of(name).oid)
    return {entry.relpath: entry.oid for entry in decode_manifest(path.read_bytes(), str(path)).entries}


def test_out(project: QuickProject) -> None:
    said = project.done("add", "../there", "-o", "here")
    assert said.splitlines()[0] == f"here  {project.hash_of('here')}  (2 files, 3 B)"
    assert (project.read("here/a"), project.read("here/s/b")) == ("1", "22")
    assert project.read(".gitignore") == "/here\n"
    (project.root / "in").mkdir()
    project.done("add", "../there/a", "-o", "in")
    assert project.read("in/a") == "1"
    project.write({"in/a": "mine"})
    with project.unchanged():
        assert project.fails("add", "../there/s/b", "-o", "in/a") == "in/a exists already. Use --force to replace it."
        assert project.fails("add", "../there/a", "-o", "no/a").startswith("The folder no does not exist.")
        assert project.fails("add", "../gone", "-o", "x") == "../gone does not exist."
        assert "exactly one target" in project.fails("add", "../there/a", "../there", "-o", "x")
        assert "do not go together" in project.fails("add", "../there/a", "-o", "x", "--no-commit")
    project.done("add", "../there/s/b", "-o", "in/a", "--force")
    assert project.read("in/a") == "22"
    project.done("add", "../there/s/b", "-o", "here/c")  # into a tracked folder: its record grows
    assert set(listed(project, "here")) == {"a", "c", "s/b"}


def test_to_remote(project: QuickProject, tmp_path: Path) -> None:
    value = json.loads(project.done("add", "--to-remote", "../there", "-o", "far", "-j", "2", "--json"))
    assert (value["added"][0]["path"], value["added"][0]["nfiles"], value["git_files"]) == ("far", 2, ["far.dvc"])
    assert not (project.root / "far").exists()
    assert not (project.root / ".gitignore").exists()
    assert not (project.root / ".dvc/cache/files").exists()
    assert len([path for path in (tmp_path / "store").rglob("*") if path.is_file()]) == 3
    project.done("pull")
    assert (project.read("far/a"), project.read("far/s/b")) == ("1", "22")
    project.write({"own": "here"})
    project.done("add", "--to-remote", "own")  # under its own name, and it stays
    assert project.read("own") == "here"
    assert json.loads(project.done("status", "--json")) == {"own.dvc": [{"changed outs": {"own": "not in cache"}}]}
    project.done("remote", "add", "second", "../second")
    project.done("add", "--to-remote", "-r", "second", "../there/a")
    assert len([path for path in (tmp_path / "second").rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["../there", "--to-remote", "-o", "taken"], "taken exists already."),
        (["../there/a", "--to-remote", "-o", "d/x"], "d/x lies in d, which is tracked as a whole."),
        (["../there/a", "../there", "--to-remote"], "--to-remote takes exactly one target, not 2."),
        (["../there/a", "--to-remote", "-r", "stroe"], "There is no remote 'stroe'."),
        (["taken", "-r", "store"], "--remote says where to, and needs --to-remote."),
        (["taken", "-j", "3"], "--jobs says how many transfers, and needs --to-remote."),
        (["../there/a", "--to-remote", "-o", "out"], "out is an output of the stage 's'."),
        (["../nothing", "--to-remote"], "../nothing does not exist."),
        (["--glob", "*.none"], "No file or folder matches the pattern."),
    ],
)
def test_what_is_refused(project: QuickProject, arguments: list[str], said: str) -> None:
    project.write({"taken": "1", "d/a": "1", "dvc.yaml": "stages:\n  s: {cmd: echo > out, outs: [out]}\n"})
    project.done("add", "d")
    with project.unchanged():
        assert project.fails("add", *arguments).startswith(said)


def test_several_parts_of_one_folder(project: QuickProject) -> None:
    project.write({"d/a": "1", "d/b": "2", "d/s/c": "3", "d/s/e": "4"})
    project.done("add", "d")
    before = listed(project, "d")
    project.write({"d/a": "11", "d/b": "22", "d/new": "5", "d/left": "alone"})
    (project.root / "d/s/c").unlink()
    project.done("add", "d/a", "d/new", "d/a", "d/s/c")
    after = listed(project, "d")
    assert set(after) == {"a", "b", "new", "s/e"}  # one that is gone leaves the record
    assert {name for name in after if before.get(name) == after[name]} == {"b", "s/e"}
    with project.unchanged():
        assert project.fails("add", "d/s/c") == "d/s/c does not exist."  # not in the record either, any more
    (project.root / "d/s/e").unlink()
    (project.root / "d/s").rmdir()
    project.done("add", "d/s")
    assert set(listed(project, "d")) == {"a", "b", "new"}
    project.write({"d/b": "only hashed"})
    project.done("add", "--no-commit", "d/b")
    assert json.loads(project.done("status", "--json")) == {"d.dvc": [{"changed outs": {"d": "not in cache"}}]}


def test_a_part_is_linked(project: QuickProject) -> None:
    project.write({"d/a": "1", "d/b": "2"})
    project.done("add", "d")
    project.done("config", "cache.type", "hardlink")
    project.write({"d/a": "11"})
    project.done("add", "d/a")
    assert os.stat("d/a").st_nlink == 2
    assert os.stat("d/b").st_nlink == 1
    project.write({"d/b": "22"})
    project.done("add", "--no-relink", "d/b")
    assert os.stat("d/b").st_nlink == 1


def test_targets_that_overlap(project: QuickProject) -> None:
    project.write({"d/a": "1", "d/b": "2", "f": "3"})
    project.done("add", "f", "./f", "d", "d/a")
    assert sorted(path.name for path in project.root.rglob("*.dvc") if path.is_file()) == ["d.dvc", "f.dvc"]
    project.write({"e/a": "1"})
    with project.unchanged():
        assert project.fails("add", "e/a", "e").startswith("e contains e/a, which is tracked on its own.")


def test_what_git_or_a_link_has(project: QuickProject) -> None:
    project.write({"f": "1", "d/a": "2"})
    project.done("add", "f")
    project.git("add", "-f", "f")
    (project.root / "link").symlink_to("d")
    with project.unchanged():
        assert project.fails("add", "f").startswith("f is tracked by Git.")
        assert project.fails("add", "link").startswith("link is a link to a folder.")


def test_glob(project: QuickProject) -> None:
    project.write({"a.csv": "1", "b.csv": "2", "s/c.csv": "3", "x.txt": "4"})
    value = json.loads(project.done("add", "--glob", "**/*.csv", "x.*", "--json"))
    assert sorted(each["path"] for each in value["added"]) == ["a.csv", "b.csv", "s/c.csv", "x.txt"]


def test_words_for_people_stay(project: QuickProject) -> None:
    project.write({"f": "1"})
    project.done("add", "f")
    text = project.read("f.dvc")
    project.write(
        {"f.dvc": f"# mine\ndesc: 'a: b'\n{text}  desc: data\n  labels: [x]\n  meta: {{k: v}}\n  push: false\n"}
    )
    project.done("add", "-f", "../there/s/b", "-o", "f")
    new = project.read("f.dvc")
    assert new.startswith("# mine\ndesc: 'a: b'\nouts:\n- md5: b6d767d2f8ed5d21a44b0e5886680cb9\n")
    assert new.endswith("  desc: data\n  labels: [x]\n  meta: {k: v}\n  push: false\n")
