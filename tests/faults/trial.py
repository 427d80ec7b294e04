"""One trial: a fresh world, a command that a fault befalls, a look at what is left, and the command once more."""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec
from tests.faults import invariants, world
from tests.faults.calls import Call, Fault, Injector, Recorder, Shared, watch
from tests.faults.scenarios import Scenario
from tests.faults.world import Snapshot

import siglum.cli
import siglum.lineage
import siglum.pipeline
import siglum.storage
import siglum.tracking
import siglum.workspace
from siglum.cli import app

_TOO_LONG_SECONDS = 60


class Ended(msgspec.Struct, frozen=True):
    """How a command ended: its status, or the signal that ended it, and what it said on standard error."""

    status: int
    signal: int
    err: str


class Outcome(msgspec.Struct, frozen=True):
    """What became of one trial: the call that the fault befell (empty: it did not take place), and what is broken."""

    fired: str
    ended: Ended
    broken: list[str]


Prepare = Callable[[], None]


def load_siglum() -> None:
    """Import every module that a command may need, so that a fork has them."""
    for package in (siglum.cli, siglum.workspace, siglum.pipeline, siglum.storage, siglum.lineage, siglum.tracking):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    for name in ("ctypes", "concurrent.futures", "ruamel.yaml", "pathspec", "siglum.storage.remotes"):
        importlib.import_module(name)


def fork(work: Callable[[], int], kill_after: float | None = None) -> Ended:
    """Run `work` in a fork of this process and return how it ended; kill it after so many seconds if asked to."""
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            os.setpgid(0, 0)
            signal.alarm(_TOO_LONG_SECONDS)
            os.dup2(sink, 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.close(sink)
            os.close(source)
            status = work()
        except BaseException:  # noqa: BLE001  -- whatever it is, it must not go on in the copy of the caller
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(sink)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    said = bytearray()
    with open(source, "rb") as pipe:
        said += pipe.read()  # to its end, which is the child's, and that of whatever it started
    _, status = os.waitpid(pid, 0)
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return Ended(-1 if ended_by else os.WEXITSTATUS(status), ended_by, said.decode(errors="replace"))


class Stage:
    """Where the trials of one scenario take place: the world before, and after the command as it should be.

    `prepare` is called in the child before the command, in every run that is judged: that is how mutants come in.
    """

    def __init__(self, scenario: Scenario, folder: Path, prepare: Prepare | None = None) -> None:
        self.scenario = scenario
        self.folder = folder
        self.here = folder / "here"
        self.shared = Shared()
        self._prepare = prepare
        self._origin = folder / "origin"
        folder.mkdir(parents=True)

        def build() -> int:
            scenario.build(self._origin)
            return 0

        made = fork(build)
        assert made.status == 0, made.err
        self.fresh()
        self._load_what_it_imports()
        self.before = self.fresh()
        started = time.perf_counter()
        ended = self.run(mutated=False)
        self.seconds = time.perf_counter() - started
        assert ended.status == 0, f"{scenario.name}: {ended.err}"
        self.after = world.take(self.here)

    def run(
        self,
        install: Prepare | None = None,
        *,
        command: tuple[str, ...] | None = None,
        kill_after: float | None = None,
        mutated: bool = True,
    ) -> Ended:
        """Run a command, else the scenario's, in the world as it is now."""

        def work() -> int:
            os.chdir(self.here / self.scenario.folder)
            if mutated and self._prepare is not None:
                self._prepare()
            if install is not None:
                install()
            return app.run(list(command or self.scenario.command))

        return fork(work, kill_after)

    def _load_what_it_imports(self) -> None:
        """Import here what the command imports when it runs: every fork then has it, and is the cheaper for it."""
        listing = self.folder / "modules"

        def work() -> int:
            os.chdir(self.here / self.scenario.folder)
            status = app.run(list(self.scenario.command))
            listing.write_text("\n".join(sys.modules))
            return status

        ended = fork(work)
        assert ended.status == 0, f"{self.scenario.name}: {ended.err}"
        for name in listing.read_text().splitlines():
            if name not in sys.modules:
                with contextlib.suppress(ImportError):
                    importlib.import_module(name)

    def fresh(self) -> Snapshot:
        """Make the world anew."""
        if self.here.exists():
            world.remove(self.here)
        world.clone(self._origin, self.here)
        return world.take(self.here)

    def close(self) -> None:
        """Remove everything."""
        world.remove(self.folder)

    def count(self, among: str = "changes") -> int:
        """Return how many calls of a kind the command makes when nothing befalls it."""
        self.fresh()
        self.shared.reset()
        fault = Fault(kind="none", at=-1, among=among)
        self.run(lambda: watch(Injector(fault, self.shared)))
        return self.shared.calls

    def record(self) -> list[Call]:
        """Return the calls of the command, in order; files in the world are named relative to it."""
        self.fresh()
        trace = self.folder / "trace"

        def work() -> int:
            os.chdir(self.here / self.scenario.folder)
            if self._prepare is not None:
                self._prepare()
            calls: list[Call] = []
            watch(Recorder(calls))
            status = app.run(list(self.scenario.command))
            trace.write_bytes(msgspec.json.encode(list(calls)))
            return status

        ended = fork(work)
        assert ended.status == 0, ended.err
        prefix = f"{self.here}/"
        calls = msgspec.json.decode(trace.read_bytes(), type=list[Call])
        return [Call(c.name, tuple(p.removeprefix(prefix) for p in c.paths)) for c in calls]

    def suffer(self, fault: Fault) -> Outcome:
        """Run the command with a fault at one of its calls, look, and run it again."""
        self.fresh()
        self.shared.reset()
        ended = self.run(lambda: watch(Injector(fault, self.shared)))
        fired = self.shared.fired
        if not fired:
            return Outcome("", ended, [])
        broken = self.look(ended, killed=fault.kind in ("kill", "tear"))
        if ended.status == 0 and fault.kind == "error" and fault.among == "flushes":
            broken.append("says that all is well though a flush failed")
        return Outcome(f"{fault.kind} {fired}".replace(f"{self.here}/", ""), ended, [*broken, *self.again()])

    def kill_at_random(self, dice: random.Random) -> Outcome:
        """Kill the command from outside after a random time, look, and run it again. It may end before: not fired."""
        self.fresh()
        moment = dice.uniform(0, self.seconds)
        ended = self.run(kill_after=moment)
        if ended.signal != signal.SIGKILL:
            return Outcome("", ended, [])
        broken = self.look(ended, killed=True)
        return Outcome(f"SIGKILL after {moment * 1000:.1f} ms", ended, [*broken, *self.again()])

    def look(self, ended: Ended, *, killed: bool) -> list[str]:
        """Return what is broken in the world after the command ended, or was killed."""
        now = world.take(self.here)
        broken = invariants.at_any_instant(self.before, now, self.after)
        if killed:
            return broken
        broken += invariants.without_litter(now)
        return [*broken, *(invariants.when_done(now, self.after) if ended.status == 0 else said_badly(ended))]

    def again(self) -> list[str]:
        """Run the command once more, undisturbed: it must succeed and lead to where it should have led."""
        ended = self.run()
        if ended.status != 0:
            return [f"cannot be run again: {ended.err.strip()[-500:]}"]
        now = world.take(self.here)
        return [*invariants.at_any_instant(self.before, now, self.after), *invariants.when_done(now, self.after)]


def said_badly(ended: Ended) -> list[str]:
    """Return what is wrong with how a command that failed ended: one clear line and status 1, or 130."""
    if ended.signal:
        return [f"died of signal {ended.signal}"]
    if ended.status == 130:
        return []
    if ended.status != 1 or ended.err.count("\n") != 1 or not ended.err.startswith("error: "):
        return [f"not one clear line, status {ended.status}: {ended.err.strip()[-2000:]}"]
    return []
