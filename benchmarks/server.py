"""Claims of the tracking server, beside MLflow and FastTrackML: see BARS for each.

All servers get the same requests from the same client code on loopback, in alternating order, each round on a fresh
folder; what is read is a database of runs that each server has written once. Every answer that is timed is checked.

    python -m benchmarks.server [--rounds N] [--quick] [--only search,disk] [--sides siglum,fasttrackml] [--json PATH]

`--quick` measures less of everything: one round, 2,000 runs, a tenth of the file. Its figures say little.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
ON_POSTGRES = ("log-batch", "log-metric", "whole-run", "search", "page", "history")


def written(side: Side, folder: Path, works: Sequence[str], sizes: Sizes) -> Iterator[tuple[str, float]]:
    """Measure what needs an empty database."""
    store = side.new_store(folder)
    with Running(store) as server:
        if "start" in works:
            yield "cold start to the first 200 on /health", server.started_in
            yield "idle memory, whole process tree", server.memory()
    if "disk" in works:
        before = store.bytes_used()
        with Running(store) as server:
            points = writes.fill(server, sizes.weighed)
        yield "bytes on disk per metric point", (store.bytes_used() - before) / points
    loads: dict[str, Callable[[Running], Figures]] = {
        "log-batch": lambda server: writes.log_batch(server, sizes.seconds),
        "log-metric": lambda server: writes.log_metric(server, sizes.seconds),
        "whole-run": lambda server: writes.whole_run(server, sizes.seconds),
        "artifact": lambda server: writes.artifact(server, sizes.megabytes),
    }
    if side.name == FASTTRACKML:
        del loads["artifact"]  # it has no such route: its clients need the store of artifacts themselves
    if chosen := [load for work, load in loads.items() if work in works]:
        with Running(store) as server:
            for load in chosen:
                yield from load(server)


def read(library: Library, works: Sequence[str], sizes: Sizes) -> Iterator[tuple[str, float]]:
    """Measure what needs a full one."""
    if "search" in works:
        yield from library.search(sizes.repeats)
    if "page" in works:
        yield from library.page(sizes.repeats)
    if "history" in works:
        yield from library.history(min(5, sizes.repeats))
    if "window" in works and library.side.name == SIGLUM_NAME and library.side.postgres is None:
        yield from library.window(sizes.repeats)


def new_library(side: Side, folder: Path, works: Sequence[str], sizes: Sizes) -> Library:
    """Fill a database with what the works need."""
    library = Library(side, side.new_store(folder), Runs(sizes.runs))
    library.fill(
        runs="search" in works or "page" in works,
        history=sizes.history if "history" in works else 0,
        window=sizes.window if "window" in works and side.name == SIGLUM_NAME and side.postgres is None else 0,
    )
    return library


def measure(compared: Sequence[Side], base: Path, works: Sequence[str], sizes: Sizes, rounds: int) -> list[Row]:
    """Measure all servers on one kind of database; the first is Siglum."""
    numbers = itertools.count()
    libraries = []
    if any(work in READS for work in works):
        libraries = [new_library(side, base / f"{side.name}-library", works, sizes) for side in compared]

    def one_round(place: int) -> Callable[[int], dict[str, float]]:
        def run(_round: int) -> dict[str, float]:
            side = compared[place]
            found: dict[str, float] = {}
            if any(work in WRITES for work in works):
                found.update(written(side, base / f"{side.name}-{next(numbers)}", works, sizes))
            if libraries:
                found.update(read(libraries[place], works, sizes))
            return found

        return run

    measured = alternate_works(rounds, [one_round(place) for place in range(len(compared))])
    ours, *others = measured
    rows = []
    for work, values in ours.items():
        unit, higher, bars = next(known for words, known in BARS.items() if work.startswith(words))
        theirs = [(side.name, found[work]) for side, found in zip(compared[1:], others, strict=True) if work in found]
        for name, figures in theirs or [("", [])]:
            bar = bars.get(SIGLUM_NAME) or bars.get(name, "")
            rows.append(Row(work, unit, values, name or None, figures, bar, higher))
    return rows


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
    with scratch() as base:
        if "sqlite" in databases:
            compared = sides(names)
            rows = measure(compared, base / "sqlite", works, sizes, rounds)
            report("Tracking server on SQLite", rows, durability(compared, base / "sqlite"))
        here = [work for work in works if work in ON_POSTGRES]
        if "postgresql" in databases and here:
            with PostgresServer(fsync=True) as postgres:
                compared = sides(names, postgres)
                rows = measure(compared, base / "postgresql", here, sizes, rounds)
                report("Tracking server on PostgreSQL", rows, durability(compared, base / "postgresql"))


if __name__ == "__main__":
    main()
