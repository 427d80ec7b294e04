"""Calls methods of `dvc.repo.Repo` or `siglum.repo.Repo`, by the first argument, and prints what comes of each.

Runs in an empty folder. A list is either a method with its arguments, or a file with its new text (None: removed).
"""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

STEPS: list[list[Any]] = [
    ["write", {"d/a": "1", "d/s/b": "2", "f": "3"}],
    ["write", {"dvc.yaml": "stages:\n  s: {cmd: cat f f > o, deps: [f], outs: [o]}\n"}],
    ["add", (["d"],), {}],
    ["add", ("f",), {"no_commit": True}],
    ["status", (), {}],
    ["commit", ("f.dvc",), {"force": True}],
    ["reproduce", (), {}],
    ["status", (), {}],
    ["status", (), {"cloud": True}],
    ["git", "one"],
    ["push", (), {}],
    ["push", (), {}],
    ["write", {"d/a": "11", "d/c": "4", "f": "33"}],
    ["status", ("f",), {}],
    ["diff", (), {}],
    ["add", (["d", "f"],), {}],
    ["reproduce", ("s",), {}],
    ["git", "two"],
    ["diff", ("HEAD~1", "HEAD"), {}],
    ["diff", ("HEAD~1",), {"targets": ["d"]}],
    ["ls", (".",), {"recursive": True, "dvc_only": True}],
    ["ls", (".", "d"), {"rev": "HEAD~1"}],
    ["push", (), {"jobs": 2}],
    ["clear", None],
    ["checkout", ("f",), {}],
    ["checkout", ("f",), {"allow_missing": True}],
    ["fetch", (), {"remote": "store"}],
    ["checkout", (), {}],
    ["checkout", (), {}],
    ["write", {"d/new": "n"}],
    ["checkout", ("d",), {"force": True}],
    ["clear", None],
    ["pull", ("d",), {}],
    ["pull", (), {}],
    ["pull", (), {}],
    ["status", (), {"remote": "store"}],
    ["move", ("f", "g"), {}],
    ["remove", ("d.dvc",), {"outs": True}],
    ["remove", ("d.dvc",), {}],
    ["gc", (), {"workspace": True, "force": True}],
    ["status", ("nothing",), {}],
    ["get", (".", "d/s"), {"rev": "HEAD", "out": "got"}],
    ["imp_url", ("../outside",), {}],
    ["update", ("outside.dvc",), {}],
]  # fmt: skip
# What these return are objects of each tool's own: only whether the call fails is compared.
OBJECTS = {"add", "commit", "reproduce", "move", "remove", "gc", "get", "imp_url", "update"}


def _set_up(repo: Any, step: list[Any]) -> None:
    if step[0] == "write":
        for name, text in step[1].items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text, encoding="utf-8")
    elif step[0] == "git":
        subprocess.run(["git", "add", "-A"], check=True)
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", step[1]], check=True)
    else:
        shutil.rmtree(".dvc/cache")
        shutil.rmtree("d")
        for name in ("f", "o"):
            Path(name).unlink()


def main() -> None:
    """Print a line of JSON for each step: its place, and what it returned or that it failed."""
    repo_class = importlib.import_module(f"{sys.argv[1]}.repo").Repo
    subprocess.run(["git", "init", "-q", "-b", "main"], check=True)
    Path("../outside").write_text("o", encoding="utf-8")
    repo = repo_class.init(".")
    with open(".dvc/config", "w", encoding="utf-8") as file:
        file.write("[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n")
    repo.close()
    for number, step in enumerate(STEPS):
        if step[0] in ("write", "git", "clear"):
            _set_up(repo, step)
            continue
        repo = repo_class(".")
        try:
            found = getattr(repo, step[0])(*step[1], **step[2])
        except Exception as error:  # noqa: BLE001  -- the two have classes of their own
            print("fails:", repr(error), file=sys.stderr)
            found = "fails"
        if step[0] in OBJECTS and not str(found).startswith("fails"):
            found = "done"
        print(json.dumps([number, step[0], found], sort_keys=True, default=str))


if __name__ == "__main__":
    main()
