"""Claim: `siglum --version` and `import siglum` cost at most 0.1 s of CPU each.

Peers do the same: `dvc --version`, `import mlflow`.
"""

from __future__ import annotations

import sys

from benchmarks.harness import SIGLUM, Row, alternate, cpu_seconds, peer, report


def main() -> None:
    """Measure both, five rounds after one that warms the caches."""
    dvc, mlflow = str(peer("dvc") / "dvc"), str(peer("mlflow") / "python")
    pairs = {
        "--version": ([SIGLUM, "--version"], [dvc, "--version"], "dvc"),
        "import": ([sys.executable, "-c", "import siglum"], [mlflow, "-c", "import mlflow"], "mlflow"),
    }
    rows = []
    for name, (ours, theirs, peer_name) in pairs.items():
        cpu_seconds(ours)
        cpu_seconds(theirs)
        measured = alternate(5, [lambda _i, c=ours: cpu_seconds(c), lambda _i, c=theirs: cpu_seconds(c)])
        rows.append(Row(f"{name}, CPU", "s", measured[0], peer_name, measured[1], "<= 0.1 s"))
    report("Start-up", rows)


if __name__ == "__main__":
    main()
