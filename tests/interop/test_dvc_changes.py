"""Commands that change what is tracked, beside the real DVC: the same success or failure, and the same bytes.

Each script runs with both tools; after every command all files are compared, cache and pointers included. Left out is
what Siglum does otherwise on purpose: it checks all targets before it changes anything, refuses to check out what is
not recorded, overwrites nothing by `move`, and keeps what is in no cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]

Script: TypeAlias = list[str | list[str]]
PROGRAM = str(Path(__file__).with_name("change_program.py"))
START: Script = ["git init -q", ["init", "-q"]]

PIPELINE = """cat > dvc.yaml <<'X'
# how it is made
vars:
- size: 2   # of each
stages:
  first:  # the first
    cmd: cp f one && echo '{}' > m.json && mkdir -p od/s && cp f od/s/x
    deps: [f, lib]
    params: [rate]
    outs: [one, od]
    metrics: [{m.json: {cache: false}}]
  second:
    cmd: cp one two
    deps: [one]
    outs:
    - two   # copied
  third: {cmd: "cp two three", deps: [two], outs: [three]}
X
printf 'rate: 1\\nlist: [1]\\n' > params.yaml; mkdir lib; echo 1 > lib/a; printf 1 > f"""

REMOVE_AND_MOVE: Script = [
    "mkdir -p d/s sub into; printf 1 > f; printf 2 > d/a; printf 3 > d/s/b; printf 4 > g; printf 5 > own",
    ["add", "f", "d", "g", "own", "-q"],
    "mv own.dvc other.dvc; printf 'meta: {a: 1} # note\\n' >> other.dvc; printf 'desc: \"x: y\"\\n' >> g.dvc",
    ["move", "f", "no/f"],
    ["move", "f", "sub/h"],
    ["move", "d", "into"],
    ["move", "g", "sub/h"],
    ["move", "g", "g"],
    ["move", "own", "sub/own2"],
    ["move", "g.dvc", "h.dvc"],
    ["move", "into/d/a", "x"],
    ["move", "nothing", "x"],
    ["move", "into/d", "into/d/e"],
    ["move", "g", "../g"],
    ["move", "g", "sub"],
    "rm sub/g",
    ["move", "sub/g", "g2"],
    ["status", "--json"],
    ["checkout"],
    ["remove", "into/d"],
    ["remove", "nothing.dvc"],
    ["remove", "into/d.dvc"],
    ["remove", "--outs", "sub/h.dvc"],
    ["remove", "g2.dvc", "other.dvc"],
    ["status", "--json"],
]

STAGES: Script = [
    PIPELINE,
    ["add", "-q", "f"],
    ["status", "--json"],
    ["commit", "first"],
    ["commit", "-f"],
    "printf 1 > one; echo '{}' > m.json; mkdir -p od/s; printf 1 > od/s/x; printf 2 > two; printf 3 > three",
    ["commit"],
    ["commit", "-f", "first"],
    ["commit", "-f", "-d", "second"],  # one at a time: DVC adds several to dvc.lock in no order
    ["commit", "-f", "-d", "third"],
    ["status", "--json"],
    "printf 22 > one; printf 11 > f; echo 'rate: 2' > params.yaml; echo 2 > lib/a",
    ["status", "--json"],
    ["status", "--json", "-d", "second"],
    ["status", "--json", "od/s"],
    ["commit", "second"],
    ["commit", "-f", "one"],
    ["commit", "-f", "-R", "."],
    ["commit"],
    ["status", "--json"],
    ["freeze", "second"],
    ["freeze", "f.dvc"],
    ["freeze", "nothing"],
    ["freeze", "f"],
    "printf 222 > one",
    ["status", "--json"],
    ["commit", "second"],
    ["unfreeze", "second", "f.dvc"],
    ["unfreeze", "nothing.dvc"],
    ["commit", "-f"],
    ["move", "one", "uno"],
    ["remove", "two"],
    ["remove", "second"],
    ["remove", "--outs", "first"],
    ["status", "--json"],
    ["remove", "nothing"],
]

ADD: Script = [
    "mkdir -p d/s ../there/s; printf 1 > d/a; printf 2 > d/s/b; printf 3 > f; printf 4 > g1; printf 5 > g2",
    "printf 6 > ../there/a; printf 7 > ../there/s/b; printf '#!/bin/sh' > ../tool; chmod 755 ../tool",
    ["add", "-q", "f"],
    ["add", "-q", "--glob", "g*"],
    ["add", "-q", "--glob", "nothing*"],
    ["add", "-q", "../there", "-o", "here"],
    ["add", "-q", "../there", "../tool", "-o", "x"],
    ["add", "-q", "../tool", "-o", "no/x"],
    ["add", "-q", "../tool", "-o", "t"],
    "printf edited > t",
    ["add", "-q", "../tool", "-o", "t"],
    ["add", "-q", "-f", "../tool", "-o", "t"],
    ["add", "-q", "../nothing", "-o", "n"],
    ["add", "-q", "../tool"],
    ["add", "-q", "f.dvc"],
    ["add", "-q", "."],
    ["add", "-q", "--no-commit", "d"],
    ["status", "--json"],
    ["commit", "d"],
    "printf 'desc: words\\nfrozen: true\\n' >> f.dvc",
    "sed -i 's/  path: f/  path: f\\n  labels: [a, \"b\"]\\n  push: false/' f.dvc; printf 33 > f; chmod 755 f",
    ["add", "-q", "f"],
    "sed -i '1i md5: 0123456789abcdef0123456789abcdef\\nwdir: .' f.dvc; printf 333 > f",
    ["commit", "-f", "f"],
    ["remote", "add", "-q", "-d", "store", "../store"],
    ["add", "-q", "--to-remote", "../there", "-o", "far"],
    ["add", "-q", "--to-remote", "../tool"],
    ["add", "-q", "--to-remote", "../tool", "d"],
    ["add", "-q", "--to-remote", "--no-commit", "../tool"],
    ["add", "-q", "-r", "store", "d"],
    ["add", "-q", "--to-remote", "-r", "nothing", "../tool", "-o", "y"],
    ["status", "--json"],
    ["pull", "-q"],
    "ln -s d link; git add -f g1",
    ["add", "-q", "link"],
    ["add", "-q", "link/a"],
    ["add", "-q", "g1"],
]

CHECKOUT: Script = [
    "mkdir -p d/s old e; printf 1 > f; printf 2 > d/a; printf 3 > d/s/b; printf 4 > old/x; printf 5 > same",
    ["add", "-q", "f", "d", "old", "e", "same"],
    "git add -A; git commit -qm 1",
    "mkdir sub; rm d/a; printf 33 > d/s/b; printf c > d/c; printf 11 > f; printf n > sub/n",
    ["add", "-q", "f", "d", "sub/n"],
    ["remove", "-q", "--outs", "old.dvc"],
    "git add -A; git commit -qm 2; git checkout -q HEAD~1",
    ["checkout"],
    ["checkout"],
    "git checkout -q main",
    ["checkout", "--summary"],
    ["checkout", "--summary"],
    "rm f sub/n; rm -r e d",
    ["checkout", "f", "nothing"],
    ["checkout", "sub"],
    ["checkout", "-R", "sub"],
    ["checkout", "d/s/b"],
    ["checkout"],
    "printf mine > f",
    ["checkout", "f"],
    ["checkout", "-f", "f"],
    ["unprotect", "f", "nothing"],
    ["config", "cache.type", "hardlink"],
    ["checkout", "-q", "--relink"],
    ["unprotect", "f", "d"],
    ["status", "--json"],
    "git checkout -q HEAD~1; printf mine > sub/n",
    ["checkout"],
]


def run(python: str, module: str, function: str, root: Path, script: Script) -> list[dict[str, Any]]:
    root.mkdir(parents=True)
    done = subprocess.run(
        [python, PROGRAM, module, function],
        cwd=root,
        input=json.dumps([*START, *script]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


@pytest.mark.parametrize(
    "script",
    [
        REMOVE_AND_MOVE,
        pytest.param(STAGES, marks=pytest.mark.long),
        ADD,
        pytest.param(CHECKOUT, marks=pytest.mark.long),
    ],
    ids=["remove-and-move", "stages", "add", "checkout"],
)
def test_the_same(tmp_path: Path, dvc_command: str, script: Script) -> None:
    ours = run(sys.executable, "siglum.cli.app", "run", tmp_path / "ours/w", script)
    theirs = run(str(Path(dvc_command).with_name("python")), "dvc.cli", "main", tmp_path / "theirs/w", script)
    assert len(ours) == len(theirs) > 20
    for one, other in zip(ours, theirs, strict=True):
        where = " ".join(one["line"])
        assert one["failed"] == other["failed"], where
        assert _comparable(one["files"]) == _comparable(other["files"]), where
        if "--json" in one["line"] and not one["failed"]:
            assert json.loads(one["out"]) == json.loads(other["out"]), where
        elif one["line"][0] == "checkout" and "-q" not in one["line"] and not one["failed"]:
            assert one["out"] == other["out"], where
    # Both ways were gone: what is refused, and what is done.
    assert len({each["failed"] for each in ours}) == 2


def _comparable(files: dict[str, str]) -> dict[str, Any]:
    """Return files with the lines of what is known to be in no order sorted."""
    return {name: sorted(text.split("\n")) if name.endswith(".gitignore") else text for name, text in files.items()}
