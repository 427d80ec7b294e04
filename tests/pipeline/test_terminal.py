"""A stage that shares the terminal: it may ask something, and Ctrl-C ends it with all that it started."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.pipeline.project import Project

from siglum.core.notices import listening
from siglum.pipeline.execution.orphans import RunningCommands

# Makes the terminal on standard input that of its session, and runs the command in it, as a shell does; and as a shell
# it stays when the command was killed.
SHELL = """
import fcntl, signal, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, lambda *_: None)
status = subprocess.call([sys.executable, "-m", "siglum.cli", *sys.argv[1:]])
while status < 0:
    signal.pause()
sys.exit(status)
"""
# What a shell that is not interactive starts in the background does not hear Ctrl-C.
LEAVES_SOMETHING = "stages: {s: {cmd: 'echo $PPID > siglum; sleep 60 & echo $! > left; sleep 60; :', outs: [o]}}"


class Terminal:
    """`siglum` on a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHELL, *arguments],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def printed(self) -> str:
        """Return all that is printed until the end."""
        found = b""
        while True:
            try:
                data = os.read(self.master, 4096)
            except OSError:  # nobody holds the other side any more
                data = b""
            if not data:
                return found.decode().replace("\r\n", "\n")
            found += data


@pytest.fixture
def on_terminal(project: Project) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        made.append(Terminal(project.root, *arguments))
        return made[-1]

    yield start
    for each in made:
        os.close(each.master)
        each.process.kill()
        each.process.wait()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def left(project: Project) -> int:
    until(lambda: project.exists("left") and bool(project.read("left")))
    return int(project.read("left"))


def test_a_stage_may_ask_something(project: Project, on_terminal: Callable[..., Terminal]) -> None:
    project.write("dvc.yaml", "stages: {s: {cmd: 'read -r word; echo $word > o', outs: [o]}}")
    terminal = on_terminal("repro", "-j", "1")
    terminal.type(b"yes\n")
    assert "Running 's'" in terminal.printed()
    assert terminal.process.wait() == 0
    assert project.read("o") == "yes\n"


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="processes are told by /proc")
def test_ctrl_c_ends_what_a_command_left_running_too(project: Project, on_terminal: Callable[..., Terminal]) -> None:
    project.write("dvc.yaml", LEAVES_SOMETHING)
    terminal = on_terminal("repro", "-j", "1")
    pid = left(project)
    terminal.type(b"\x03")
    assert terminal.printed().endswith("Interrupted.\n")
    assert terminal.process.wait() == 130
    until(lambda: not is_running(pid))
    assert not project.exists("dvc.lock")


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="processes are told by /proc")
def test_the_next_run_ends_what_a_killed_one_left_running(
    project: Project, on_terminal: Callable[..., Terminal]
) -> None:
    # The kernel hangs up on what shares the terminal of a leader that is gone; what is left here does not heed it.
    command = "trap '' HUP; echo $PPID > siglum; sleep 60 & echo $! > left; sleep 60; :"
    project.write("dvc.yaml", f'stages: {{s: {{cmd: "{command}", outs: [o]}}}}')
    on_terminal("repro", "-j", "1")
    pid = left(project)
    killed = int(project.read("siglum"))
    os.kill(killed, signal.SIGKILL)
    until(lambda: not is_running(killed))
    assert is_running(pid)
    project.write("dvc.yaml", "stages: {s: {cmd: 'echo > o', outs: [o]}}")
    said: list[str] = []
    with listening(said.append):
        assert project.repro() == {"s": "ran"}
    assert [line.partition(" (")[0] for line in said] == ["Ending 's'"]
    until(lambda: not is_running(pid))


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="processes are told by /proc")
def test_a_timeout_is_heard_on_a_terminal(project: Project, on_terminal: Callable[..., Terminal]) -> None:
    project.write(
        "dvc.yaml",
        "stages: {s: {cmd: 'trap \"echo heard; exit 1\" INT; sleep 60 & echo $! > left; wait', outs: [o], "
        "meta: {siglum: {timeout: 0.3}}}}",
    )
    terminal = on_terminal("repro", "-j", "1")
    pid = left(project)
    printed = terminal.printed()
    assert "heard\n" in printed
    assert "did not end within 0.3 s" in printed
    assert terminal.process.wait() == 1
    until(lambda: not is_running(pid))


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="processes are told by /proc")
def test_the_next_run_ends_what_one_killed_at_the_start_of_a_command_left_running(project: Project) -> None:
    running = RunningCommands(str(project.root / ".dvc/tmp/siglum/running"))
    running.announce("s", str(project.root))
    environment = {**os.environ, "DVC_STAGE": "s", "DVC_ROOT": str(project.root)}
    stranger = subprocess.Popen(["sleep", "60"], env=environment | {"DVC_ROOT": "/elsewhere"})
    started = subprocess.Popen(["sleep", "60"], env=environment)
    try:
        until(lambda: b"DVC_STAGE=s" in Path(f"/proc/{started.pid}/environ").read_bytes())
        project.write("dvc.yaml", "stages: {s: {cmd: 'echo > o', outs: [o]}}")
        said: list[str] = []
        with listening(said.append):
            assert project.repro() == {"s": "ran"}
        assert said == [f"Ending 's' (process {started.pid}), which a run that was killed left running."]
        assert started.wait() == -signal.SIGINT
        assert stranger.poll() is None
    finally:
        stranger.kill()
        started.kill()
        stranger.wait()
        started.wait()
