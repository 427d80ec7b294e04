"""Record what the real MLflow returns and refuses: `python -m tests.interop.script_calls.record`.

Writes `results.json` beside this file. Needs the whole MLflow, which is installed for benchmarks.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.harness import peer

ROOT = Path(__file__).parent.parent.parent.parent
RESULTS = Path(__file__).with_name("results.json")


def make_calls(python: str, library: str, folder: Path) -> dict[str, object]:
    """Make all calls with a library, in an empty folder with a home of its own, and return the results by name."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "SIGLUM_"))}
    (folder / "work").mkdir()
    done = subprocess.run(
        [python, "-m", "tests.interop.script_calls", library],
        cwd=folder / "work",
        env={**environment, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    results: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return results


def main() -> None:
    """Make the calls with MLflow, and write the file."""
    with tempfile.TemporaryDirectory() as folder:
        results = make_calls(str(peer("mlflow") / "python"), "mlflow", Path(folder))
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(result)}" for name, result in results.items())
    RESULTS.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
