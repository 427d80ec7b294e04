"""Pipelines that cannot run, fail or are broken off: what is said, and that nothing is recorded or lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.pipeline.project import TWO, Project, lines
from tests.storage.web_server import Page, serve

from siglum.core.errors import (
    ConflictError,
    FileFormatError,
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
    StageFailedError,
    UnavailableError,
)
from siglum.pipeline.status.events import OutputKept


def test_a_command_that_fails_records_nothing_and_loses_nothing(two: Project) -> None:
    two.repro()
    before = two.read("dvc.lock")
    two.write("dvc.yaml", TWO.replace("cat clean.txt > model", "echo half > model; exit 3"))
    with pytest.raises(
        StageFailedError, match=r"Stage 'train' failed: 'echo half > model; exit 3.*' ended with exit status 3\."
    ):
        two.repro()
    assert two.read("dvc.lock") == before
    assert two.read("metrics.json") == '{"lr":1}', "what is not cached came back"
    two.write("dvc.yaml", TWO)
    assert two.repro()["train"] == "restored"
    assert two.read("model") == "ABC\n"


def test_an_output_changed_by_hand_is_kept_before_it_is_replaced(two: Project) -> None:
    two.repro()
    (two.root / "model").unlink()
    two.write("model", "precious\n")
    two.write("params.yaml", "lr: 5\n")
    assert two.repro()["train"] == "ran"
    kept = [event for event in two.events if isinstance(event, OutputKept)]
    assert [event.path for event in kept] == ["model"]
    with open(two.open().cache.path_of(kept[0].where.removeprefix("md5:"))) as file:
        assert file.read() == "precious\n"


@pytest.mark.parametrize(
    ("command", "said"), [("kill -9 $$", r"was killed by signal 9 \(SIGKILL\)"), ("nope-nope", "exit status 127")]
)
def test_how_a_command_ended(project: Project, command: str, said: str) -> None:
    project.write("dvc.yaml", f"stages: {{s: {{cmd: '{command}', outs: [o]}}}}")
    with pytest.raises(StageFailedError, match=said):
        project.repro()
    assert not project.exists("dvc.lock")


def test_a_shell_that_is_not_there(project: Project) -> None:
    project.write("dvc.yaml", "stages: {s: {cmd: 'true', outs: [o]}}")
    with pytest.raises(StageFailedError, match=r"/no/shell cannot be started in .*: No such file"):
        project.repro(environment={"SHELL": "/no/shell"})


def test_an_output_that_is_not_made(project: Project) -> None:
    project.write("dvc.yaml", "stages: {s: {cmd: 'true', outs: [o]}}")
    with pytest.raises(StageFailedError, match="Stage 's' ended without having made its output 'o'"):
        project.repro()
    assert not project.exists("dvc.lock")


def test_a_dependency_that_changes_during_the_run(project: Project) -> None:
    project.write("dvc.yaml", "stages: {s: {cmd: 'cat in > o; echo more >> in', deps: [in], outs: [o]}}")
    project.write("in", "1\n")
    with pytest.raises(StageFailedError, match="Stage 's' ran, but in changed meanwhile, so nothing was recorded"):
        project.repro()
    assert not project.exists("dvc.lock")
    assert not Path(project.open().run_cache_dir).exists()


def test_a_parameter_that_changes_during_the_run(project: Project) -> None:
    project.write(
        "dvc.yaml", "stages: {s: {cmd: 'echo > o; echo \"lr. 2\" | tr . : > params.yaml', params: [lr], outs: [o]}}"
    )
    project.write("params.yaml", "lr: 1\n")
    with pytest.raises(StageFailedError, match="lr changed meanwhile"):
        project.repro()
    assert not project.exists("dvc.lock")


def test_bytecode_that_a_run_leaves_in_a_folder_of_code_is_no_change(project: Project) -> None:
    """Python writes `__pycache__` beside the modules that a stage imports."""
    project.write("code/part.py", "WORD = 'w'\n")
    project.write("code/main.py", "import part; print(part.WORD)\n")
    project.write("dvc.yaml", f"stages: {{s: {{cmd: '{sys.executable} code/main.py > o', deps: [code], outs: [o]}}}}")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    assert project.repro(environment=environment) == {"s": "ran"}
    assert project.exists("code/__pycache__")
    assert project.repro(environment=environment) == {"s": "unchanged"}


def test_missing_dependencies_and_parameters_are_named_with_their_stage(two: Project) -> None:
    (two.root / "raw.txt").unlink()
    with pytest.raises(NotFoundError, match=r"Stage 'prepare' needs 'raw\.txt', which does not exist"):
        two.repro()
    two.write("raw.txt", "x")
    two.write("params.yaml", "rate: 1\n")
    with pytest.raises(
        NotFoundError, match=r"Stage 'train' needs the parameter 'lr', which params\.yaml does not have"
    ):
        two.repro()
    (two.root / "params.yaml").unlink()
    with pytest.raises(NotFoundError, match=r"Stage 'train' needs parameters of 'params\.yaml', which does not exist"):
        two.repro()


def test_a_dependency_at_a_url_is_asked_for_not_ignored(project: Project) -> None:
    with serve() as web:
        web.pages["/data"] = Page(b"1", {"ETag": '"one"'})
        project.write("dvc.yaml", f"stages: {{s: {{cmd: 'echo > o', deps: ['{web.url}/data'], outs: [o]}}}}")
        assert project.repro() == {"s": "ran"}
        assert """checksum: '"one"'""" in project.read("dvc.lock")
        assert project.repro() == {"s": "unchanged"}
        web.pages["/data"] = Page(b"2", {"ETag": '"two"'})
        assert project.repro() == {"s": "ran"}
        del web.pages["/data"]
        with pytest.raises(NotFoundError, match=f"Stage 's' needs '{web.url}/data', which does not exist"):
            project.repro()
    with pytest.raises(UnavailableError, match=web.url):
        project.repro()
    project.write("dvc.yaml", "stages: {s: {cmd: 'echo > o', deps: ['ftp://b/k'], outs: [o]}}")
    with pytest.raises(NotSupportedError, match="ftp"):
        project.repro()


def test_an_output_that_git_tracks(project: Project) -> None:
    project.write("dvc.yaml", "stages: {s: {cmd: 'echo new > o', outs: [o]}}")
    project.write("o", "mine\n")
    project.git("add", "o")
    with pytest.raises(ConflictError, match="The output 'o' of 's' is tracked by Git"):
        project.repro()
    assert project.read("o") == "mine\n"


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("stages: {a: {cmd: x, deps: [b], outs: [a]}, b: {cmd: x, deps: [a], outs: [b]}}", InvalidInputError, "circle"),
        ("stages: {a: {cmd: x, outs: [o]}, b: {cmd: x, outs: [o]}}", ConflictError, "claimed by two stages"),
        ("stages: {a: {cmd: '${x}'}}", FileFormatError, r"dvc\.yaml:1:14: stages\.a\.cmd: '\$\{x\}' is not defined"),
        ("stages: {a: {cmd: x, wdir: none}}", NotFoundError, "Stage 'a' runs in 'none', which is not a folder"),
    ],
)
def test_pipelines_that_cannot_be(project: Project, text: str, error: type[Exception], said: str) -> None:
    project.write("dvc.yaml", text)
    with pytest.raises(error, match=said):
        project.repro()


def test_a_damaged_lock_file_stops_everything_and_stays(two: Project) -> None:
    two.write("dvc.lock", "schema: '2.0'\nstages:\n<<<<<<< HEAD\n")
    with pytest.raises(FileFormatError, match=r"^dvc\.lock:3:1: .*conflict"):
        two.repro()
    assert "<<<<<<<" in two.read("dvc.lock")
    assert not two.exists("log")


def test_keep_going_runs_what_does_not_need_the_failed_stage(project: Project) -> None:
    project.write(
        "dvc.yaml",
        """
        stages:
          bad: {cmd: 'false', outs: [b]}
          needs: {cmd: 'echo > n', deps: [b], outs: [n]}
          good: {cmd: 'echo > g', outs: [g]}
        """,
    )
    with pytest.raises(StageFailedError, match=r"1 stage failed: 'bad'\."):
        project.repro(keep_going=True)
    assert project.happened().count("StageFailed") == 1
    assert "StageSkipped" in project.happened()
    assert list(project.lock()) == ["good"]
    with pytest.raises(StageFailedError, match="'bad' failed"):
        project.repro()


def test_an_interruption_ends_the_command_and_records_nothing(project: Project) -> None:
    project.write("dvc.yaml", "stages: {s: {cmd: 'echo $$ > pid; echo > o; sleep 60; echo late > late', outs: [o]}}")
    code = "from siglum.pipeline.execution.repro import *; repro(Repository.open())"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while not lines(project.root / "pid"):
            time.sleep(0.01)
            assert process.poll() is None
        child = int(project.read("pid"))
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in printed
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert not project.exists("dvc.lock")
    assert not project.exists("late")
    with project.open().lock():
        pass  # the repository is free again
