"""Commands as processes: the shell's line, the environment, how they end, and that none outlives an interruption."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from siglum.core.errors import StageFailedError
from siglum.pipeline import commands
from siglum.pipeline.commands import Execution, execute, shell_line, stage_environment


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


def run(folder: Path, *commands: str, output: int | None = None) -> list[str]:
    seen: list[str] = []
    execute(Execution("s", commands, str(folder), {"PATH": os.environ["PATH"]}), seen.append, output)
    return seen


def test_commands_run_one_after_the_other_until_one_fails(tmp_path: Path) -> None:
    assert run(tmp_path, "echo 1 > a", "cat a > b") == ["echo 1 > a", "cat a > b"]
    assert (tmp_path / "b").read_text() == "1\n"
    with pytest.raises(StageFailedError, match=r"Stage 's' failed: 'exit 3' ended with exit status 3\."):
        run(tmp_path, "exit 3", "echo > never")
    assert not (tmp_path / "never").exists()


def test_output_to_another_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        run(tmp_path, "echo said", output=file.fileno())
    assert (tmp_path / "out").read_bytes() == b"said\n"


def test_long_commands_are_shortened_in_errors(tmp_path: Path) -> None:
    with pytest.raises(StageFailedError) as caught:
        run(tmp_path, "exit 1 # " + "x" * 500)
    assert len(caught.value.message) < 200


def test_an_interruption_while_a_command_is_being_started_does_not_leave_it_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(real(*arguments, **options))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    monkeypatch.setattr(commands, "_PATIENCE_SECONDS", 0.2)  # the shell may not be ready to hear the first signal
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "sleep 60")
    assert started[0].returncode is not None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
