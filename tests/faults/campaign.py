"""Campaigns of faults against one command, run as a program: `python -m tests.faults.campaign KIND COMMAND …`.

A program of its own, since each trial forks: the test process has threads, and much more to copy.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import random
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from tests.faults import damage, mutants, order, rights, world
from tests.faults.calls import Fault
from tests.faults.scenarios import SCENARIOS
from tests.faults.trial import Ended, Outcome, Stage, load_siglum

# Of the kills, so many in a hundred are at chosen calls, the others at random times from outside.
_CHOSEN_PERCENT = 75


class Broken(Exception):
    """The campaign found what it was to find."""


class Report(msgspec.Struct):
    """How many faults took place, by kind, and what they broke. `until_broken` ends a campaign at the first break."""

    tried: dict[str, int] = {}
    broken: list[str] = []
    until_broken: bool = False

    def add(self, kind: str, stage: Stage, outcome: Outcome) -> None:
        """Count a trial in which the fault took place."""
        if outcome.fired:
            self.tried[kind] = self.tried.get(kind, 0) + 1
            self.broken += [f"{stage.scenario.name}: {outcome.fired}: {each}" for each in outcome.broken]
        if self.until_broken and self.broken:
            raise Broken


def kills(stages: Sequence[Stage], quota: int, dice: random.Random, report: Report) -> None:
    """Kill at chosen calls, before them and in the middle of writes, then at random times."""
    points = [
        (stage, fault)
        for stage in stages
        for fault in (
            *(Fault(kind="kill", at=n) for n in range(1, stage.count() + 1)),
            *(Fault(kind="tear", at=n, among="write") for n in range(1, stage.count("write") + 1)),
        )
    ]
    for stage, fault in _thinned(points, quota * _CHOSEN_PERCENT // 100, dice):
        report.add("killed at a chosen call", stage, stage.suffer(fault))
    attempts = 0
    while sum(report.tried.values()) < quota and attempts < 4 * quota:
        stage = dice.choice(stages)
        report.add("killed at a random time", stage, stage.kill_at_random(dice))
        attempts += 1


def errors(stages: Sequence[Stage], quota: int, dice: random.Random, report: Report) -> None:
    """Let calls fail as full and failing disks do, write short, and press Ctrl-C."""
    kinds: dict[str, tuple[str, Callable[[int], Fault]]] = {
        "no space": ("grows", lambda n: Fault(kind="error", at=n, among="grows", number=errno.ENOSPC, for_good=True)),
        "flush fails": ("flushes", lambda n: Fault(kind="error", at=n, among="flushes", number=errno.EIO)),
        "read fails": ("reads", lambda n: Fault(kind="error", at=n, among="reads", number=errno.EIO)),
        "write fails": ("writes", lambda n: Fault(kind="error", at=n, among="writes", number=errno.EIO)),
        "short write": ("write", lambda n: Fault(kind="short", at=n, among="write")),
        "Ctrl-C": ("changes", lambda n: Fault(kind="interrupt", at=n)),
    }
    share = max(1, quota // (len(kinds) + 1))
    for name, (among, make) in kinds.items():
        points = [(stage, make(n)) for stage in stages for n in range(1, stage.count(among) + 1)]
        for stage, fault in _thinned(points, share, dice):
            report.add(name, stage, stage.suffer(fault))
        for stage, fault in _as_long_as_none(report, name, points, dice):
            report.add(name, stage, stage.suffer(fault))
    limits = [(stage, limit) for stage in stages for limit in (0, 1, 5, 20, 300)]
    for stage, limit in _thinned(limits, share, dice):
        report.add("size limit", stage, _limited(stage, limit))
    for stage, limit in _as_long_as_none(report, "size limit", limits, dice):
        report.add("size limit", stage, _limited(stage, limit))


def _limited(stage: Stage, limit: int) -> Outcome:
    """Run the command where the kernel lets no file grow over `limit` bytes: real short writes, then EFBIG."""
    stage.fresh()

    def install() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    ended = stage.run(install)
    if os.strerror(errno.EFBIG) not in ended.err:
        return Outcome("", ended, [])
    return Outcome(f"no file over {limit} bytes", ended, [*stage.look(ended, killed=False), *stage.again()])


def meddling(stages: Sequence[Stage], quota: int, dice: random.Random, report: Report) -> None:
    """Have another program write to a file in the moment in which it is read."""
    points = [
        (stage, Fault(kind="meddle", at=n, among="reads", text="?"))
        for stage in stages
        for n in range(1, stage.count("reads") + 1)
    ]
    for stage, fault in _thinned(points, quota, dice):
        report.add("changed while read", stage, damage.meddled(stage, fault))


def damages(stages: Sequence[Stage], quota: int, dice: random.Random, report: Report) -> None:
    """Flip, cut, empty and swap objects in cache and remote."""
    points = [(stage, each) for stage in stages for each in damage.all_of(stage)]
    for stage, each in _thinned(points, quota, dice):
        report.add(each.kind, stage, damage.suffer(stage, each))
    for kind in sorted({each.kind for _, each in points}):
        alike = [(stage, each) for stage, each in points if each.kind == kind]
        for stage, each in _as_long_as_none(report, kind, alike, dice):
            report.add(kind, stage, damage.suffer(stage, each))


def missing_rights(stages: Sequence[Stage], quota: int, dice: random.Random, report: Report) -> None:
    """Take away the right to read or write something that the command may need."""
    points = [(stage, each) for stage in stages for each in rights.places(stage)]
    for stage, place in _thinned(points, quota, dice):
        report.add("no right", stage, rights.suffer(stage, place))
    for stage, place in _as_long_as_none(report, "no right", points, dice):
        report.add("no right", stage, rights.suffer(stage, place))


def orders(stages: Sequence[Stage], quota: int, dice: random.Random, report: Report) -> None:
    """Check the order in which the command reaches the disk, as recorded inside and, where there is one, by strace."""
    for stage in stages:
        broken = order.broken_order(stage.record(), stage.before, stage.after)
        report.add("order of calls", stage, Outcome("order", Ended(0, 0, ""), broken))
    if order.strace() is not None and not report.until_broken and stages[0].scenario.name in ("add new", "push"):
        stage = stages[0]
        stage.fresh()
        command = [sys.executable, "-m", "siglum.cli", *stage.scenario.command]
        calls = order.traced(command, stage.here / stage.scenario.folder, stage.here)
        broken = order.broken_order(calls, stage.before, world.take(stage.here))
        report.add("order of calls by strace", stage, Outcome("strace", Ended(0, 0, ""), broken))
        assert sum(order.makes_record(call) for call in calls) > 10, "strace saw nothing of it"


def racy(stages: Sequence[Stage], quota: int, dice: random.Random, report: Report) -> None:
    """Stop the clock in the tick in which the workspace was written: nothing may be remembered of its files."""
    for stage in stages:
        report.add("clock stands still", stage, damage.in_one_tick(stage))


KINDS: dict[str, Callable[[Sequence[Stage], int, random.Random, Report], None]] = {
    "kills": kills,
    "errors": errors,
    "damage": damages,
    "rights": missing_rights,
    "meddling": meddling,
    "order": orders,
    "racy": racy,
}


T = TypeVar("T")


def _thinned(points: Sequence[T], quota: int, dice: random.Random) -> Sequence[T]:
    """Return all of the points, or so many, drawn at random but in their order."""
    if len(points) <= quota:
        return points
    return [points[n] for n in sorted(dice.sample(range(len(points)), quota))]


def _as_long_as_none(report: Report, kind: str, points: Sequence[T], dice: random.Random) -> Iterator[T]:
    """Yield points, drawn at random, until a fault of this kind took place: of few, all may have missed."""
    for point in dice.sample(points, len(points)):
        if kind in report.tried:
            return
        yield point


@contextlib.contextmanager
def stages_of(command: str, mutant: str | None = None, only: Sequence[str] = ()) -> Iterator[list[Stage]]:
    """Yield the stages of a command's scenarios, all or those named; in memory where the system offers that.

    What makes a flush slow on a real disk is not what is tried here; its order is, by `order`.
    """
    memory = "/dev/shm"
    base = Path(tempfile.mkdtemp(prefix="siglum-faults-", dir=memory if os.access(memory, os.W_OK) else None))
    prepare = mutants.MUTANTS[mutant].apply if mutant is not None else None
    try:
        scenarios = [each for each in SCENARIOS[command] if not only or each.name in only]
        yield [Stage(each, base / str(number), prepare) for number, each in enumerate(scenarios)]
    finally:
        world.remove(base)


def run(kind: str, command: str, quota: int, seed: int, mutant: str | None, only: Sequence[str]) -> Report:
    """Run one campaign in this process; one with a mutant ends when that is found."""
    report = Report(until_broken=mutant is not None)
    with stages_of(command, mutant, only) as stages, contextlib.suppress(Broken):
        KINDS[kind](stages, quota, random.Random(f"{seed} {kind} {command}"), report)
    return report


def main(arguments: Sequence[str]) -> int:
    """Run one campaign and print its report as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("command", choices=SCENARIOS)
    parser.add_argument("--quota", type=int, default=200, help="how many faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=mutants.MUTANTS, help="plant this bug first")
    parser.add_argument("--only", action="append", default=[], help="this scenario only")
    given = parser.parse_args(arguments)
    os.environ["NO_COLOR"] = "1"
    load_siglum()
    report = run(given.kind, given.command, given.quota, given.seed, given.mutant, given.only)
    print(msgspec.json.encode(report).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
