"""A stage's commands as processes: which shell, with which environment, and how they end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from siglum.core.errors import StageFailedError

# So that the user's start-up files do not change what a command means.
_SHELL_OPTIONS = {"bash": ("--noprofile", "--norc"), "zsh": ("--no-rcs",)}
_PATIENCE_SECONDS = 5.0


class Execution(msgspec.Struct, frozen=True):
    """What is needed to run a stage's commands, here or elsewhere: they run one after the other, each in its shell."""

    address: str
    commands: tuple[str, ...]
    folder: str
    environment: dict[str, str]


def stage_environment(base: Mapping[str, str], root: str, address: str) -> dict[str, str]:
    """Return `base` with what a stage may rely on: `DVC_ROOT` (kept when set) and `DVC_STAGE`."""
    return {"DVC_ROOT": root, **base, "DVC_STAGE": address}


def shell_line(command: str, environment: Mapping[str, str]) -> list[str]:
    """Return the argument list that runs `command` in the user's shell, as DVC starts it."""
    shell = environment.get("SHELL") or "/bin/sh"
    return [shell, *_SHELL_OPTIONS.get(os.path.basename(shell).lower(), ()), "-c", command]


def execute(execution: Execution, on_command: Callable[[str], None], output: int | None = None) -> None:
    """Run all commands of a stage, until one fails.

    Their standard output goes to the descriptor `output`, else where ours goes. Raises StageFailedError for a command
    that fails or cannot be started. An interruption (KeyboardInterrupt) ends the running command first.
    """
    for command in execution.commands:
        on_command(command)
        sys.stdout.flush()
        status = _run(shell_line(command, execution.environment), execution, output)
        if status != 0:
            raise StageFailedError(f"Stage '{execution.address}' failed: '{_short(command)}' {_ended(status)}.")


def _run(line: Sequence[str], execution: Execution, output: int | None) -> int:
    # A terminal sends its Ctrl-C to the whole foreground group, which the command must then belong to; without one,
    # the command gets a group of its own, so that all its processes can be ended with it.
    own_group = not os.isatty(0) if _has_stdin() else True
    with _held_interrupt() as deliver:
        try:
            process = subprocess.Popen(
                line,
                cwd=execution.folder,
                env=execution.environment,
                stdout=output,
                process_group=0 if own_group else None,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise StageFailedError(
                f"Stage '{execution.address}' failed: {line[0]} cannot be started in {execution.folder}: {reason}."
            ) from None
        try:
            deliver()
            return process.wait()
        except BaseException:
            _end(process, own_group)
            raise


@contextlib.contextmanager
def _held_interrupt() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back until the yielded function is called.

    One that came while the command is being started would otherwise leave it running with nobody to end it.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is not signal.default_int_handler:
        yield lambda: None
        return
    came = False

    def note(*_: object) -> None:
        nonlocal came
        came = True

    def deliver() -> None:
        signal.signal(signal.SIGINT, handler)
        if came:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield deliver
    finally:
        signal.signal(signal.SIGINT, handler)


def _end(process: subprocess.Popen[bytes], own_group: bool) -> None:
    """End a command: as Ctrl-C does, then harder."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            if own_group:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        except (ProcessLookupError, KeyboardInterrupt):
            if process.poll() is None:
                continue
        break
    if own_group:
        _kill_rest(process.pid)


def _kill_rest(group: int) -> None:
    """End what the command left running in its group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _has_stdin() -> bool:
    try:
        os.fstat(0)
    except OSError:
        return False
    return True


def _ended(status: int) -> str:
    if status > 0:
        return f"ended with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "unknown"
    return f"was killed by signal {-status} ({name})"


def _short(command: str) -> str:
    first = " ".join(command.split())
    return first if len(first) <= 100 else first[:97] + "…"
