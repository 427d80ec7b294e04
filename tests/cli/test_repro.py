"""`siglum repro`: what it prints, its flags, its statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from siglum.cli import app
from siglum.workspace.repository import Repository

PIPELINE = """
stages:
  a: {cmd: "echo talk; cat in > a.txt", deps: [in], params: [x], outs: [a.txt]}
  b: {cmd: cat a.txt > b.txt, deps: [a.txt], outs: [b.txt]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    Repository.init(str(tmp_path))
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "in").write_text("1\n")
    (tmp_path / "params.yaml").write_text("x: 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "SHELL", "/bin/sh")
    return tmp_path


def test_what_is_said(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.run(["repro"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        "Running 'a': in is changed; params.yaml is new.",
        "> echo talk; cat in > a.txt",
        "talk",
        "Running 'b': a.txt is changed.",
        "> cat a.txt > b.txt",
    ]
    assert app.run(["repro"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        "Skipped 'a': nothing changed.",
        "Skipped 'b': nothing changed.",
        "Data and pipelines are up to date.",
    ]
    (project / "b.txt").unlink()
    (project / "params.yaml").write_text("x: 2\n")
    assert app.run(["repro", "--dry"]) == 0
    assert "Would run 'a': x in params.yaml is changed." in capfd.readouterr().out
    assert app.run(["repro", "b"]) == 0
    assert "Restored 'b' from an earlier run (b.txt is missing)." in capfd.readouterr().out


def test_json_is_one_line_and_the_commands_talk_to_stderr(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.run(["repro", "--json", "a"]) == 0
    printed = capfd.readouterr()
    (stage,) = json.loads(printed.out)["stages"]
    run = stage.pop("run")
    assert stage == {
        "stage": "a",
        "outcome": "ran",
        "reasons": [
            {"cause": "dependency", "path": "in", "change": "modified"},
            {"cause": "parameter", "path": "params.yaml", "change": "new"},
        ],
        "error": None,
    }
    assert run["started_at"] <= run["ended_at"]
    assert (run["exit_status"], run["attempts"], run["log"]) == (0, 1, ".dvc/tmp/siglum/logs/a.log")
    assert "talk" in printed.err


def test_quiet_leaves_only_what_commands_print(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.run(["repro", "-q"]) == 0
    assert capfd.readouterr().out == "talk\n"


def test_from_a_folder_below(project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "sub").mkdir()
    monkeypatch.chdir(project / "sub")
    assert app.run(["repro"]) == 1
    assert "There is no dvc.yaml in 'sub'" in capfd.readouterr().err
    assert app.run(["repro", "../dvc.yaml:b"]) == 0
    assert "Running '../dvc.yaml:a'" in capfd.readouterr().out
    assert app.run(["repro", "-P"]) == 0


def test_failures_are_one_line_and_status_1(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "dvc.yaml").write_text(PIPELINE.replace("cat a.txt > b.txt", "exit 7"))
    assert app.run(["repro"]) == 1
    assert capfd.readouterr().err == "error: dvc.yaml:4: Stage 'b' failed: 'exit 7' ended with exit status 7.\n"
    assert app.run(["repro", "--json"]) == 1
    printed = capfd.readouterr()
    assert printed.out == ""
    assert json.loads(printed.err)["error"]["code"] == "stage-failed"


def test_keep_going_names_each_failure(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = PIPELINE.replace("cat in > a.txt", "exit 7") + "  c: {cmd: echo > c, outs: [c]}\n"
    (project / "dvc.yaml").write_text(text)
    assert app.run(["repro", "-k"]) == 1
    printed = capfd.readouterr()
    assert "warning: dvc.yaml:3: Stage 'a' failed: " in printed.err
    assert "warning: Skipped 'b': 'a' failed." in printed.err
    assert printed.err.endswith("error: 1 stage failed: 'a'. Its output is in .dvc/tmp/siglum/logs/a.log.\n")
    assert (project / "c").exists()


def test_interrupted_is_130(project: Path) -> None:
    (project / "dvc.yaml").write_text("stages: {s: {cmd: 'kill -INT $PPID; sleep 30', outs: [o]}}")
    done = subprocess.run(
        [sys.executable, "-m", "siglum.cli", "repro"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr == b"Interrupted.\n"
    assert not (project / "dvc.lock").exists()


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert app.run(["repro"]) == 1
    assert "siglum init" in capfd.readouterr().err
