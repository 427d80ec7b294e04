"""Commands as processes: the shell's line, the environment, how they end, and that none outlives being ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from siglum.pipeline.execution import commands
from siglum.pipeline.execution.commands import CommandRunner, OnOutput, ended, shell_line, stage_environment
from siglum.pipeline.execution.executor import Action, ActionResult


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("/bin/sh", ["/bin/sh", "-c", "x"]),
        ("/usr/bin/bash", ["/usr/bin/bash", "--noprofile", "--norc", "-c", "x"]),
        ("/bin/zsh", ["/bin/zsh", "--no-rcs", "-c", "x"]),
        (None, ["/bin/sh", "-c", "x"]),
        ("", ["/bin/sh", "-c", "x"]),
    ],
)
def test_the_shell(shell: str | None, line: list[str]) -> None:
    assert shell_line("x", {} if shell is None else {"SHELL": shell}) == line


def test_the_environment() -> None:
    assert stage_environment({"A": "1", "DVC_STAGE": "outer"}, "/r", "s") == {
        "A": "1",
        "DVC_ROOT": "/r",
        "DVC_STAGE": "s",
    }
    assert stage_environment({"DVC_ROOT": "/outer"}, "/r", "s")["DVC_ROOT"] == "/outer"


def make(folder: Path, *lines: str, timeout: float | None = None, on_output: OnOutput | None = None) -> CommandRunner:
    environment = {"PATH": os.environ["PATH"]}
    action = Action("s", lines, environment, str(folder), timeout=timeout, log=str(folder / "log"))
    return CommandRunner(action, on_output=on_output)


def run(folder: Path, *lines: str, timeout: float | None = None) -> ActionResult:
    return make(folder, *lines, timeout=timeout).run()


def wait_for(path: Path) -> str:
    while not path.exists() or not path.read_text():
        time.sleep(0.005)
    return path.read_text()


def is_running(pid: int) -> bool:
    """Whether a process is there and is not just waiting to be reaped by init."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_commands_run_one_after_the_other_until_one_fails(tmp_path: Path) -> None:
    done = run(tmp_path, "echo 1 > a", "cat a > b")
    assert (done.exit_status, done.error) == (0, None)
    assert (tmp_path / "b").read_text() == "1\n"
    assert done.started_at <= done.ended_at
    failed = run(tmp_path, "exit 3", "echo > never")
    assert failed.exit_status == 3
    assert failed.error == "'exit 3' ended with exit status 3"
    assert not (tmp_path / "never").exists()


def test_both_outputs_go_to_the_log_in_order(tmp_path: Path) -> None:
    done = run(tmp_path, "echo one; echo two >&2; echo three", "echo four")
    assert Path(done.log).read_text() == "one\ntwo\nthree\nfour\n"


def test_output_is_given_to_who_wants_it(tmp_path: Path) -> None:
    seen: list[tuple[str, bytes]] = []
    (tmp_path / "log").write_text("of an attempt before\n")
    make(tmp_path, "echo a; echo b", "printf c", on_output=lambda *said: seen.append(said)).run()
    assert b"".join(data for _, data in seen) == b"a\nb\nc"
    assert seen[-1] == ("s", b""), "the end is told"


def test_output_comes_while_the_command_runs(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def look(_: str, data: bytes) -> None:
        seen.append(data)
        (tmp_path / "go").touch()

    runner = make(tmp_path, "echo first; while [ ! -e go ]; do sleep 0.01; done; echo last", on_output=look)
    assert runner.run().exit_status == 0
    assert seen == [b"first\n", b"last\n", b""]


def test_a_long_command_is_shortened_in_errors(tmp_path: Path) -> None:
    error = run(tmp_path, "exit 1 # " + "x" * 500).error
    assert error is not None
    assert len(error) < 200


def test_a_shell_or_folder_that_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path / "..", "true")
    assert done.error is None
    action = Action("s", ("true",), {"SHELL": "/no/shell"}, str(tmp_path))
    done = CommandRunner(action).run()
    assert done.exit_status is None
    assert done.error == f"/no/shell cannot be started in {tmp_path}: No such file or directory"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (1, "ended with exit status 1"),
        (-9, "was killed by signal 9 (SIGKILL)"),
        (-63, "was killed by signal 63 (unknown)"),
    ],
)
def test_how_commands_end(status: int, said: str) -> None:
    assert ended(status) == said


def test_a_timeout_ends_all_processes_of_the_command(tmp_path: Path) -> None:
    done = run(tmp_path, "sleep 60 & echo $! > child; wait", "echo > never", timeout=0.3)
    assert done.error == "'sleep 60 & echo $! > child; wait' did not end within 0.3 s, its timeout"
    child = int((tmp_path / "child").read_text())
    while is_running(child):  # the test's own timeout ends this
        time.sleep(0.01)
    assert not (tmp_path / "never").exists()


def test_ending_asks_as_ctrl_c_does_first(tmp_path: Path) -> None:
    runner = make(
        tmp_path, "trap 'echo tidied > t; exit 7' INT; echo $$ > pid; while :; do sleep 0.01; done", "echo > n"
    )
    thread = threading.Thread(target=lambda: results.append(runner.run()))
    results: list[ActionResult] = []
    thread.start()
    wait_for(tmp_path / "pid")
    runner.end("was interrupted")
    thread.join(20)
    assert results[0].exit_status == 7
    assert results[0].error is not None
    assert results[0].error.endswith("was interrupted")
    assert (tmp_path / "t").read_text() == "tidied\n"
    assert not (tmp_path / "n").exists()


def test_what_ignores_the_asking_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(commands, "_NOTICE_SECONDS", 0.02)
    runner = make(tmp_path, "trap '' INT TERM; echo $$ > pid; while :; do sleep 0.01; done")
    results: list[ActionResult] = []
    thread = threading.Thread(target=lambda: results.append(runner.run()))
    thread.start()
    pid = int(wait_for(tmp_path / "pid"))
    runner.end()
    thread.join(20)
    assert results[0].exit_status == -signal.SIGKILL
    assert not is_running(pid)


def test_who_is_in_a_hurry_need_not_wait_for_the_next_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_PATIENCE_SECONDS", 1000.0)
    monkeypatch.setattr(commands, "_NOTICE_SECONDS", 0.02)
    runner = make(tmp_path, "trap '' INT; trap 'echo > term' TERM; echo $$ > pid; while :; do sleep 0.01; done")
    results: list[ActionResult] = []
    thread = threading.Thread(target=lambda: results.append(runner.run()))
    thread.start()
    wait_for(tmp_path / "pid")
    runner.end()
    assert runner.ending
    runner.hurry()
    wait_for(tmp_path / "term")
    runner.hurry()
    thread.join(20)
    assert results[0].exit_status == -signal.SIGKILL


def test_what_was_ended_before_it_began_does_not_begin(tmp_path: Path) -> None:
    runner = make(tmp_path, "echo > never")
    runner.end("was interrupted")
    assert runner.run().error == "'echo > never' was interrupted"
    assert not (tmp_path / "never").exists()


def test_without_a_kernel_that_tells_when_a_process_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert run(tmp_path, "sleep 0.05; exit 4").exit_status == 4
    assert run(tmp_path, "sleep 60", timeout=0.1).error == "'sleep 60' did not end within 0.1 s, its timeout"
