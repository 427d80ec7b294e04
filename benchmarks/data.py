"""Claims: `siglum add` of 20,000 files of 4 KiB is at least 4 times DVC's speed, `siglum status` on them 5 times.

Each round makes the files afresh, with the same bytes on both sides, in a Git repository of its own. Both sides use
their default link types. The caches of what was hashed start empty for both, and both are on the same disk.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import SIGLUM, Row, alternate, peer, report, run, scratch

FILES, BYTES, FOLDERS = 20_000, 4096, 20


def make_project(folder: Path, tool: str, seed: int, environment: dict[str, str]) -> None:
    """Make a repository with FILES files of BYTES random bytes in FOLDERS folders."""
    folder.mkdir(parents=True)
    run(["git", "init", "-q"], folder)
    run([tool, "init", "-q"], folder, environment)
    source = random.Random(seed)
    for i in range(FOLDERS):
        below = folder / "data" / f"{i:02}"
        below.mkdir(parents=True)
        for j in range(FILES // FOLDERS):
            (below / f"{j:05}.bin").write_bytes(source.randbytes(BYTES))
    os.sync()


def side(tool: str, base: Path, times: dict[str, list[float]]) -> Callable[[int], float]:
    """Return what runs one round with `tool`: add, then status twice (the first may settle the index)."""

    def measure(i: int) -> float:
        folder = base / Path(tool).name / str(i)
        environment = dict(
            os.environ, DVC_SITE_CACHE_DIR=str(base / f"site-{Path(tool).name}-{i}"), DVC_NO_ANALYTICS="1"
        )
        make_project(folder, tool, i, environment)
        added = run([tool, "add", "-q", "data"], folder, environment)
        run([tool, "status"], folder, environment)
        times["status"].append(run([tool, "status"], folder, environment))
        times["add"].append(added)
        return added

    return measure


def main() -> None:
    """Measure five rounds."""
    rounds = int(sys.argv[sys.argv.index("--rounds") + 1]) if "--rounds" in sys.argv else 5
    tools = (SIGLUM, str(peer("dvc") / "dvc"))
    times: list[dict[str, list[float]]] = [{"add": [], "status": []} for _ in tools]
    with scratch() as base:
        alternate(rounds, [side(tool, base, taken) for tool, taken in zip(tools, times, strict=True)])
    files = f"{FILES:,} files of {BYTES // 1024} KiB"
    report(
        "Data",
        [
            Row(f"add {files}", "s", times[0]["add"], "dvc", times[1]["add"], ">= 4x"),
            Row(f"status of {files}, unchanged", "s", times[0]["status"], "dvc", times[1]["status"], ">= 5x"),
        ],
    )


if __name__ == "__main__":
    main()
