"""Replays scenarios through one tool and prints what each left on disk: `python replay.py TOOL BASE < scenarios.json`.

Runs in the interpreter of the tool, which it imports once and forks for each step: DVC takes longer to start than to
work. It knows nothing but the standard library.

A scenario is a list of lines. `$T add x` runs the tool, `sub> $T add x` runs it in the folder `sub`, all else is a line
for the shell. Lines of the tool may use quotes as the shell does.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable
from typing import Any

_TEXT_AT_MOST = 6000
_ENVIRONMENT = {
    "DVC_NO_ANALYTICS": "1", "GIT_AUTHOR_NAME": "n", "GIT_AUTHOR_EMAIL": "a@b.c", "GIT_COMMITTER_NAME": "n",
    "GIT_COMMITTER_EMAIL": "a@b.c", "GIT_AUTHOR_DATE": "1704067200 +0000", "GIT_COMMITTER_DATE": "1704067200 +0000",
    "GIT_CONFIG_NOSYSTEM": "1", "SHELL": "/bin/sh", "LC_ALL": "C.UTF-8", "TZ": "UTC", "NO_COLOR": "1", "COLUMNS": "80",
}  # fmt: skip


def load(tool: str) -> Callable[[list[str]], int]:
    """Import a tool and return what runs one command line of it."""
    if tool == "dvc":
        import dvc.api  # type: ignore[import-not-found]
        import dvc.cli  # type: ignore[import-not-found]
        from dvc.cli import parser

        parser.get_main_parser()  # imports every command
        run_dvc: Callable[[list[str]], int] = dvc.cli.main
        return run_dvc
    import importlib

    from siglum.cli import app
    from siglum.cli.commands import COMMANDS

    for module in {entry.module for entry in COMMANDS.values()}:
        importlib.import_module(module)
    return app.run


def replay(run: Callable[[list[str]], int], lines: list[str], root: str) -> dict[str, Any]:
    """Replay one scenario below the new folder `root`."""
    work = f"{root}/w"
    os.makedirs(work)
    os.makedirs(f"{root}/home")
    places = {
        "HOME": "home",
        "DVC_SITE_CACHE_DIR": "site",
        "DVC_GLOBAL_CONFIG_DIR": "gc",
        "DVC_SYSTEM_CONFIG_DIR": "sc",
    }
    os.environ.update({name: f"{root}/{place}" for name, place in places.items()})
    steps = []
    for line in lines:
        folder, arrow, rest = line.partition("> $T ")
        if line.startswith("$T "):
            folder, rest = ".", line.removeprefix("$T ")
        elif not arrow or " " in folder:
            shell = ["bash", "-euc", f"umask 022; {line}"]
            done = subprocess.run(
                shell, cwd=work, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
            )
            if done.returncode:  # it then counts as a step that failed
                steps.append({"line": line, "failed": True, "out": "", "err": done.stderr.replace(root, "@ROOT")})
            continue
        steps.append(_step(run, shlex.split(rest), f"{work}/{folder}", root) | {"line": line})
    found: dict[str, Any] = {"steps": steps, "files": snapshot(work, root)}
    if os.path.isdir(f"{root}/remote"):
        found["remote"] = snapshot(f"{root}/remote", root)
    if os.path.isdir(f"{work}/.git"):
        command = ["git", "-c", "core.quotepath=off", "status", "--porcelain", "-uall"]
        found["git"] = subprocess.run(command, cwd=work, capture_output=True, text=True, check=True).stdout.splitlines()
    return found


def _step(run: Callable[[list[str]], int], arguments: list[str], folder: str, root: str) -> dict[str, Any]:
    out = f"{root}/out"
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            os.umask(0o022)
            os.chdir(folder)
            for number, name in ((0, os.devnull), (1, out), (2, f"{root}/err")):
                handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
                os.dup2(handle, number)
            sys.argv = ["tool", *arguments]
            status = run(arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(min(status, 255))
    _, ended = os.waitpid(pid, 0)
    with open(out, encoding="utf-8", errors="replace") as file:
        printed = file.read()
    with open(f"{root}/err", encoding="utf-8", errors="replace") as file:
        said = file.read()
    return {
        "failed": os.waitstatus_to_exitcode(ended) != 0,
        "out": printed.replace(root, "@ROOT"),
        "err": said.replace(root, "@ROOT")[-2000:],
    }


def snapshot(top: str, root: str) -> dict[str, Any]:
    """Return every file below a folder with its mode, link count and content; empty folders end in a slash."""
    found: dict[str, Any] = {}
    for base, folders, files in os.walk(top):
        folders[:] = sorted(
            name for name in folders if name != ".git" and not (name == "tmp" and base.endswith("/.dvc"))
        )
        below = os.path.relpath(base, top)
        for name in folders:
            if not os.listdir(f"{base}/{name}"):
                found[os.path.normpath(f"{below}/{name}") + "/"] = "empty"
        for name in files:
            path = f"{base}/{name}"
            found[os.path.normpath(f"{below}/{name}")] = _entry(path, root)
    return found


def _entry(path: str, root: str) -> dict[str, Any]:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return {"link": os.readlink(path).replace(root, "@ROOT")}
    with open(path, "rb") as file:
        data = file.read()
    entry: dict[str, Any] = {"mode": oct(stat.S_IMODE(status.st_mode)), "links": status.st_nlink}
    if len(data) <= _TEXT_AT_MOST and b"\0" not in data:
        return entry | {"text": data.decode("utf-8", "backslashreplace").replace(root, "@ROOT")}
    return entry | {"sha256": hashlib.sha256(data).hexdigest()}


def main() -> None:
    """Replay all scenarios of standard input."""
    tool, base = sys.argv[1:3]
    scenarios: dict[str, list[str]] = json.load(sys.stdin)
    for name in list(os.environ):
        if name.startswith(("DVC_", "GIT_", "XDG_", "AWS_", "SIGLUM_")):
            del os.environ[name]
    os.environ.update(_ENVIRONMENT)
    run = load(tool)
    print(json.dumps({name: replay(run, lines, f"{base}/{name}") for name, lines in scenarios.items()}))


if __name__ == "__main__":
    main()
