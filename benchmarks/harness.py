"""How all benchmarks measure: peers in environments of their own, alternating order, medians, ratios, and a record.

Two commands are never timed at the same moment. The order within a round alternates, so that neither side always
runs on the warmer cache. Every round works on a fresh folder; folders are deleted only after the last round, since
ext4 creates files many times more slowly right after a mass deletion.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
PEERS = Path(os.environ.get("SIGLUM_BENCH_PEERS", ROOT / ".peers" / "benchmarks"))
# Compiled modules for both sides, also where the machine's environment turns them off.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
SIGLUM = str(Path(sys.executable).with_name("siglum"))


def peer(name: str) -> Path:
    """Return the `bin` folder of a peer's environment, installing it from its lock file when it is not there."""
    lock = next(p for p in (ROOT / "benchmarks/peers", ROOT / "tests/peers") if (p / f"{name}.lock").exists())
    environment = PEERS / name
    done = environment / "installed"
    if not done.exists():
        shutil.rmtree(environment, ignore_errors=True)
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(environment)], check=True)
        python = str(environment / "bin" / "python")
        subprocess.run(
            [*uv, "pip", "install", "-q", "--compile-bytecode", "--python", python, "-r", str(lock / f"{name}.lock")],
            check=True,
        )
        done.touch()
    return environment / "bin"


@dataclass(frozen=True)
class Row:
    """One line of a benchmark's table: the medians of both sides in `unit` and the bar that the ratio must reach."""

    work: str
    unit: str
    siglum: list[float]
    peer_name: str | None = None
    peer: list[float] = field(default_factory=list)
    bar: str = ""
    higher_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better Siglum's median is."""
        if not self.peer:
            return None
        ours, theirs = statistics.median(self.siglum), statistics.median(self.peer)
        return ours / theirs if self.higher_is_better else theirs / ours


def alternate(rounds: int, sides: Sequence[Callable[[int], float]]) -> list[list[float]]:
    """Run each side once a round, in alternating order; return what each measured, round by round."""
    measured: list[list[float]] = [[] for _ in sides]
    for i in range(rounds):
        order = list(range(len(sides)))
        for side in order if i % 2 == 0 else reversed(order):
            measured[side].append(sides[side](i))
    return measured


def alternate_works(rounds: int, sides: Sequence[Callable[[int], dict[str, float]]]) -> list[dict[str, list[float]]]:
    """Do as `alternate` for sides that measure several works a round."""
    measured: list[dict[str, list[float]]] = [{} for _ in sides]
    for i in range(rounds):
        order = list(range(len(sides)))
        for side in order if i % 2 == 0 else reversed(order):
            for work, value in sides[side](i).items():
                measured[side].setdefault(work, []).append(value)
    return measured


def option(name: str, default: str) -> str:
    """Return the value after an option on the command line."""
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder that is deleted at the very end."""
    folder = Path(tempfile.mkdtemp(prefix="siglum-bench-", dir=os.environ.get("SIGLUM_BENCH_DIR")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(command: Sequence[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> float:
    """Run a command to its end and return the seconds it took. A failure stops the benchmark with its output."""
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    elapsed = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return elapsed


def run_measured(command: Sequence[str], cwd: Path, env: dict[str, str]) -> tuple[float, float]:
    """Do as `run`; return the seconds and the peak memory in MB of the process that used most."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(command)} failed with {process.returncode}:\n{output.read().decode()}")
    return elapsed, usage.ru_maxrss / 1000


def cpu_seconds(command: Sequence[str], cwd: Path | None = None) -> float:
    """Run a command to its end and return the CPU seconds that it and its children used."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command, cwd)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Print a table of medians (and of all rounds, under `--json PATH` as a file) with the versions measured."""
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"\n{title}  ({when}, {machine})")
    print(f"{'work':58} {'siglum':>12} {'peer':>12} {'ratio':>8}  bar")
    for row in rows:
        theirs = f"{statistics.median(row.peer):12.4g}" if row.peer else f"{'-':>12}"
        ratio = f"{row.ratio:7.1f}x" if row.ratio is not None else f"{'-':>8}"
        name = f"{row.work} [{row.unit}]"
        against = f" ({row.peer_name})" if row.peer_name else ""
        print(f"{name:58} {statistics.median(row.siglum):12.4g} {theirs} {ratio}  {row.bar}{against}")
    for note in notes:
        print(f"  {note}")
    if "--json" in sys.argv:
        target = Path(sys.argv[sys.argv.index("--json") + 1])
        target.write_text(json.dumps([row.__dict__ | {"ratio": row.ratio} for row in rows], indent=1))
