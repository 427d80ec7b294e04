"""`status --explain` and `repro --explain`: what a person reads, and what a program gets."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from siglum.cli import app
from siglum.cli.explain_rows import Names, block_lines, command_diff
from siglum.pipeline.status.explain import Action, CacheHit, Difference, Explanation, FileDifference, Missing
from siglum.pipeline.status.staleness import Cause, Change
from siglum.workspace.repository import Repository

A, B = "a" * 32, "b" * 32
NAMES = Names(str, str)


def lines(*differences: Difference, room: int | None = None, **fields: Any) -> list[str]:
    given: dict[str, Any] = {"stage": "s", "action": Action.RUN, "recorded": True, "differences": differences} | fields
    return block_lines(Explanation(**given), NAMES, room)


def parameter(name: str, old: Any, new: Any, path: str = "params.yaml") -> Difference:
    return Difference(Cause.PARAMETER, path, Change.MODIFIED, name, old, new)


def test_columns() -> None:
    assert lines(
        parameter("lr", 0.1, 0.2),
        parameter("x.y", "a", [1, {"b": None}], "conf.toml"),
        Difference(Cause.DEPENDENCY, "data/in.csv", Change.MODIFIED, None, A, B),
        Difference(Cause.OUTPUT, "model", Change.DELETED, None, A),
        Difference(Cause.OUTPUT, "plots", Change.NOT_IN_CACHE, None, A),
        Difference(Cause.ALWAYS),
    ) == [
        "  param   lr             0.1 → 0.2",
        '  param   conf.toml:x.y  "a" → [1, {"b": null}]',
        "  depends data/in.csv    aaaaaaaa → bbbbbbbb",
        "  output  model          aaaaaaaa → missing",
        "  output  plots          aaaaaaaa is not in the cache",
        "  always  it is declared to run every time",
    ]


def test_of_a_long_command_only_the_line_that_changed() -> None:
    old = [f"step {i}" for i in range(40)]
    new = [*old[:20], "step twenty", *old[21:]]
    told = lines(Difference(Cause.COMMAND, None, Change.MODIFIED, None, "\n".join(old), new))
    assert told == ["  command - step 20", "            + step twenty"]
    assert command_diff(["a"], ["a", "b"]) == ["+ b"]
    (same,) = lines(Difference(Cause.COMMAND, None, Change.MODIFIED, None, "a", ["a"]))
    assert same == "  command the same, split otherwise"


def test_of_many_files_and_differences_the_first() -> None:
    files = tuple(FileDifference(f"f{i}", Change.NEW, None, A) for i in range(1000))
    told = lines(Difference(Cause.DEPENDENCY, "d", Change.MODIFIED, None, A, B, files))
    assert told[0] == "  depends d  1,000 files new"
    assert len(told) == 6
    assert told[-1].strip() == "and 996 more files"
    many = lines(*(parameter(f"p{i}", 1, 2) for i in range(50)))
    assert len(many) == 12
    assert many[-1] == "  and     39 more; --json has all"


def test_lines_fit_and_still_show_the_difference() -> None:
    long = "x" * 500
    for room in (40, 80, 200):
        (value,) = lines(parameter("p", f"{long}1{long}", f"{long}2{long}"), room=room)
        assert len(value) <= room
        old, new = value.split(" → ")
        assert "x1" in old
        assert "x2" in new
        assert all(len(each) <= room for each in lines(parameter(long, 1, 2), room=room))
    (uncut,) = lines(parameter("p", long, 1))
    assert long in uncut


def test_what_is_missing_and_where_a_result_comes_from() -> None:
    assert lines(missing=(Missing("raw.csv"), Missing("params.yaml", "lr")), action=Action.FAIL) == [
        "  missing raw.csv  no stage makes it",
        "  missing lr       not in the file",
    ]
    assert lines(hit=CacheHit(A, "run-1"), action=Action.RESTORE) == ["  result  of run run-1"]


PIPELINE = """
stages:
  prepare: {cmd: "mkdir d; cat in src/* > d/a", deps: [in, src], params: [p], outs: [d]}
  train: {cmd: cat d/a > model, deps: [d], outs: [model]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    Repository.init(str(tmp_path))
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "in").write_text("1\n")
    (tmp_path / "params.yaml").write_text("p: {a: {b: 1, c: 2}}\n")
    (tmp_path / "src").mkdir()
    for i in range(1000):
        (tmp_path / f"src/{i:03}").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "SHELL", "/bin/sh")
    return tmp_path


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str, status: int = 0) -> list[str]:
        assert app.run(arguments) == status
        return capfd.readouterr().out.splitlines()

    return run


def test_from_the_first_run_on(project: Path, said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said("status", "--explain") == [
        "'prepare' will run for the first time.",
        "'train' will run, after 'prepare'.",
    ]
    assert said("repro", "--explain", "-j", "1") == [
        "Running 'prepare' for the first time.",
        "> mkdir d; cat in src/* > d/a",
        "Running 'train' for the first time.",
        "> cat d/a > model",
    ]
    assert said("status", "--explain") == ["Data and pipelines are up to date."]
    (project / "params.yaml").write_text("p: {a: {b: 1, c: 3}}\n")
    (project / "src/500").write_text("x")
    (project / "src/new").touch()
    told = [
        "  depends src    1 file changed, 1 new",
        "            ~ 500  d41d8cd9 → 9dd4e461",
        "            + new",
        "  param   p.a.c  2 → 3",
    ]
    after = "'train' may run, depending on what 'prepare' will make."
    assert said("status", "--explain") == ["'prepare' will run:", *told, after]
    assert said("status", "--explain", "train") == [after]
    assert said("repro", "--dry", "--explain") == [
        "Would run 'prepare':",
        *told,
        "> mkdir d; cat in src/* > d/a",
        "Would run 'train', depending on what 'prepare' will make.",
        "> cat d/a > model",
    ]
    assert said("status", "--explain", "-q", status=1) == []
    monkeypatch.chdir(project / "src")
    assert said("status", "--explain", "../model") == [
        "'../dvc.yaml:train' may run, depending on what '../dvc.yaml:prepare' will make."
    ]


def test_what_comes_back_names_its_result(project: Path, said: Any) -> None:
    said("repro", "-q")
    (project / "in").write_text("2\n")
    said("repro", "-q")
    (project / "in").write_text("1\n")
    (project / "model").unlink()
    dry = said("repro", "--dry", "--explain")
    assert dry[0] == "Would restore 'prepare' from an earlier run:"
    assert re.fullmatch("  result  of run [0-9a-f]{32}", dry[1])
    assert dry[2] == "  depends in  26ab0db9 → b026324c"
    done = said("repro", "--explain")
    assert done[:3] == ["Restored 'prepare' from an earlier run:", *dry[1:3]]
    assert done[3] == "Restored 'train' from an earlier run:"
    (project / "model").unlink()
    assert said("repro", "--explain")[1:] == [
        "Restored 'train' from an earlier run:",
        done[4],
        "  output  model  b026324c → missing",
    ]


def test_stages_that_never_or_always_run(project: Path, said: Any) -> None:
    said("repro", "-q")
    text = PIPELINE.replace("{cmd: cat d", "{always_changed: true, cmd: cat d")
    (project / "dvc.yaml").write_text(text.replace('{cmd: "mkdir', '{frozen: true, cmd: "mkdir'))
    (project / "in").unlink()
    assert said("status", "--explain") == [
        "'train' will run:",
        "  always  it is declared to run every time",
        "Frozen, so never run: prepare.",
    ]
    (project / "dvc.yaml").write_text(PIPELINE)
    assert said("status", "--explain") == [
        "'prepare' cannot be brought up to date:",
        "  missing in  no stage makes it",
        "'train' cannot be brought up to date: 'prepare' cannot be either.",
    ]
    assert said("repro", "-f", "-s", "train", "--explain")[:2] == ["Running 'train':", "  forced  changed or not"]


def test_many_stages_of_which_there_is_little_to_say_share_a_line(project: Path, said: Any) -> None:
    stages = [
        f"  s{i}: {{cmd: cat {i or 'in'} > {i + 1}, deps: ['{i or 'in'}'], outs: ['{i + 1}']}}" for i in range(40)
    ]
    (project / "dvc.yaml").write_text("\n".join(["stages:", *stages]))
    (line,) = said("status", "--explain")
    assert line.startswith("Will run for the first time: s0, s1, ")
    assert line.endswith(" more.")
    assert len(line) <= 100
    said("repro", "-q")
    (project / "in").write_text("2\n")
    head, change, rest = said("status", "--explain")
    assert (head, change) == ("'s0' will run:", "  depends in  b026324c → 26ab0db9")
    assert rest.startswith("May run, depending on what those before them will make: s1, s2, ")
    (project / "in").unlink()
    assert said("status", "--explain")[2].startswith("Cannot be brought up to date, since those before them cannot: s1")


def test_json(project: Path, said: Any) -> None:
    said("repro", "-q")
    (project / "params.yaml").write_text("p: {a: {b: 1, c: 3}}\n")
    change = {"cause": "parameter", "path": "params.yaml", "change": "modified", "name": "p.a.c", "old": 2, "new": 3}
    prepare = {"stage": "prepare", "action": "run", "recorded": True, "differences": [change]}
    assert json.loads(said("status", "--explain", "--json")[0]) == {
        "stages": [prepare, {"stage": "train", "action": "depends", "recorded": True, "upstream": ["prepare"]}]
    }
    first, second = json.loads(said("repro", "--explain", "--json", status=0)[0])["stages"]
    assert first["explanation"] == prepare
    assert second["explanation"] == {"stage": "train", "action": "nothing", "recorded": True}


def test_wrong_use(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.run(["status", "--explain", "-c"]) == 2
    assert "--explain" in capfd.readouterr().err
    assert app.run(["status", "--explain", "nosuch"]) == 1
