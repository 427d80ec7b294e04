"""Runs a script of changes with DVC or Siglum in one process. Not a test: it runs under the tool's own Python.

Arguments: the module and the function that run a command line. Standard input: a JSON list of lines, of which one that
is a list is a command line of the tool and one that is text is for the shell. Standard output: for each command line
its exit status, what it printed, and every file that is there after it.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile


def everything() -> dict[str, str]:
    """Return all files with their content: workspace, pointers and cache, not what is private to Git or the tools."""
    found = {}
    for folder, folders, names in os.walk("."):
        folders[:] = [name for name in folders if name not in (".git", "tmp", "runs")]
        for name in names:
            if name.startswith(".") and name.endswith(".tmp"):
                continue  # DVC leaves some behind
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.normpath(path)] = file.read().decode("latin-1")
        for name in folders:
            if ".dvc" not in folder and not os.listdir(os.path.join(folder, name)):
                found[os.path.normpath(os.path.join(folder, name)) + "/"] = ""
    return found


def main() -> None:
    run = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])
    results = []
    kept = os.dup(1)
    for line in json.load(sys.stdin):
        if isinstance(line, str):
            subprocess.run(["sh", "-ec", line], check=True, stdout=subprocess.DEVNULL)
            continue
        with tempfile.TemporaryFile() as out:
            sys.stdout.flush()
            os.dup2(out.fileno(), 1)
            try:
                status = run(line)
            finally:
                sys.stdout.flush()
                os.dup2(kept, 1)
            out.seek(0)
            results.append({"line": line, "failed": bool(status), "out": out.read().decode(), "files": everything()})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
