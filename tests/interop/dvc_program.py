"""Runs several DVC commands in one process, since DVC starts slowly. Not a test: it runs under DVC's own Python.

Standard input holds a JSON list of argument lists; standard output gets a list of {"status", "out"}.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

from dvc.cli import main  # type: ignore[import-not-found]


def run(arguments: list[str]) -> dict[str, object]:
    """Return the exit status of one command and what it printed, caught below Python: DVC keeps its streams."""
    sys.stdout.flush()
    kept = os.dup(1)
    with tempfile.TemporaryFile() as out:
        os.dup2(out.fileno(), 1)
        try:
            status = main(arguments)
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)
        out.seek(0)
        return {"status": status, "out": out.read().decode()}


if __name__ == "__main__":
    print(json.dumps([run(arguments) for arguments in json.load(sys.stdin)]))
