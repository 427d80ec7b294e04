"""`siglum checkout`: what it says, what targets mean, and what it clears away."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject

from siglum.storage.links import LinkType
from siglum.workspace.about import working_links

PIPELINE = "stages:\n  s: {cmd: mkdir -p od; echo 1 > od/x; cp f s.out, deps: [f], outs: [s.out, od]}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QuickProject:
    made = QuickProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def versions(project: QuickProject) -> QuickProject:
    """Two commits: f and d change, old goes, new and sub/n come; the second is checked out."""
    project.write({"f": "1", "d/a": "1", "d/b": "2", "old/x": "o", "same": "s"})
    project.done("add", "f", "d", "old", "same")
    project.commit("1")
    project.write({"f": "2", "d/a": "11", "d/c": "3", "new": "n", "sub/n/y": "y"})
    (project.root / "d/b").unlink()
    project.done("add", "f", "d", "new", "sub/n")
    project.done("remove", "--outs", "old.dvc")
    project.commit("2")
    return project


def test_lines_and_numbers(versions: QuickProject) -> None:
    versions.git("checkout", "-q", "HEAD~1")
    assert versions.done("checkout").splitlines() == [
        "M       d/",
        "M       f",
        "A       old/",
        "D       new",
        "D       sub/n/",
    ]
    assert versions.done("checkout") == ""
    assert versions.done("checkout", "--summary") == "No changes.\n"
    versions.git("checkout", "-q", "main")
    assert json.loads(versions.done("checkout", "--json")) == {
        "added": ["new", "sub/n/"],
        "deleted": ["old/"],
        "modified": ["d/", "f"],
        "stats": {"modified": 2, "added": 3, "deleted": 2},
        "relinked": 0,
        "failed": {},
    }
    versions.git("checkout", "-q", "HEAD~1")
    assert versions.done("checkout", "--summary") == "2 files modified, 2 files added and 3 files deleted\n"
    assert versions.done("status", "--json") == "{}\n"


def test_what_is_not_cleared_away(versions: QuickProject) -> None:
    """What was changed, what is damaged in the cache, what Git tracks, and what a command with targets leaves alone."""
    versions.git("checkout", "-q", "HEAD~1")
    assert versions.done("checkout", "f") == "M       f\n"
    assert versions.read("new") == "n"
    versions.write({"new": "mine"})
    versions.damage("415290769594460e2e485922904f345d")  # y, of sub/n
    versions.done("checkout")
    assert (versions.read("new"), versions.read("sub/n/y")) == ("mine", "y")


def test_what_git_tracks_now_is_gits(project: QuickProject) -> None:
    project.write({"f": "1"})
    project.done("add", "f")
    (project.root / "f.dvc").unlink()
    (project.root / ".gitignore").unlink()
    project.commit()
    assert project.done("checkout") == ""
    assert project.read("f") == "1"


def test_files_of_the_users_in_a_folder_that_goes(versions: QuickProject) -> None:
    versions.git("checkout", "-q", "HEAD~1", "--", ".")
    versions.write({".dvcignore": "*.tmp\n", "sub/n/notes.tmp": "mine"})
    (versions.root / "sub/n.dvc").unlink()
    (versions.root / "sub/.gitignore").unlink()
    versions.done("checkout")
    assert not (versions.root / "sub/n/y").exists()
    assert versions.read("sub/n/notes.tmp") == "mine"


def test_targets(project: QuickProject) -> None:
    project.write({"f": "1", "d/a": "1", "d/s/b": "2", "sub/g": "3", "dvc.yaml": PIPELINE})
    project.done("add", "f", "d", "sub/g")
    project.done("repro", "-q")

    def gone(*names: str) -> None:
        for name in names:
            (project.root / name).unlink()

    gone("d/a", "d/s/b", "sub/g", "s.out", "od/x", "f")
    assert "Use -R" in project.fails("checkout", "sub")
    assert project.done("checkout", "-R", "sub") == "A       sub/g\n"
    assert project.done("checkout", "d/s") == "M       d/\n"
    assert not (project.root / "d/a").exists()
    assert project.done("checkout", "s.out") == "A       s.out\n"
    assert project.done("checkout", "-d", "s") == "M       od/\nA       f\n"
    assert project.done("checkout", "d.dvc") == "M       d/\n"
    assert "'nope' is not in d as it is recorded" in project.fails("checkout", "d/nope")
    gone("f")
    assert project.run("checkout", "../f", cwd=project.root / "sub").out == "A       ../f\n"


def test_an_empty_folder(project: QuickProject) -> None:
    (project.root / "e").mkdir()
    project.done("add", "e")
    (project.root / "e").rmdir()
    assert project.done("checkout") == "A       e/\n"
    assert project.done("checkout") == ""


def test_nothing_recorded(project: QuickProject) -> None:
    project.write({"f": "1", "dvc.yaml": PIPELINE, "s.out": "mine"})
    project.done("add", "f")
    refused = project.fails("checkout")
    assert refused.startswith("Nothing is recorded of s.out yet. 1 more were left as they are.")
    assert project.read("s.out") == "mine"
    assert project.done("checkout", "--allow-missing") == ""


def test_relink(project: QuickProject) -> None:
    project.write({"f": "1", "d/a": "1"})
    project.done("add", "f", "d")
    project.done("config", "cache.type", "symlink")
    assert project.done("checkout", "--relink") == "Linked 2 files again.\n"
    assert (project.root / "f").is_symlink()
    assert (project.root / "d/a").is_symlink()
    assert project.done("status", "--json") == "{}\n"


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_the_next_kind_of_link_where_there_is_no_reflink(project: QuickProject, kind: str) -> None:
    """As DVC has it, `add` saves room for a file of its own, too; `#!` files stay ones that can be run."""
    if LinkType.REFLINK in working_links(str(project.root), str(project.root)):
        pytest.skip("this disk has reflinks")
    project.write({"f": "1", "run": "#!"})
    (project.root / "run").chmod(0o755)
    project.done("config", "cache.type", f"reflink,{kind},copy")
    for _ in range(2):
        project.done("add", "f", "run")
        is_link = (project.root / "f").is_symlink() if kind == "symlink" else (project.root / "f").stat().st_nlink == 2
        assert is_link
        assert os.access(project.root / "run", os.X_OK)
        assert not (project.root / "run").is_symlink()
    assert project.done("status", "--json") == "{}\n"


def test_force(project: QuickProject) -> None:
    project.write({"f": "1", "g": "1", "d/a": "1", "d/s/b": "2"})
    project.done("add", "f", "g", "d")
    project.write({"f": "mine", "d/s/b": "mine too"})
    (project.root / "g").unlink()
    assert "f has changes that are in no cache" in project.fails("checkout", "f", "g")
    assert "d/s/b has changes that are in no cache" in project.fails("checkout", "d")
    project.write({"d/own": "mine alone"})
    assert "d/s/b and 1 other file have changes that are in no cache" in project.fails("checkout", "d")
    project.done("checkout", "-f", "d")
    assert (project.read("f"), project.read("g")) == ("mine", "1")
    assert project.done("checkout", "--force") == "M       f\n"
    assert project.read("f") == "1"
