"""A stage's commands as processes: which shell, with which environment, how they end, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from siglum.pipeline.execution.executor import Action, ActionResult
from siglum.pipeline.execution.orphans import RunningCommands
from siglum.pipeline.execution.process_groups import ROOT_VARIABLE, STAGE_VARIABLE, ProcessGroup

# So that the user's start-up files do not change what a command means.
_SHELL_OPTIONS = {"bash": ("--noprofile", "--norc"), "zsh": ("--no-rcs",)}
# How long a process may take to end after each of the signals, the last of which it cannot ignore.
_PATIENCE_SECONDS = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
# How often output is looked at, where somebody looks; and whether the command is to be ended.
_OUTPUT_SECONDS, _NOTICE_SECONDS = 0.1, 0.5
_CHUNK = 1 << 16
OnOutput: TypeAlias = Callable[[str, bytes], None]
"""Called with a stage's address and what its commands printed since the last call, from the thread that runs them."""


def stage_environment(base: Mapping[str, str], root: str, address: str) -> dict[str, str]:
    """Return `base` with what a stage may rely on: `DVC_ROOT` (kept when set) and `DVC_STAGE`."""
    return {ROOT_VARIABLE: root, **base, STAGE_VARIABLE: address}


def shell_line(command: str, environment: Mapping[str, str]) -> list[str]:
    """Return the argument list that runs `command` in the user's shell, as DVC starts it."""
    shell = environment.get("SHELL") or "/bin/sh"
    return [shell, *_SHELL_OPTIONS.get(os.path.basename(shell).lower(), ()), "-c", command]


class CommandRunner:
    """Runs one action in the calling thread; any other thread may `end` it.

    Each command gets a process group of its own, so that all its processes can be ended with it. One that is
    `attended` shares the terminal, and our group, instead: it may read from it, and gets its Ctrl-C.
    """

    def __init__(
        self,
        action: Action,
        *,
        attended: bool = False,
        on_output: OnOutput | None = None,
        extra: Mapping[str, str] = {},
        running: RunningCommands | None = None,
    ) -> None:
        self._action = action
        self._attended = attended
        self._on_output = on_output
        self._extra = extra
        self._running = running
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._group = ProcessGroup(os.getpgrp(), action.address)
        self._ending: str | None = None
        self._in_a_hurry = False
        self._signals_sent = 0
        self._signalled_at = 0.0
        self._shown = 0
        self._log = -1

    def end(self, why: str = "was ended", *, heard: bool = False) -> None:
        """Begin to end the action: no further command starts, and the one that runs is signalled. Returns at once.

        `heard` says that an attended command has got Ctrl-C already, from the terminal.
        """
        with self._guard:
            if self._ending is None:
                self._ending = why
                self._signal_next(quietly=heard and self._attended)

    @property
    def ending(self) -> bool:
        """Whether `end` was called."""
        return self._ending is not None

    def hurry(self) -> None:
        """Have the next harder signal sent now. Takes no lock, so that a signal handler can call it."""
        self._in_a_hurry = True

    def sweep(self) -> None:
        """End what an attended command that is gone left running: it may have heard Ctrl-C before we did."""
        if self._attended:
            self._group.signal(signal.SIGKILL)

    def run(self) -> ActionResult:
        """Run all commands, until one fails, takes too long, or is ended."""
        action = self._action
        started = time.time()
        deadline = None if action.timeout is None else time.monotonic() + action.timeout
        status: int | None = None
        error: str | None = None
        with contextlib.ExitStack() as stack:
            output = self._open_log(stack)
            for command in action.commands:
                try:
                    status = self._run_one(command, output, deadline)
                except OSError as problem:
                    reason = problem.strerror or str(problem)
                    shell = shell_line(command, action.environment)[0]
                    error = f"{shell} cannot be started in {action.folder}: {reason}"
                    break
                if (why := self._ended_because()) is not None:
                    error = f"'{_short(command)}' {why}"
                    break
                if status != 0:
                    error = f"'{_short(command)}' {ended(status)}"
                    break
            self._show_rest()
        return ActionResult(started, time.time(), status, error, action.log)

    def _ended_because(self) -> str | None:
        """Return why the commands are being ended, as the rest of a sentence about one; None when they are not."""
        with self._guard:
            return self._ending

    def _open_log(self, stack: contextlib.ExitStack) -> int | None:
        if not self._action.log:
            return None
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._log = os.open(self._action.log, flags, 0o666)
        stack.callback(os.close, self._log)
        self._shown = os.fstat(self._log).st_size
        return self._log

    def _run_one(self, command: str, output: int | None, deadline: float | None) -> int:
        with self._guard:
            if self._ending is not None:
                return -signal.SIGINT
            environment = {**self._action.environment, **self._extra} if self._extra else self._action.environment
            announced = self._announce(environment)
            self._process = subprocess.Popen(
                shell_line(command, environment),
                cwd=self._action.folder,
                env=environment,
                stdin=None if self._attended else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=None if self._attended else 0,
            )
            if not self._attended:
                self._group = ProcessGroup(self._process.pid)
        pid = self._process.pid
        if self._running is not None:
            self._running.note(pid, self._group, self._action.address, announced)
        self._wait(self._process, deadline)
        with self._guard:
            status = self._process.wait()
            self._process = None
        if self._ended_because() is not None:
            self._group.signal(signal.SIGKILL)  # what the command left running
        if self._running is not None:
            self._running.forget(pid)
        return status

    def _announce(self, environment: Mapping[str, str]) -> str:
        if self._running is None:
            return ""
        return self._running.announce(self._action.address, environment.get(ROOT_VARIABLE, ""))

    def _wait(self, process: subprocess.Popen[bytes], deadline: float | None) -> None:
        """Wait until a process has ended, without reaping it: until then its number is its own."""
        watch = _Watch(process)
        try:
            while not watch.ended(self._pause(deadline)):
                self._show()
                if self._ended_because() is None:
                    if deadline is not None and time.monotonic() >= deadline:
                        self.end(f"did not end within {self._action.timeout:g} s, its timeout")
                elif self._in_a_hurry or time.monotonic() >= self._signalled_at + _PATIENCE_SECONDS:
                    self._in_a_hurry = False
                    with self._guard:
                        self._signal_next()
        finally:
            watch.close()

    def _pause(self, deadline: float | None) -> float:
        pause = _NOTICE_SECONDS if self._on_output is None else _OUTPUT_SECONDS
        if deadline is not None and self._ending is None:
            pause = min(pause, max(0.0, deadline - time.monotonic()))
        return pause

    def _signal_next(self, *, quietly: bool = False) -> None:
        """Send the next harder signal, or `quietly` only count it as sent."""
        self._signalled_at = time.monotonic()
        number = _SIGNALS[min(self._signals_sent, len(_SIGNALS) - 1)]
        self._signals_sent += 1
        if self._process is not None and not quietly and not self._group.signal(number):
            self._process.send_signal(number)  # where there is no /proc to tell its group by

    def _show(self) -> None:
        while self._on_output is not None and self._log >= 0:
            data = os.pread(self._log, _CHUNK, self._shown)
            if not data:
                break
            self._shown += len(data)
            self._on_output(self._action.address, data)

    def _show_rest(self) -> None:
        self._show()
        if self._on_output is not None:
            self._on_output(self._action.address, b"")


class _Watch:
    """Tells when a process has ended: at once where the kernel can say so, else by looking again and again."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._fd = -1
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self._fd = os.pidfd_open(process.pid)
        if self._fd >= 0:
            self._poll = select.poll()
            self._poll.register(self._fd, select.POLLIN)

    def ended(self, within: float) -> bool:
        """Return whether it ended within so many seconds."""
        if self._fd >= 0:
            return bool(self._poll.poll(within * 1000))
        end, pause = time.monotonic() + within, 0.001
        while not self._has_ended():
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(pause, left))
            pause = min(2 * pause, 0.05)
        return True

    def _has_ended(self) -> bool:
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, flags) is not None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


def ended(status: int) -> str:
    """Say how a command ended, as the rest of a sentence about it."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "unknown"
    return f"was killed by signal {-status} ({name})"


def _short(command: str) -> str:
    first = " ".join(command.split())
    return first if len(first) <= 100 else first[:97] + "…"
