"""Forks training scripts and kills them: with which step each had been told that it was logged is printed as JSON.

python -m tests.client.spool.faults_program URL MODE SEED RUN_ID...

Modes: `moments` kills at random moments, `points` just before and just after each call that changes a file, `torn` in
the middle of a record, `full` lets no file grow and kills nobody.
"""

from __future__ import annotations

import itertools
import json
import mmap
import os
import random
import resource
import signal
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import siglum
from siglum.client.spool import frames
from siglum.client.spool.journal import Journal

CHANGING = ("open", "pwrite", "replace", "unlink", "posix_fallocate", "makedirs", "fsync")
_PROMISE = struct.Struct("<QQQ")


class Promises:
    """What a script has been told, in memory that outlives it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def note(self, number: int, value: int) -> None:
        struct.pack_into("<Q", self._memory, 8 * number, value)

    def read(self) -> tuple[int, int, int]:
        points, rows, calls = _PROMISE.unpack_from(self._memory)
        return points, rows, calls


def train(url: str, run_id: str, promises: Promises, stop: int) -> None:
    """Log to a run that is there: points, now and then rows of a table, a file and a parameter."""
    siglum.set_tracking_uri(url)
    rows = 0
    with siglum.start_run(run_id=run_id):
        for step in range(stop):
            siglum.log_metric("loss", step / 3, step=step)
            promises.note(0, step + 1)
            if step % 20 == 0:
                time.sleep(0.001)  # so that there is not much to send later
            if step % 100 == 50:
                siglum.log_table({"row": [rows]}, "rows.json")
                rows += 1
                promises.note(1, rows)
                siglum.log_text("x" * (100_000 if step % 200 == 50 else 10), f"file{step}.txt")
                siglum.log_param(f"at{step}", step)


def kill_here() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_call(number: int, after: bool, promises: Promises) -> None:
    """Have this process killed at a call that changes a file, by whichever thread it is made; count them."""
    calls = itertools.count()

    def killing(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            this = next(calls)
            promises.note(2, this + 1)
            here = this == number
            if here and not after:
                kill_here()
            result = function(*arguments, **named)
            if here:
                kill_here()
            return result

        return call

    for name in CHANGING:
        setattr(os, name, killing(getattr(os, name)))


def kill_in_record(number: int, written: int) -> None:
    """Have this process killed when only some bytes of a record are in the file."""
    appends = itertools.count()
    append = Journal.append

    def torn(journal: Journal, content: bytes) -> None:
        if next(appends) == number:
            start = journal.end
            data = frames.packed(content)[:written]
            append(journal, content)  # room for it
            os.pwrite(journal._fd, data.ljust(len(content) + frames.SIZE, b"\0"), start)
            kill_here()
        append(journal, content)

    Journal.append = torn  # type: ignore[method-assign, assignment]


def prepare(mode: str, point: int, dice: random.Random, promises: Promises) -> None:
    """Arrange for a child's end; not for one that its parent kills."""
    if mode == "points":
        kill_at_call(point // 2, point % 2 == 1, promises)
    elif mode == "torn":
        kill_in_record(dice.randrange(2, 40), dice.choice([1, 4, 7, 8, 9, 15]))
    elif mode == "full":
        limit = dice.randrange(1, 200_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def one(url: str, run_id: str, mode: str, point: int, dice: random.Random) -> dict[str, Any]:
    """Run a script and return what became of it."""
    promises, seed = Promises(), dice.random()
    child = os.fork()
    if child == 0:
        prepare(mode, point, random.Random(seed), promises)
        train(url, run_id, promises, 1_000_000 if mode == "moments" else 260)
        siglum.flush()
        os._exit(0)
    if mode == "moments":
        if dice.random() < 0.8:  # else perhaps before it logs anything
            while not promises.read()[0] and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.08))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    points, rows, calls = promises.read()
    killed = os.WIFSIGNALED(status)
    return {"run_id": run_id, "points": points, "rows": rows, "calls": calls, "killed": killed, "status": status}


def main(url: str, mode: str, run_ids: list[str], seed: int) -> None:
    """Kill one script for each run; of the points of one that is left alone, as many as there are runs behind it."""
    dice, points = random.Random(seed), 0
    for number, run_id in enumerate(run_ids):
        told = one(url, run_id, mode, points * number // len(run_ids) if number else -1, dice)
        points = points or 2 * told["calls"]
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[4:], int(sys.argv[3]))
