"""`siglum remove`, `move`, `unprotect`, `freeze`, `unfreeze`: what they change, what they refuse, and being killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.quick import QuickProject

from siglum.cli.app import run
from siglum.core.temporary_names import is_temporary

PIPELINE = """\
# how it is made
vars:
- size: 2   # of each
stages:
  first:  # the first
    cmd: echo 1 > one
    outs: [one]
  second:
    cmd: cp one two
    deps: [one]
    outs:
    - two   # copied
  many:
    foreach: [a, b]
    do:
      cmd: echo ${item} > ${item}
      outs:
      - ${item}
"""
_MUTATING = ("rename", "replace", "unlink", "rmdir", "mkdir", "link", "symlink")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QuickProject:
    made = QuickProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    return made


def killed_at(number: int, *arguments: str) -> bool:
    """Run a command in a process that is killed before its `number`th change of the disk; say whether it was."""
    child = os.fork()
    if child == 0:  # pragma: no cover
        left = number

        def counting(original: Any) -> Any:
            def wrapped(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return original(*args, **kwargs)

            return wrapped

        for name in _MUTATING:
            setattr(os, name, counting(getattr(os, name)))
        os._exit(run([*arguments, "-q"]))
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def every_kill(*arguments: str) -> Iterator[int]:
    """Yield after a command was killed before its first, its second, … change, as long as that happens."""
    number = 1
    while killed_at(number, *arguments):
        yield number
        number += 1
    assert number > 4


def settled(project: QuickProject) -> dict[str, object]:
    """Return the state without files that a killed command was writing, and with ignored names in no order."""
    return {
        name: set(data.split()) if name == ".gitignore" else data
        for name, data in project.state().items()
        if not is_temporary(os.path.basename(name))
    }


def test_remove_keeps_the_data(project: QuickProject) -> None:
    project.write({"f": "1", "d/a": "2", "sub/g": "3"})
    project.done("add", "f", "d", "sub/g")
    said = project.done("remove", "f.dvc", "sub/g.dvc")
    assert said.splitlines() == [
        "No longer tracked: f.dvc",
        "No longer tracked: sub/g.dvc",
        "Tell Git with: git add .gitignore",
    ]
    assert (project.read("f"), project.read("sub/g"), project.read(".gitignore")) == ("1", "3", "/d\n")
    assert not (project.root / "sub/.gitignore").exists()
    assert not (project.root / "f.dvc").exists()
    project.done("checkout")  # what was given up stays
    assert project.read("f") == "1"


def test_remove_with_the_data(project: QuickProject) -> None:
    project.write({"f": "1", "d/a": "2", "d/b": "22"})
    project.done("add", "f", "d")
    value = json.loads(project.done("remove", "--outs", "d.dvc", "--json"))
    assert value == {"removed": ["d.dvc"], "data": ["d"], "git_files": [".gitignore"]}
    assert not (project.root / "d").exists()
    project.write({"f": "changed"})
    with project.unchanged():
        refused = project.fails("remove", "--outs", "f.dvc")
        assert refused.startswith("f (7 B) is kept in no cache, and would be lost.")
    project.done("remove", "--outs", "--force", "f.dvc")
    assert not (project.root / "f").exists()


def test_what_would_be_lost_is_named(project: QuickProject) -> None:
    """Files of a folder one by one, and a damaged object is no copy."""
    project.write({"d/a": "a", "d/b": "bb", "f": "good"})
    project.done("add", "d", "f")
    project.write({"d/new": "xyz"})
    project.damage(project.hash_of("f").oid)
    with project.unchanged():
        refused = project.fails("remove", "--outs", "d.dvc", "f.dvc")
    assert "d/new (3 B), f (4 B) are kept in no cache" in refused


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("f", "f is data, not what tracks it. Name its .dvc file: f.dvc"),
        ("ff.dvc", "ff.dvc does not exist. Did you mean 'f.dvc'?"),
        ("frist", "There is no stage or output 'frist'. Did you mean 'first'?"),
        ("two", "There is no stage 'two'. It is an output of the stage 'second': name that."),
        ("many@a", "The stage 'many@a' is one of those that 'many' in dvc.yaml stands for"),
    ],
)
def test_what_remove_refuses(project: QuickProject, target: str, said: str) -> None:
    project.write({"f": "1", "dvc.yaml": PIPELINE})
    project.done("add", "f")
    with project.unchanged():
        # Nothing is removed as long as one target is wrong.
        assert project.fails("remove", "f.dvc", target).startswith(said)


def test_remove_of_stages(project: QuickProject) -> None:
    project.write({"dvc.yaml": PIPELINE})
    project.done("repro", "-q")
    project.done("remove", "--outs", "second")
    text = project.read("dvc.yaml")
    assert "second" not in text
    assert "- size: 2   # of each" in text
    assert "first:  # the first" in text
    assert "second" not in project.read("dvc.lock")
    assert not (project.root / "two").exists()
    assert project.read("one") == "1\n"
    assert project.read(".gitignore") == "/one\n/a\n/b\n"


def test_what_stands_beside_the_last_stage_stays(project: QuickProject) -> None:
    """DVC deletes the whole file with it."""
    project.write({"dvc.yaml": "vars: [{x: 1}]\nstages:\n  only: {cmd: echo > o, outs: [o]}\nplots: [p.csv]\n"})
    project.done("repro", "-q")
    project.done("remove", "only")
    assert project.read("dvc.yaml") == "vars: [x: 1]\nplots: [p.csv]\n"
    assert not (project.root / "dvc.lock").exists()


def test_move(project: QuickProject) -> None:
    project.write({"f": "1", "d/a": "2", "into/x": "x"})
    project.done("add", "f", "d")
    assert project.done("move", "f", "into").splitlines()[0] == "f -> into/f"
    assert project.done("move", "d", "e").splitlines()[0] == "d -> e"
    assert (project.read("into/f"), project.read("e/a")) == ("1", "2")
    assert (project.read(".gitignore"), project.read("into/.gitignore")) == ("/e\n", "/f\n")
    assert sorted(path.name for path in project.root.glob("**/*.dvc") if path.is_file()) == ["e.dvc", "f.dvc"]
    assert project.done("status", "--json") == "{}\n"
    project.write({"e/a": "changed"})
    project.done("move", "e", "into/e2")  # what was not recorded moves along, and is still not recorded
    assert json.loads(project.done("status", "--json")) == {"into/e2.dvc": [{"changed outs": {"into/e2": "modified"}}]}


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("f", "free", "free exists already. Move it out of the way first."),
        ("f", "other", "other exists already."),
        ("f", "d/f", "d/f lies in d, which is tracked, already."),
        ("d", "d/e", "d/e is inside of what is to be moved."),
        ("f", "f", "f is where it is already."),
        ("f", "no/f", "The folder no does not exist."),
        ("f", "no/", "The folder no/ does not exist."),
        ("f", "../f", "/f is outside the repository"),
        ("f", "x.dvc", "x.dvc would be taken for a .dvc file."),
        ("f", "hidden", "hidden is ignored by .dvcignore:1: hidden"),
        ("f", "unseen", "unseen.dvc is ignored by Git"),
        ("f.dvc", "g.dvc", "f.dvc is a .dvc file. Move the data, and it goes along: f"),
        ("ff", "g", "'ff' is not tracked. Did you mean 'f'?"),
        ("d/a", "g", "d/a is part of d, which is tracked as a whole."),
        ("one", "g", "one is an output of the stage 'first'."),
        ("f", "two", "two is an output of the stage 'second'."),
    ],
)
def test_what_move_refuses(project: QuickProject, source: str, target: str, said: str) -> None:
    project.write({"f": "1", "d/a": "2", "other": "3", "free": "4", "dvc.yaml": PIPELINE, "one": "5"})
    project.done("add", "f", "d", "other")
    project.write({".dvcignore": "hidden\n"})
    (project.root / ".gitignore").write_text(project.read(".gitignore") + "unseen.dvc\n")
    with project.unchanged():
        assert said in project.fails("move", source, target)


def test_move_of_a_file_whose_pointer_has_another_name(project: QuickProject) -> None:
    project.write({"f": "1"})
    project.done("add", "f")
    (project.root / "f.dvc").rename(project.root / "own.dvc")
    text = project.read("own.dvc")
    project.write({"own.dvc": f"{text}desc: mine # really\n"})
    (project.root / "sub").mkdir()
    project.done("move", "f", "sub/g")
    assert project.read("own.dvc") == f"{text.replace('path: f', 'path: sub/g')}desc: mine # really\n"
    assert project.read("sub/g") == "1"


def test_move_without_the_data(project: QuickProject) -> None:
    project.write({"f": "1"})
    project.done("add", "f")
    (project.root / "f").unlink()
    ended = project.run("move", "f", "g")
    assert ended.status == 0
    assert "f is not in the workspace: only its .dvc file was moved." in ended.err
    project.done("checkout")
    assert project.read("g") == "1"


@pytest.mark.parametrize("own_name", [False, True])
@pytest.mark.parametrize("kind", ["f", "d"])
def test_a_killed_move_can_be_run_again(project: QuickProject, kind: str, own_name: bool) -> None:
    project.write({"f": "1", "d/a": "2", "d/b/c": "3"})
    project.done("add", "f", "d")
    if own_name:
        (project.root / f"{kind}.dvc").rename(project.root / "own.dvc")
    start = settled(project)
    for number in every_kill("move", kind, "moved"):
        files = {name: data for name, data in project.state().items() if data in (b"1", b"2", b"3")}
        assert len(files) == 3, number  # the data is always there, at one place
        ended = project.run("move", kind, "moved")
        # After its last change, killed while it saved what it knows of files: there is nothing left to move.
        assert ended.status == 0 or f"'{kind}' is not tracked" in ended.err, number
        assert project.done("status", "--json") == "{}\n"
        project.done("move", "moved", kind)
        assert settled(project) == start, number
    assert not (project.root / kind).exists()


def test_a_killed_remove_can_be_run_again(project: QuickProject) -> None:
    project.write({"d/a": "2", "d/b/c": "3", "dvc.yaml": PIPELINE})
    project.done("add", "d")
    project.done("repro", "-q")
    start = project.state()
    for number in every_kill("remove", "--outs", "d.dvc", "first"):
        if (project.root / "d.dvc").exists():
            project.done("remove", "--outs", "d.dvc")
        if "first:" in project.read("dvc.yaml"):
            project.done("remove", "--outs", "first")
        assert set(settled(project)) == set(start) - {"d/a", "d/b/c", "d.dvc", "one"}, number
        project.write({name: data for name, data in start.items() if name != "dvc.yaml"})
        project.write({"dvc.yaml": start["dvc.yaml"]})


def test_unprotect(project: QuickProject) -> None:
    project.write({"f": "1", "d/a": "2", "mine": "3"})
    (project.root / "to mine").symlink_to("mine")
    for kind in ("hardlink", "symlink"):
        project.done("config", "cache.type", kind)
        project.done("add", "f", "d")
        assert json.loads(project.done("unprotect", ".", "--json")) == {"unprotected": ["f", "d/a"]}
        for name in ("f", "d/a"):
            path = project.root / name
            assert not path.is_symlink()
            assert path.stat().st_nlink == 1
            path.write_text(path.read_text())  # can be written
        assert project.done("unprotect", "f") == "All files can be edited already.\n"
        assert project.done("status", "--json") == "{}\n"
    assert (project.root / "to mine").is_symlink()
    assert project.fails("unprotect", "f", "gone") == "gone does not exist."
    assert "outside the repository" in project.fails("unprotect", "..")


def test_freeze(project: QuickProject) -> None:
    project.write({"dvc.yaml": PIPELINE, "f": "1"})
    project.done("repro", "-q")
    project.done("add", "f")
    text, pointer = project.read("dvc.yaml"), project.read("f.dvc")
    assert project.done("freeze", "second", "f.dvc") == "second is now frozen.\nf.dvc is now frozen.\n"
    assert project.read("dvc.yaml") == text.replace(
        "    - two   # copied\n", "    - two   # copied\n    frozen: true\n"
    )
    assert project.read("f.dvc") == f"{pointer}frozen: true\n"
    assert project.done("freeze", "second") == "second is already frozen.\n"
    project.write({"one": "changed"})
    assert "second" not in json.loads(project.done("status", "--json"))
    assert json.loads(project.done("unfreeze", "second", "f.dvc", "--json")) == {
        "frozen": False,
        "changed": ["second", "f.dvc"],
    }
    assert (project.read("dvc.yaml"), project.read("f.dvc")) == (text, pointer)
    assert "second" in json.loads(project.done("status", "--json"))
    with project.unchanged():
        assert "cannot be changed alone" in project.fails("freeze", "second", "many@b")
        assert project.fails("freeze", "f") == "There is no stage 'f'. Name the .dvc file: f.dvc"
        assert "Did you mean 'second'" in project.fails("freeze", "secnd")


def test_an_older_word_for_frozen(project: QuickProject) -> None:
    project.write({"f": "1"})
    project.done("add", "f")
    text = project.read("f.dvc")
    project.write({"f.dvc": f"{text}locked: true\n"})
    assert project.done("freeze", "f.dvc") == "f.dvc is now frozen.\n"
    assert project.read("f.dvc") == f"{text}frozen: true\n"
    project.write({"f.dvc": f"{text}locked: true\n"})
    project.done("unfreeze", "f.dvc")
    assert project.read("f.dvc") == text


def test_git_is_told_where_asked(project: QuickProject) -> None:
    project.write({"f": "1", "d/a": "2"})
    project.done("add", "f", "d")
    project.commit()
    project.done("config", "core.autostage", "true")
    project.done("move", "f", "g")
    project.done("remove", "d.dvc")
    staged = project.git("diff", "--cached", "--name-status", "--no-renames").split()
    assert staged == ["M", ".gitignore", "D", "d.dvc", "D", "f.dvc", "A", "g.dvc"]
