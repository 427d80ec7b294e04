"""Takes pipelines through steps with DVC or Siglum in one process. Not a test: it runs under the tool's own Python.

Arguments: the module and the function that run a command line, and a folder to work in. Standard input: JSON, of each
case its name, its files and its steps; a step writes files (null deletes one) and then runs command lines. Standard
output: of each case and step what each command line ended with, which stages ran which commands, every file that is
there afterwards, and the folder that all is in. The commands of stages run in a shell of ours that notes them.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

SHELL = """#!/bin/sh
printf '%s\\t%s\\n' "$DVC_STAGE" "$2" >> "$TRACE"
exec /bin/sh -c "$2"
"""
PRIVATE = (".git", ".siglum", "tmp")


def main() -> None:
    run = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])
    top = os.path.abspath(sys.argv[3])
    shell = os.path.join(top, "noting-shell")
    with open(shell, "w") as file:
        file.write(SHELL)
    os.chmod(shell, 0o755)
    os.environ["SHELL"] = shell
    os.environ["TRACE"] = os.path.join(top, "trace")
    print(json.dumps({name: take(run, os.path.join(top, name), case) for name, case in json.load(sys.stdin).items()}))


def take(run: Callable[[list[str]], int], root: str, case: dict[str, Any]) -> list[dict[str, Any]]:
    """Take one case through its steps, in a repository of its own."""
    os.makedirs(os.path.join(root, ".dvc"))
    os.chdir(root)
    subprocess.run(["git", "init", "-q"], check=True)
    write({".dvc/config": case.get("config", ""), ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n"} | case["files"])
    steps = []
    for step in case["steps"]:
        write(step.get("write", {}))
        commands = [observe(run, arguments) for arguments in step["run"]]
        steps.append({"commands": commands, "files": everything(), "top": os.path.dirname(root)})
    return steps


def write(files: dict[str, str | None]) -> None:
    for path, text in files.items():
        if text is None:
            if os.path.lexists(path):  # one of the tools may not have made it
                os.unlink(path)
            continue
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)  # it may be a link into the cache
        with open(path, "w", newline="") as file:
            file.write(text)


def observe(run: Callable[[list[str]], int], arguments: list[str]) -> dict[str, Any]:
    """Run one command line; return how it ended, what it printed (on both streams apart), and what stages ran."""
    trace = os.environ["TRACE"]
    open(trace, "w").close()
    kept = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            status = run(arguments)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, handle in enumerate(kept, 1):
                os.dup2(handle, number)
                os.close(handle)
        out.seek(0)
        err.seek(0)
        with open(trace, encoding="utf-8") as file:
            ran = file.read()
        return {
            "line": arguments,
            "failed": bool(status),
            "ran": ran,
            "out": out.read().decode(),
            "err": err.read().decode(),
        }


def everything() -> dict[str, str]:
    found = {}
    for folder, folders, names in os.walk("."):
        folders[:] = sorted(name for name in folders if name not in PRIVATE)
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.normpath(path)] = file.read().decode("latin-1")
    return found


if __name__ == "__main__":
    main()
