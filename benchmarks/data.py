"""Claims: what Siglum does with data is several times faster than DVC 3.67.1, and its cost grows with the files.

Each round makes every repository afresh, with the same bytes on both sides and nothing deleted on the way. Both sides
use the same cache type. What each remembers of files it has hashed starts empty, and all is on the same disk.

    python -m benchmarks.data [--rounds N] [--only NAME,…] [--json FILE]

NAME is one of the data sets: many (70,000 files of 275 bytes, as copies), links (the same, with hard links), cloud (the
same, to and from an S3 server on loopback that answers 20 ms late), medium (20,000 of 4 KiB), large (16 of 64 MB), huge
(one of 2 GB), scale (200,000 of 100 bytes beside 70,000).
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import SIGLUM, Row, alternate_works, option, peer, report, run, run_measured, scratch
from siglum.testing.s3_server import ACCESS_KEY, SECRET_KEY


@dataclass(frozen=True)
class DataSet:
    """Files of one size, spread over folders."""

    name: str
    files: int
    size: int
    folders: int

    def __str__(self) -> str:
        size = f"{self.size} B"
        for unit, factor in (("GB", 10**9), ("MB", 10**6), ("KiB", 1024)):
            if self.size >= factor and self.size % factor == 0:
                size = f"{self.size // factor} {unit}"
                break
        return f"{self.files:,} x {size}" if self.files > 1 else f"one file of {size}"

    def paths(self) -> Iterator[str]:
        """Yield the files' paths below the data set's folder."""
        for i in range(self.files):
            yield f"{i % self.folders:02}/{i // self.folders:05}.bin"


MANY = DataSet("many", 70_000, 275, 10)
MEDIUM = DataSet("medium", 20_000, 4096, 20)
LARGE = DataSet("large", 16, 64 * 10**6, 1)
HUGE = DataSet("huge", 1, 2 * 10**9, 1)
SCALE = DataSet("scale", 200_000, 100, 10)
SMALLER_SCALE = DataSet("scale", 70_000, 100, 10)


class Project:
    """A Git repository with a data repository of one tool in it, timed step by step."""

    def __init__(self, tool: str, base: Path, number: int, cache_type: str) -> None:
        self.tool, self.number = tool, number
        self.place = base / f"{Path(tool).name}-{number}"
        self.folder = self.place / "work"
        self.folder.mkdir(parents=True)
        self.environment = dict(os.environ, DVC_SITE_CACHE_DIR=str(self.place / "site"), DVC_NO_ANALYTICS="1")
        self.taken: dict[str, float] = {}
        self.peak = 0.0
        run(["git", "init", "-q"], self.folder)
        self.run("init", "-q")
        self.run("config", "cache.type", cache_type)
        self.run("remote", "add", "-q", "-d", "storage", str(self.place / "remote"))

    def run(self, *arguments: str, cwd: Path | None = None) -> None:
        """Run the tool, untimed."""
        run([self.tool, *arguments], cwd or self.folder, self.environment)

    def time(self, work: str, *arguments: str, cwd: Path | None = None) -> None:
        """Run the tool; note the seconds, and its memory if that is its highest."""
        seconds, megabytes = run_measured([self.tool, *arguments], cwd or self.folder, self.environment)
        self.taken[work] = seconds
        self.peak = max(self.peak, megabytes)

    def git(self, *arguments: str) -> None:
        """Run Git."""
        run(["git", "-c", "user.name=b", "-c", "user.email=b@example.org", *arguments], self.folder)

    def write(self, data: DataSet) -> None:
        """Make the data set's files, with bytes that depend on the round only."""
        source = random.Random(self.number)
        for i in range(data.folders):
            (self.folder / f"data/{i:02}").mkdir(parents=True)
        for path in data.paths():
            with (self.folder / "data" / path).open("wb") as file:
                for start in range(0, data.size, 1 << 24):
                    file.write(source.randbytes(min(1 << 24, data.size - start)))
        os.sync()

    def rewrite(self, data: DataSet, every: int) -> None:
        """Give every n-th file other bytes, as an editor does: a new file in the place of the old one."""
        source = random.Random(self.number + 1000)
        for number, path in enumerate(data.paths()):
            if number % every == 0:
                target = self.folder / "data" / path
                fresh = target.with_suffix(".new")
                fresh.write_bytes(source.randbytes(data.size))
                fresh.replace(target)
        os.sync()


def versions(data: DataSet, project: Project) -> None:
    """Add, look, push, fetch elsewhere, change, compare and switch."""
    project.write(data)
    project.time("add", "add", "-q", "data")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "one")
    project.run("status")  # the first may settle what was too young to be remembered
    project.time("status, unchanged", "status")
    project.time("data status", "data", "status")
    project.time("push, local remote", "push", "-q")
    project.time("push, nothing to do", "push", "-q")
    project.git("clone", "-q", str(project.folder), str(project.place / "clone"))
    project.time("fetch, local remote", "fetch", "-q", cwd=project.place / "clone")
    project.rewrite(data, data.files)
    project.time("add again, one file changed", "add", "-q", "data")
    project.git("commit", "-q", "-a", "-m", "two")
    project.rewrite(data, 2)
    project.run("add", "-q", "data")
    project.git("commit", "-q", "-a", "-m", "three")
    project.time("diff of two revisions", "diff", "HEAD~2", "HEAD")
    project.git("checkout", "-q", "HEAD~1")
    os.sync()
    project.time("checkout, half of the files differ", "checkout", "-q")


def transfers(data: DataSet, project: Project) -> None:
    """Push to a bucket of its own, again with nothing to do, and fetch into a clone."""
    with s3_server(project) as settings:
        for name, value in settings.items():
            project.run("remote", "modify", "-q", "storage", name, value)
        project.write(data)
        project.run("add", "-q", "data")
        project.git("add", "-A")
        project.git("commit", "-q", "-m", "one")
        project.time("push, S3 20 ms away", "push", "-q")
        project.time("push, nothing to do, S3 20 ms away", "push", "-q")
        project.git("clone", "-q", str(project.folder), str(project.place / "clone"))
        project.time("fetch, S3 20 ms away", "fetch", "-q", cwd=project.place / "clone")


@contextmanager
def s3_server(project: Project) -> Iterator[dict[str, str]]:
    """Run a server, in a process of its own, that keeps one bucket in memory; yield the remote's settings."""
    command = [sys.executable, "-m", "siglum.testing.s3_server", "--latency", "0.02", "--bucket", "bench"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            project.environment |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
            yield {"url": "s3://bench/store", "endpointurl": process.stdout.readline().strip(), "region": "us-east-1"}
        finally:
            process.kill()


def adding(data: DataSet, project: Project) -> None:
    """Add, and look again."""
    project.write(data)
    project.time("add", "add", "-q", "data")
    project.run("status")
    project.time("status, unchanged", "status")


BARS = {
    "add": {"many": ">= 5x", "links": ">= 7x", "medium": ">= 4x", "huge": ">= 2.5x"},
    "status, unchanged": {"many": ">= 8x", "medium": ">= 5x"},
    "data status": {"many": ">= 8x"},
    "push, local remote": {"many": ">= 6x"},
    "fetch, local remote": {"many": ">= 6x"},
    "push, S3 20 ms away": {"cloud": ">= 6x"},
    "fetch, S3 20 ms away": {"cloud": ">= 6x"},
    "push, nothing to do": {"many": ">= 10x"},
    "push, nothing to do, S3 20 ms away": {"cloud": ">= 10x"},
    "add again, one file changed": {"many": ">= 10x"},
    "diff of two revisions": {"many": ">= 8x"},
    "checkout, half of the files differ": {"many": ">= 4x", "links": ">= 5x"},
}
SETS: dict[str, tuple[DataSet, str, Callable[[DataSet, Project], None]]] = {
    "many": (MANY, "copy", versions),
    "links": (MANY, "hardlink,copy", versions),
    "cloud": (MANY, "copy", transfers),
    "medium": (MEDIUM, "reflink,copy", adding),
    "large": (LARGE, "reflink,copy", adding),
    "huge": (HUGE, "reflink,copy", adding),
}


def measure(name: str, rounds: int, base: Path) -> list[Row]:
    """Run one data set's works on both sides; return a row for each, and one for the memory."""
    data, cache_type, work = SETS[name]
    tools = (SIGLUM, str(peer("dvc") / "dvc"))

    def side(tool: str) -> Callable[[int], dict[str, float]]:
        def measured(number: int) -> dict[str, float]:
            project = Project(tool, base / name, number, cache_type)
            work(data, project)
            return {**project.taken, "peak memory": project.peak}

        return measured

    ours, theirs = alternate_works(rounds, [side(tool) for tool in tools])
    kind = {"copy": ", copies", "hardlink,copy": ", hard links"}.get(cache_type, "")
    return [
        Row(
            f"{work_name}: {data}{kind}",
            "MB" if work_name == "peak memory" else "s",
            ours[work_name],
            "dvc",
            theirs[work_name],
            BARS.get(work_name, {}).get(name, ""),
        )
        for work_name in ours
    ]


def scaling(rounds: int, base: Path) -> list[Row]:
    """Siglum alone: seconds a file for 200,000 files against 70,000, and its memory."""

    def side(data: DataSet) -> Callable[[int], dict[str, float]]:
        def measured(number: int) -> dict[str, float]:
            project = Project(SIGLUM, base / f"scale-{data.files}", number, "reflink,copy")
            adding(data, project)
            microseconds = {work: seconds / data.files * 1e6 for work, seconds in project.taken.items()}
            return {**microseconds, "peak memory": project.peak}

        return measured

    large, small = alternate_works(rounds, [side(SCALE), side(SMALLER_SCALE)])
    rows = [
        Row(f"{work}, a file of {SCALE.files:,} (peer: of {SMALLER_SCALE.files:,})", "us", large[work], "siglum", each)
        for work, each in small.items()
        if work != "peak memory"
    ]
    return [*rows, Row(f"peak memory: {SCALE}", "MB", large["peak memory"], bar="<= 300 MB")]


def main() -> None:
    """Measure the data sets that were asked for."""
    rounds = int(option("--rounds", "5"))
    wanted = option("--only", ",".join((*SETS, "scale"))).split(",")
    unknown = sorted(set(wanted) - {*SETS, "scale"})
    if unknown:
        sys.exit(f"There is no data set {unknown[0]}. Choose from: {', '.join((*SETS, 'scale'))}")
    rows: list[Row] = []
    with scratch() as base:
        for name in wanted:
            rows += scaling(rounds, base) if name == "scale" else measure(name, rounds, base)
            if shutil.disk_usage(base).free < 20 * 10**9:
                print(f"Less than 20 GB are free below {base}: stopping after {name}.")
                break
    report("Data", rows)


if __name__ == "__main__":
    main()
