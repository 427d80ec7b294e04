"""What a process reads: data that was opened or declared, attributed to the runs that were active at the time.

`siglum.api` and `siglum.log_input` report here. Data read while no run is active belongs to every run that starts
later in the process, since it may have flowed into each; data read during runs belongs to these.
"""

from __future__ import annotations

import os
import threading

import msgspec


class DataInput(msgspec.Struct, frozen=True, order=True):
    """Data that was read: its path relative to the project (or a URI), and its content hash.

    `pointer` is the `.dvc` or `dvc.lock` file that names it, `rev` the Git revision that holds this pointer, `repo`
    the other repository it was read from, `context` the role it was read in, and `via` the input through which a
    run read it when that was made from it by a pipeline. `run_id` is the run on record that made it.
    """

    path: str
    hash: str
    pointer: str | None = None
    rev: str | None = None
    repo: str | None = None
    context: str = "read"
    via: str | None = None
    run_id: str | None = None

    @property
    def place(self) -> str:
        """The path, or for another repository's data its address: what the recipe names."""
        return self.path if self.repo is None else f"{self.repo}#{self.path}"


class InputLog:
    """The data that one run read."""

    def __init__(self, inherited: tuple[DataInput, ...] = ()) -> None:
        self._inputs = dict.fromkeys(inherited)

    def add(self, item: DataInput) -> None:
        """Remember an input; the same again changes nothing."""
        self._inputs[item] = None

    def all(self) -> tuple[DataInput, ...]:
        """Return the inputs in the order in which they came."""
        with _lock:
            return tuple(self._inputs)


_lock = threading.Lock()
_before_runs: dict[DataInput, None] = {}
_open_logs: list[InputLog] = []


def open_log(parent: InputLog | None = None) -> InputLog:
    """Start attributing inputs to a run; it begins with its parent's, or with those read before any run."""
    inherited = parent.all() if parent is not None else None
    with _lock:
        log = InputLog(tuple(_before_runs) if inherited is None else inherited)
        _open_logs.append(log)
    return log


def close_log(log: InputLog) -> None:
    """Stop attributing inputs to a run. Repeating it changes nothing."""
    with _lock:
        if log in _open_logs:
            _open_logs.remove(log)


def record_input(item: DataInput) -> None:
    """Report that this process read some data. Never fails, costs a few microseconds."""
    with _lock:
        for log in _open_logs:
            log.add(item)
        if not _open_logs:
            _before_runs[item] = None


if hasattr(os, "register_at_fork"):  # a lock that another thread held would stay held in the child
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
