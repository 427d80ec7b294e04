"""`siglum stage`: what is added, what is refused, and what is listed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject

from siglum.pipeline.editing import stage_add


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    project = QuickProject(tmp_path / "project")
    project.write({"in": "1", "params.yaml": "lr: 1\n"})
    return project


def added(project: QuickProject, *arguments: str) -> str:
    return project.done("stage", "add", *arguments)


def test_a_stage_is_added_and_runs(project: QuickProject) -> None:
    said = added(project, "-n", "copy", "-d", "in", "-p", "lr", "-o", "out", "cp", "in", "out")
    assert said.splitlines() == [
        "Added the stage 'copy' in dvc.yaml.",
        "Tell Git with: git add .gitignore dvc.yaml",
    ]
    project.done("repro")
    assert project.read("out") == "1"


def test_the_words_behind_the_options_are_the_command(project: QuickProject) -> None:
    added(project, "-n", "a", "-d", "in", "python", "x.py", "-n", "b", "--run", "--json", "-q")
    added(project, "-n", "b", "--", "echo", "-d")
    assert project.read("dvc.yaml") == (
        "stages:\n  a:\n    cmd: python x.py -n b --run --json -q\n    deps:\n    - in\n  b:\n    cmd: echo -d\n"
    )


def test_what_is_added_runs_at_once_with_run(project: QuickProject) -> None:
    said = added(project, "-n", "one", "-o", "out", "--run", "echo 2 > out")
    assert "echo 2 > out" in said
    assert project.read("out") == "2\n"
    found = json.loads(added(project, "-f", "-n", "one", "-o", "out", "--run", "--json", "echo 3 > out"))
    assert [each["stage"] for each in found["stages"]] == ["one"]
    assert project.read("out") == "3\n"
    assert "exit 3" in project.fails("stage", "add", "-n", "two", "--run", "exit 3")
    assert "two" in project.read("dvc.yaml")


def test_json(project: QuickProject) -> None:
    found = json.loads(added(project, "-n", "a", "-o", "out", "--json", "true"))
    assert found == {"stage": "a", "file": "dvc.yaml", "replaced": False, "git_files": [".gitignore", "dvc.yaml"]}
    assert added(project, "-q", "-n", "b", "true") == ""


def test_in_a_folder_below(project: QuickProject) -> None:
    project.write({"sub/x": "x"})
    ended = project.run("stage", "add", "-n", "low", "-d", "x", "-o", "y", "cp x y", cwd=project.root / "sub")
    assert ended.status == 0, ended.err
    assert project.read("sub/dvc.yaml").startswith("stages:\n  low:")
    assert project.read("sub/.gitignore") == "/y\n"
    assert not (project.root / "dvc.yaml").exists()


REFUSED = [
    (("-n", "c", "-d", "out", "-o", "in", "true"), "in a circle: 'c' -> 'first' -> 'c'"),
    (("-n", "c", "-o", "out", "true"), "claimed by two stages: 'first' and 'c'"),
    (("-n", "c", "-o", "out/x", "true"), "lies inside the output 'out' of 'first'"),
    (("-n", "c", "-o", "data.txt", "true"), "claimed by two stages"),
    (("-n", "c", "-o", "/etc/x", "true"), "'c' cannot be added: .*'/etc/x' lies outside"),
    (("-n", "c", "-o", "../x", "true"), "lies outside the repository"),
    (("-n", "c", "-o", ".dvc/x", "true"), "'c' cannot be added: .*keep for themselves"),
    (("-n", "c", "-o", "secret", "true"), "hidden by the rule 'secret' .*dvcignore:1"),
    (("-n", "c", "-o", "kept", "true"), "tracked by Git.*git rm -r --cached kept"),
    (("-n", "c", "-o", ".", "true"), "cannot be an output"),
    (("-n", "c", "-d", "dvc.yaml", "true"), "cannot be a dependency"),
    (("-n", "c", "-w", "none", "true"), "working folder 'none' does not exist"),
    (("-n", "c", "-w", "..", "true"), "outside the repository"),
    (("-n", "c", "-d", "in", "-d", "./in", "true"), "named twice"),
    (("-n", "c", "echo ${nothing}"), "'c' cannot be added: cmd: .*nothing"),
    (("-n", "first", "true"), "There is a stage 'first' in dvc.yaml. Use -f"),
    (("-n", "a.b", "true"), "'a.b' holds ."),
    (("-n", "c"), "has no command"),
]


@pytest.mark.parametrize(("arguments", "reason"), REFUSED)
def test_what_cannot_be_leaves_everything_as_it_was(
    project: QuickProject, arguments: tuple[str, ...], reason: str
) -> None:
    project.write({"data.txt": "d", "kept": "k", ".dvcignore": "secret\n"})
    project.done("add", "data.txt")
    project.commit()
    added(project, "-n", "first", "-d", "in", "-o", "out", "true")
    before = {path: path.read_bytes() for path in project.root.iterdir() if path.is_file()}
    error = project.fails("stage", "add", *arguments)
    assert re.search(reason, error), error
    assert {path: path.read_bytes() for path in project.root.iterdir() if path.is_file()} == before


def test_damage_in_the_file_is_told_with_its_line(project: QuickProject) -> None:
    project.write({"dvc.yaml": "stages:\n  a:\n    cmd: x\n    unknown: 1\n"})
    assert "dvc.yaml:4:5" in project.fails("stage", "add", "-n", "b", "true")
    project.write({"dvc.yaml": "stages: [\n"})
    assert "dvc.yaml:2" in project.fails("stage", "add", "-n", "b", "true")
    project.write({"dvc.yaml": "stages: [a]\n"})
    assert "dvc.yaml" in project.fails("stage", "add", "-n", "b", "true")
    assert project.read("dvc.yaml") == "stages: [a]\n"


def test_lines_of_gitignore_are_taken_back_when_dvc_yaml_cannot_be_written(
    project: QuickProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write({".gitignore": "/mine\n"})
    written = []

    def fail(path: str, data: bytes) -> None:
        written.append(path)
        assert "/out" in project.read(".gitignore")
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(stage_add, "write_atomic", fail)
    project.fails("stage", "add", "-n", "a", "-o", "out", "true")
    assert [os.path.basename(path) for path in written] == ["dvc.yaml"]
    assert project.read(".gitignore") == "/mine\n"


def test_a_comment_alone_is_kept(project: QuickProject) -> None:
    project.write({"dvc.yaml": "# mine"})
    added(project, "-n", "a", "true")
    assert project.read("dvc.yaml") == "# mine\nstages:\n  a:\n    cmd: 'true'\n"


def test_damaged_files_of_other_folders_do_not_hide_stages(project: QuickProject) -> None:
    project.write({"dvc.yaml": "stages: {a: {cmd: x, desc: words}}\n", "sub/dvc.yaml": "stages: {b: {}}\n"})
    assert project.done("stage", "list") == "a  words\n"
    ended = project.run("stage", "list", "--all")
    assert (ended.status, ended.out) == (0, "a  words\n")
    assert "sub/dvc.yaml:1" in ended.err
    assert "sub/dvc.yaml:1" in project.fails("stage", "list", "--all", "--fail")
    assert "sub/dvc.yaml:1" in project.fails("stage", "list", "sub/dvc.yaml:b")
    found = json.loads(project.done("stage", "list", "--json"))
    assert found[0]["name"] == "a"
    assert found[0]["cmd"] == "x"
    assert json.loads(project.done("stage", "list", "--json", "--name-only")) == ["a"]


def test_groups_help_and_suggest(project: QuickProject) -> None:
    for group, wrong, right in (("stage", "ad", "add"), ("metrics", "shwo", "show"), ("params", "dif", "diff")):
        assert right in project.done(group, "--help")
        assert f"Did you mean '{right}'" in project.fails(group, wrong, status=2)
        assert "needs a command" in project.fails(group, status=2)
    assert "Did you mean 'stage'" in project.fails("stag", status=2)
    assert "--name" in project.fails("stage", "add", "true", status=2)
