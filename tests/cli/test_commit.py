"""`siglum commit`: data and stages as they are now become what is recorded, but only when asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject

PIPELINE = """\
stages:
  first:
    cmd: cp in one; echo {} > m.json
    deps: [in]
    params: [rate]
    outs: [one]
    metrics:
    - m.json:
        cache: false
  second:
    cmd: cp one two
    deps: [one]
    outs: [two]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QuickProject:
    made = QuickProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    made.write({"dvc.yaml": PIPELINE, "in": "1", "one": "1", "two": "1", "m.json": "{}", "params.yaml": "rate: 1\n"})
    made.write({"sub/f": "1", "d/a": "1"})
    made.done("add", "sub/f", "d")
    return made


def recorded(project: QuickProject, *arguments: str) -> list[str]:
    return [each["path"] for each in json.loads(project.done("commit", "--json", *arguments))["committed"]]


def test_stages(project: QuickProject) -> None:
    with project.unchanged():
        assert project.fails("commit").startswith("Stage 'first' is not what was recorded: in is changed;")
    assert recorded(project, "-f") == ["one", "m.json", "two"]
    assert project.done("status", "--json") == "{}\n"
    assert project.read(".gitignore") == "/d\n/one\n/two\n"
    assert project.object_of("c4ca4238a0b923820dcc509a6f75849b").exists()
    # What a person said belongs together is not there for a later repro to restore.
    assert not (project.root / ".dvc/cache/runs").exists()
    assert recorded(project) == []


def test_a_run_that_was_left_out_of_the_cache(project: QuickProject) -> None:
    project.write({"dvc.yaml": PIPELINE.replace("cp one two", "cat one one > two"), "in": "new"})
    project.done("repro", "--no-commit", "-q")
    assert not (project.root / ".dvc/cache/runs").exists()
    assert recorded(project) == []  # nothing changed: content came into the cache
    assert project.done("status", "--json") == "{}\n"
    assert len(list((project.root / ".dvc/cache/runs").glob("*/*/*"))) == 2


def test_what_changed_after_a_run_that_was_left_out_of_the_cache(project: QuickProject) -> None:
    project.write({"in": "new"})
    project.done("repro", "--no-commit", "-q", "first")
    project.write({"one": "edited"})
    with project.unchanged():
        assert project.fails("commit", "first") == (
            "Stage 'first' is not what was recorded: one is changed. Use --force to record what is there now."
        )
    project.write({"late": "1 2 3"})
    project.done("add", "--no-commit", "late")
    project.write({"late": "edited, too"})
    assert project.fails("commit", "late").startswith("late.dvc is not what was recorded: late is changed.")


def test_targets(project: QuickProject, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorded(project, "-f", "first") == ["one", "m.json"]
    assert recorded(project, "-f", "two") == ["two"]
    project.write({"in": "2", "one": "2", "two": "2", "sub/f": "2", "d/a": "2", "d/b": "3"})
    assert recorded(project, "-f", "-d", "second") == ["one", "two"]
    assert "Use -R" in project.fails("commit", "-f", "sub")
    assert recorded(project, "-f", "-R", "sub") == ["sub/f"]
    assert recorded(project, "-f", "d/b") == ["d"]  # all of it, as in DVC: its other files changed, too
    project.write({"sub/f": "3", "in": "3"})
    monkeypatch.chdir(project.root / "sub")
    assert json.loads(project.run("commit", "-f", "--data-only", "--json", cwd=project.root / "sub").out) == {
        "committed": [
            {
                "path": "f",
                "pointer": "f.dvc",
                "hash": "md5:eccbc87e4b5ce2fe28308fd9f2a7baf3",
                "size": 1,
                "nfiles": 1,
                "changed": True,
            }
        ],
        "git_files": ["f.dvc"],
    }
    assert list(json.loads(project.done("status", "--json"))) == ["first"]


def test_what_is_missing(project: QuickProject) -> None:
    (project.root / "two").unlink()
    with project.unchanged():
        assert project.fails("commit", "-f").startswith("two does not exist")
    project.write({"two": "1"})
    (project.root / "in").unlink()
    with project.unchanged():
        assert project.fails("commit", "-f").startswith("Stage 'first' needs 'in', which does not exist.")
    project.write({"in": "1", "params.yaml": "other: 1\n"})
    with project.unchanged():
        assert "which params.yaml does not have" in project.fails("commit", "-f")
        assert "'thrid' is not tracked" in project.fails("commit", "thrid")


def test_frozen_or_not_the_inputs_count(project: QuickProject) -> None:
    project.done("commit", "-f")
    project.done("freeze", "second")
    project.write({"one": "new"})
    project.done("commit", "-f", "first")
    assert project.done("status", "--json", "second") == "{}\n"
    assert project.fails("commit", "second").startswith("Stage 'second' is not what was recorded: one is changed.")


def test_links(project: QuickProject) -> None:
    project.done("config", "cache.type", "hardlink")
    project.done("commit", "-f", "--no-relink")
    assert (project.root / "one").stat().st_nlink == 1
    project.done("commit", "-f")
    assert (project.root / "one").stat().st_nlink > 1


def test_an_import(project: QuickProject, tmp_path: Path) -> None:
    (tmp_path / "source").write_text("1")
    project.write({"imp": "1"})
    project.write(
        {
            "imp.dvc": "md5: 0123456789abcdef0123456789abcdef\nfrozen: true\ndeps:\n"
            "- md5: c4ca4238a0b923820dcc509a6f75849b\n  size: 1\n  hash: md5\n  path: ../source\nouts:\n"
            "- md5: c4ca4238a0b923820dcc509a6f75849b\n  size: 1\n  hash: md5\n  path: imp # here\n"
        }
    )
    (tmp_path / "source").write_text("22")
    assert "../source is modified" in project.fails("commit", "imp.dvc")
    project.write({"imp": "22"})
    project.done("commit", "-f", "imp.dvc")
    text = project.read("imp.dvc")
    assert text.count("md5: b6d767d2f8ed5d21a44b0e5886680cb9") == 2
    assert "path: imp # here" in text
    assert json.loads(project.done("status", "--json", "imp.dvc")) == {}
