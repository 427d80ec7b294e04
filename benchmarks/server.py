"""Claims of the tracking server, beside MLflow and FastTrackML: see BARS for each.

All servers get the same requests from the same client code on loopback, in alternating order, each round on a fresh
folder; what is read is a database of runs that each server has written once. Every answer that is timed is checked.

    python -m benchmarks server [--rounds N] [--quick] [--only search,disk] [--sides siglum,fasttrackml]
                                [--databases sqlite,postgresql] [--record PATH] [--json PATH]

`--quick` measures less of everything: one round, 2,000 runs, a tenth of the file. Its figures say little. Each work is
a part of its own: with `--record PATH`, what a part has measured is kept there, and a run that was broken off goes on
behind it. A part that fails is named, and does not keep the others from being measured.
"""

from __future__ import annotations

import itertools
import json
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from pathlib import Path

from tests.postgres import PostgresServer

from benchmarks import server_writes as writes
from benchmarks.harness import Row, alternate_works, option, report, scratch
from benchmarks.server_reads import Library, Runs
from benchmarks.servers import FASTTRACKML, MLFLOW, SIGLUM_NAME, Running, Side, sides

Figures = Iterable[tuple[str, float]]


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    seconds: float = 4
    runs: int = 20_000
    repeats: int = 20
    history: int = 100_000
    window: int = 1_000_000
    megabytes: int = 1000
    weighed: int = 5_000


QUICK = Sizes(seconds=1, runs=2_000, repeats=5, history=20_000, megabytes=100, weighed=1_000)

# By the first words of a row: its unit, whether more is better, and the bar against each peer, or of its own.
BARS: Mapping[str, tuple[str, bool, dict[str, str]]] = {
    "log-batch": ("metrics/s", True, {FASTTRACKML: ">= 6x", MLFLOW: ">= 30x"}),
    "log-metric": ("calls/s", True, {FASTTRACKML: ">= 1.3x", MLFLOW: ">= 20x"}),
    "create a run": ("runs/s", True, {FASTTRACKML: ">= 2x", MLFLOW: ">= 30x"}),
    "search": ("ms", False, {FASTTRACKML: ">= 3x", MLFLOW: "p95 >= 20x"}),
    "page": ("ms", False, {FASTTRACKML: ">= 3x"}),
    "history": ("ms", False, {MLFLOW: ">= 10x"}),
    "window": ("ms", False, {SIGLUM_NAME: "<= 30 ms"}),
    "artifact": ("MB/s", True, {SIGLUM_NAME: ">= 300 MB/s"}),
    "memory after": ("MB", False, {SIGLUM_NAME: "<= 150 MB"}),
    "cold start": ("s", False, {SIGLUM_NAME: "<= 0.7 s"}),
    "idle memory": ("MB", False, {SIGLUM_NAME: "<= 90 MB"}),
    "bytes on disk": ("bytes", False, {SIGLUM_NAME: "<= 12"}),
}
WRITES = ("log-batch", "log-metric", "whole-run", "artifact", "start", "disk")
READS = ("search", "page", "history", "window")
ON_POSTGRES = ("log-batch", "log-metric", "whole-run", "disk", "search", "page", "history")


def written(side: Side, folder: Path, work: str, sizes: Sizes) -> Iterator[tuple[str, float]]:
    """Measure a work that needs an empty database."""
    store = side.new_store(folder)
    if work == "start":
        with Running(store) as server:
            yield "cold start to the first 200 on /health", server.started_in
            yield "idle memory, whole process tree", server.memory()
    elif work == "disk":
        with Running(store):
            pass
        before = store.bytes_used()
        with Running(store) as server:
            points = writes.fill(server, sizes.weighed)
        yield "bytes on disk per metric point", (store.bytes_used() - before) / points
    elif work != "artifact" or side.name != FASTTRACKML:  # whose clients need the store of artifacts themselves
        loads: dict[str, Callable[[Running], Figures]] = {
            "log-batch": lambda server: writes.log_batch(server, sizes.seconds),
            "log-metric": lambda server: writes.log_metric(server, sizes.seconds),
            "whole-run": lambda server: writes.whole_run(server, sizes.seconds),
            "artifact": lambda server: writes.artifact(server, sizes.megabytes),
        }
        with Running(store) as server:
            yield from loads[work](server)


def read(library: Library, work: str, sizes: Sizes) -> Iterator[tuple[str, float]]:
    """Measure a work that needs a full one."""
    if work == "search":
        yield from library.search(sizes.repeats)
    elif work == "page":
        yield from library.page(sizes.repeats)
    elif work == "history":
        yield from library.history(min(5, sizes.repeats))
    elif library.side.name == SIGLUM_NAME and library.side.postgres is None:
        yield from library.window(sizes.repeats)


class Bench:
    """All servers on one kind of database; the first is Siglum."""

    def __init__(self, compared: Sequence[Side], base: Path, sizes: Sizes, rounds: int, works: Sequence[str]) -> None:
        self._compared = compared
        self._base = base
        self._sizes = sizes
        self._rounds = rounds
        self._works = works
        self._numbers = itertools.count()

    @cached_property
    def _libraries(self) -> list[Library]:
        """Databases with what the works that read need, filled once."""
        libraries = []
        for side in self._compared:
            library = Library(side, side.new_store(self._base / f"{side.name}-library"), Runs(self._sizes.runs))
            library.fill(
                runs="search" in self._works or "page" in self._works,
                history=self._sizes.history if "history" in self._works else 0,
                window=self._sizes.window
                if "window" in self._works and side.name == SIGLUM_NAME and side.postgres is None
                else 0,
            )
            libraries.append(library)
        return libraries

    def measure(self, work: str) -> list[Row]:
        """Measure one work on all servers, in alternating order."""

        def one_round(place: int) -> Callable[[int], dict[str, float]]:
            side = self._compared[place]
            if work in READS:
                return lambda _round: dict(read(self._libraries[place], work, self._sizes))
            return lambda _round: dict(
                written(side, self._base / f"{side.name}-{next(self._numbers)}", work, self._sizes)
            )

        ours, *others = alternate_works(self._rounds, [one_round(place) for place in range(len(self._compared))])
        rows = []
        for name, values in ours.items():
            unit, higher, bars = next(known for words, known in BARS.items() if name.startswith(words))
            peers = zip(self._compared[1:], others, strict=True)
            theirs = [(side.name, found[name]) for side, found in peers if name in found]
            for peer_name, figures in theirs or [("", [])]:
                bar = bars.get(SIGLUM_NAME) or bars.get(peer_name, "")
                rows.append(Row(name, unit, values, peer_name or None, figures, bar, higher))
        return rows


class Record:
    """What has been measured, by part; in a file when there is a path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._parts: dict[str, list[dict[str, object]]] = {}
        if path is not None and path.exists():
            self._parts = json.loads(path.read_text())

    def get(self, part: str) -> list[Row] | None:
        """Return the rows of a part that has been measured."""
        found = self._parts.get(part)
        return None if found is None else [Row(**row) for row in found]  # type: ignore[arg-type]  # as `put` wrote it

    def put(self, part: str, rows: Sequence[Row]) -> None:
        """Keep the rows of a part."""
        self._parts[part] = [row.__dict__ for row in rows]
        if self._path is not None:
            self._path.write_text(json.dumps(self._parts, indent=1))


def measure_all(
    database: str, compared: Sequence[Side], base: Path, works: Sequence[str], sizes: Sizes, rounds: int, record: Record
) -> list[str]:
    """Measure and report the works on one kind of database; return the parts that failed."""
    bench = Bench(compared, base, sizes, rounds, [work for work in works if record.get(f"{database}/{work}") is None])
    rows: list[Row] = []
    failed = []
    for work in works:
        part = f"{database}/{work}"
        measured = record.get(part)
        if measured is None:
            begun = time.perf_counter()
            try:
                measured = bench.measure(work)
            except (SystemExit, OSError, HTTPException) as error:  # what a side did not do
                print(f"{part} failed after {time.perf_counter() - begun:,.0f} s: {error}", flush=True)
                failed.append(part)
                continue
            print(f"{part}: measured in {time.perf_counter() - begun:,.0f} s", flush=True)
            record.put(part, measured)
        rows += measured
    report(f"Tracking server on {database}", rows, durability(compared, base))
    return failed


def durability(compared: Sequence[Side], base: Path) -> list[str]:
    """Say what each server promises when it answers."""
    notes = []
    for side in compared:
        store = side.new_store(base / f"{side.name}-settings")
        with Running(store):
            pass
        notes.append(f"{side.name}: {store.durability()}")
    return notes


def main() -> None:
    """Measure five rounds, or as the options say."""
    quick = "--quick" in sys.argv
    sizes = QUICK if quick else Sizes()
    rounds = int(option("--rounds", "1" if quick else "5"))
    names = option("--sides", f"{SIGLUM_NAME},{FASTTRACKML},{MLFLOW}").split(",")
    works = option("--only", ",".join((*WRITES, *READS))).split(",")
    if unknown := set(works) - {*WRITES, *READS}:
        sys.exit(f"there is no {', '.join(sorted(unknown))}; choose of {', '.join((*WRITES, *READS))}")
    databases = option("--databases", "sqlite,postgresql").split(",")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended, too
    path = option("--record", "")
    record = Record(Path(path) if path else None)
    failed: list[str] = []
    with scratch() as base:
        if "sqlite" in databases:
            failed += measure_all("SQLite", sides(names), base / "sqlite", works, sizes, rounds, record)
        here = [work for work in works if work in ON_POSTGRES]
        if "postgresql" in databases and here:
            with PostgresServer(fsync=True) as postgres:
                compared = sides(names, postgres)
                failed += measure_all("PostgreSQL", compared, base / "postgresql", here, sizes, rounds, record)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
