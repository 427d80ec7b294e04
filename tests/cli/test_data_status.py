"""`siglum data status`: what it says beyond what DVC says of the same repository (see tests/interop)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.cli.quick import QuickProject


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    made = QuickProject(tmp_path / "project")
    made.write({"f": "file", "d/a": "one", "d/sub/b": "two"})
    made.done("add", "f", "d")
    made.done("remote", "add", "-d", "store", str(tmp_path / "store"))
    made.commit()
    return made


def status(project: QuickProject, *arguments: str, cwd: Path | None = None) -> dict[str, Any]:
    ended = project.run("data", "status", "--json", *arguments, cwd=cwd)
    assert ended.status == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_nothing_changed(project: QuickProject) -> None:
    assert status(project) == {}
    assert project.done("data", "status") == "No changes.\n"
    assert project.done("data", "status", "-q") == ""


def test_hints_name_commands_of_ours(project: QuickProject) -> None:
    project.write({"f": "edited"})
    assert project.done("data", "status").splitlines() == [
        "DVC uncommitted changes:",
        '  (use "siglum commit <file>..." to track changes)',
        '  (use "siglum checkout <file>..." to discard changes)',
        "        modified: f",
    ]


def test_targets_are_seen_from_the_current_folder(project: QuickProject) -> None:
    project.write({"d/a": "edited", "d/sub/b": "edited", "f": "edited"})
    below = project.root / "d"
    assert status(project, "sub", "--granular", cwd=below) == {"uncommitted": {"modified": ["d/sub/b"]}}
    assert status(project, "../f.dvc", cwd=below) == {"uncommitted": {"modified": ["f"]}}
    assert status(project, ".", "--granular", cwd=below)["uncommitted"] == {"modified": ["d/", "d/a", "d/sub/b"]}


def test_a_mistyped_target_is_no_unchanged_one(project: QuickProject) -> None:
    said = project.fails("data", "status", "ff")
    assert "'ff' is neither there nor tracked" in said
    assert "Did you mean 'f'?" in said


def test_options_that_mean_nothing_alone(project: QuickProject) -> None:
    for options in (["-r", "store"], ["--no-remote-refresh"]):
        assert "--not-in-remote" in project.fails("data", "status", *options, status=2)
    assert "'nope'" in project.fails("data", "status", "--untracked-files", "nope", status=2)
    assert "needs a command" in project.fails("data", status=2)


def test_the_remote_is_remembered(project: QuickProject) -> None:
    everything = {"not_in_remote": ["d/", "f"]}
    assert status(project, "--not-in-remote", "--no-remote-refresh") == everything
    project.done("push")
    assert status(project, "--not-in-remote", "--no-remote-refresh") == {}
    assert status(project, "--not-in-remote", "--granular") == {}
    shutil.rmtree(project.root.parent / "store")
    assert status(project, "--not-in-remote", "--no-remote-refresh") == {}
    assert status(project, "--not-in-remote") == everything
    assert status(project, "--not-in-remote", "--no-remote-refresh") == everything
    assert "'nope'" in project.fails("data", "status", "--not-in-remote", "-r", "nope")


def test_a_remote_that_is_away_is_named_once_where_it_matters(project: QuickProject) -> None:
    shutil.rmtree(project.root / ".dvc/cache")
    ended = project.run("data", "status", "--granular", "--json")
    assert ended.status == 0
    assert ended.err.count("warning:") == 1
    assert "'store' is not there" in ended.err
    assert json.loads(ended.out)["uncommitted"] == {"unknown": ["d/a", "d/sub/", "d/sub/b"]}
    assert project.run("data", "status").err == ""


def test_a_damaged_list_of_files_is_not_believed(project: QuickProject) -> None:
    project.damage(project.hash_of("d").oid)
    assert "damaged" in project.fails("data", "status", "--granular")
    project.write({"d/a": "edited"})
    assert "damaged" in project.fails("diff")


def test_a_list_fetched_before_is_not_believed_when_it_changed(project: QuickProject) -> None:
    project.done("push")
    shutil.rmtree(project.root / ".dvc/cache")
    assert status(project, "--granular")["not_in_cache"] == ["d/", "d/a", "d/sub/b", "f"]
    shutil.rmtree(project.root.parent / "store")
    kept = project.root / ".dvc/tmp/siglum/manifests" / project.hash_of("d").oid
    assert "uncommitted" not in status(project, "--granular")
    kept.write_bytes(kept.read_bytes().replace(b'"a"', b'"c"'))
    assert status(project, "--granular")["uncommitted"] == {"unknown": ["d/a", "d/sub/", "d/sub/b"]}


def test_without_a_remote_nothing_is_on_one(project: QuickProject) -> None:
    project.git("config", "--file", str(project.root / ".dvc/config"), "--remove-section", "core")
    found = json.loads(project.done("data", "status", "--json", "--granular", "--not-in-remote"))
    assert found["not_in_remote"] == ["d/", "d/a", "d/sub/b", "f"]
