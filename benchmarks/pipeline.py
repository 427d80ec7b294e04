"""Claims: pipelines start many times faster than with DVC 3.67.1, at a cost that grows with the stages, in parallel.

Both sides get the same dvc.yaml in a fresh repository each round: trivial stages in chains of ten (one `cat` each),
and, for Siglum alone, 40 independent stages that sleep for a second.

    python -m benchmarks.pipeline [--rounds N] [--only NUMBER,…,fan-out] [--json FILE]

NUMBER is one of the numbers of stages: 10, 100, 300, 1000. With `--cpu`, CPU seconds (of all processes) are measured
instead of elapsed ones, which a machine that does other things at the same time needs.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import SIGLUM, Row, alternate_works, cpu_seconds, option, peer, report, run, scratch

SIZES = (10, 100, 300, 1000)
CHAIN = 10
FAN_OUT = 40
JOBS = (2, 8)
BARS = {
    ("repro, from nothing", 100): ">= 10x",
    ("repro, from nothing", 300): ">= 25x",
    ("repro, nothing to do", 100): ">= 8x",
    ("repro, nothing to do", 300): ">= 8x",
}


def chains(stages: int) -> str:
    """Return a dvc.yaml of stages each of which copies what the one before made, in chains of ten."""
    lines = ["stages:"]
    for i in range(stages):
        before = f"o{i - 1}.txt" if i % CHAIN else "in.txt"
        lines += [f"  s{i}:", f"    cmd: cat {before} > o{i}.txt", "    deps:", f"    - {before}"]
        lines += ["    outs:", f"    - o{i}.txt"]
    return "\n".join(lines) + "\n"


def fan_out(stages: int) -> str:
    """Return a dvc.yaml of independent stages of a second each."""
    lines = ["stages:"]
    for i in range(stages):
        lines += [f"  s{i}:", f"    cmd: sleep 1; echo {i} > o{i}.txt", "    outs:", f"    - o{i}.txt"]
    return "\n".join(lines) + "\n"


class Project:
    """A Git and data repository of one tool with a pipeline in it."""

    def __init__(self, tool: str, base: Path, name: str, pipeline: str) -> None:
        self.tool = tool
        self.folder = base / f"{Path(tool).name}-{name}"
        self.folder.mkdir()
        os.environ["DVC_SITE_CACHE_DIR"] = str(base / "site")
        os.environ["DVC_NO_ANALYTICS"] = "1"
        run(["git", "init", "-q"], self.folder)
        run([tool, "init", "-q"], self.folder)
        (self.folder / "in.txt").write_text("x\n")
        (self.folder / "dvc.yaml").write_text(pipeline)
        os.sync()

    def time(self, *arguments: str) -> float:
        """Run the tool; return the seconds."""
        measure = cpu_seconds if "--cpu" in sys.argv else run
        return measure([self.tool, *arguments], self.folder)


def works(project: Project) -> dict[str, float]:
    """Run all stages, again without anything to do, and look."""
    return {
        "repro, from nothing": project.time("repro", "-q"),
        "repro, nothing to do": project.time("repro", "-q"),
        "status": project.time("status"),
        "dag": project.time("dag", "--dot"),
    }


def compare(stages: int, rounds: int, base: Path) -> list[Row]:
    """Measure both tools on so many stages."""

    def side(tool: str) -> Callable[[int], dict[str, float]]:
        return lambda number: works(Project(tool, base, f"{stages}-{number}", chains(stages)))

    ours, theirs = alternate_works(rounds, [side(SIGLUM), side(str(peer("dvc") / "dvc"))])
    rows = [
        Row(f"{work}, {stages:,} stages", "s", ours[work], "dvc", theirs[work], BARS.get((work, stages), ""))
        for work in ours
    ]
    each = [seconds / stages * 1000 for seconds in ours["repro, from nothing"]]
    return [*rows, Row(f"repro, a stage of {stages:,}", "ms", each, bar="<= 10 ms" if stages == max(SIZES) else "")]


def fan(rounds: int, base: Path) -> list[Row]:
    """Measure how near to what the jobs allow independent stages of a second come; DVC runs one after the other."""
    rows = []
    for jobs in JOBS:
        taken = []
        for number in range(rounds):
            project = Project(SIGLUM, base, f"fan-{jobs}-{number}", fan_out(FAN_OUT))
            taken.append(run([SIGLUM, "repro", "-q", "-j", str(jobs)], project.folder))
        ideal = float(math.ceil(FAN_OUT / jobs))
        work = f"{FAN_OUT} stages of 1 s with -j {jobs} (peer: the ideal)"
        rows.append(Row(work, "s", taken, "ideal", [ideal] * rounds, ">= 0.91x"))
    return rows


def main() -> None:
    """Measure what was asked for."""
    rounds = int(option("--rounds", "5"))
    names = [*(str(size) for size in SIZES), "fan-out"]
    wanted = option("--only", ",".join(names)).split(",")
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        sys.exit(f"There is no pipeline {unknown[0]}. Choose from: {', '.join(names)}")
    rows: list[Row] = []
    with scratch() as base:
        for name in wanted:
            rows += fan(rounds, base) if name == "fan-out" else compare(int(name), rounds, base)
    report("Pipelines", rows)


if __name__ == "__main__":
    main()
