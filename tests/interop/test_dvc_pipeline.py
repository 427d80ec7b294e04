"""Pipelines beside the real DVC: the same bytes, the same decisions, in repositories that either made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]

TWO = """\
stages:
  prepare:
    cmd: sort data/train.csv > prepared.csv
    deps: [data/train.csv]
    outs: [prepared.csv]
  train:
    cmd: cp prepared.csv model.pkl; echo '{"accuracy":0.5}' > metrics.json
    deps: [prepared.csv]
    params: [lr]
    outs: [model.pkl]
    metrics:
    - metrics.json:
        cache: false
"""

MANY = r"""
vars: [extra.yaml, {names: {dir: made}}]
stages:
  files:
    cmd:
      - mkdir -p ${names.dir}/sub
      - "cp code/tool.sh ${names.dir}/a && echo '\"q\": # x' > '${names.dir}/sub/ünï cödé'"
      - ': > ${names.dir}/empty'
    deps: [code, code/tool.sh]
    params:
      - train.opt
      - flag
      - nothing
      - small
      - p.toml: [tool.v, tool.list]
      - p.json:
      - p.py: [LR, Train.seed]
    outs: [made]
  long:
    cmd: 'echo "a line that is really long, longer than eighty characters for sure, yes: it is" ${train.opt} > long.txt'
    deps: [made/sub]
    outs: [{long.txt: {cache: true}}]
    plots: [{curve.csv: {cache: false, x: a}}]
    desc: makes no curve
  each:
    foreach: ${models}
    do: {cmd: 'echo ${item.n} ${key} > each_${key}', outs: ['each_${key}'], deps: [long.txt]}
  grid:
    matrix: {m: [cnn, 'yes'], b: '${bools}', d: [{v: 1}]}
    cmd: echo ${item.m} ${item.b} ${item.d.v} > grid_${key}
    params: [flag]
    outs: ['grid_${key}']
  quiet: {cmd: echo nothing}
"""

EDITED = "changed\n"
KEPT = ".dvc/cache/files/md5/ec/1bebaea2c042beb68f7679ddd106a4"


class Side:
    """One of the two tools in a repository of its own."""

    def __init__(self, command: list[str], root: Path) -> None:
        self.command = command
        self.root = root
        root.mkdir()

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.command, *arguments], cwd=self.root, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)


def fill(side: Side, files: dict[str, str]) -> None:
    for path, text in files.items():
        target = side.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if path.endswith(".sh"):
            target.chmod(0o755)


def tree(root: Path) -> dict[str, bytes]:
    """Return every file that the tools wrote, with the object caches and run caches, without their private state."""
    found = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", ".siglum", "tmp")]
        for name in files:
            path = Path(folder) / name
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


SIGLUM = [sys.executable, "-m", "siglum.cli"]
MakeSide = Callable[[str], Side]


@pytest.fixture
def make_side(tmp_path: Path, dvc_command: str, monkeypatch: pytest.MonkeyPatch) -> MakeSide:
    monkeypatch.setitem(os.environ, "SHELL", "/bin/sh")

    def make(tool: str) -> Side:
        side = Side(SIGLUM if tool == "siglum" else [dvc_command], tmp_path / tool)
        subprocess.run(["git", "init", "-q"], cwd=side.root, check=True)
        side.run("init")
        return side

    return make


def seen_by(side: Side, tool: list[str]) -> Side:
    """Return the same repository in the hands of the other tool."""
    other = object.__new__(Side)
    other.command, other.root = tool, side.root
    return other


@pytest.mark.parametrize("writer", ["siglum", "dvc"])
def test_what_one_ran_the_other_finds_up_to_date(make_side: MakeSide, dvc_command: str, writer: str) -> None:
    side = make_side(writer)
    fill(side, {"dvc.yaml": TWO, "params.yaml": "lr: 0.1\n", "data/train.csv": "b\na\n"})
    side.run("add", "data/train.csv")
    side.run("repro")
    lock = (side.root / "dvc.lock").read_bytes()
    other = seen_by(side, [dvc_command] if writer == "siglum" else SIGLUM)
    assert "Data and pipelines are up to date." in other.run("status").stdout
    assert other.json("status") == {}
    printed = other.run("repro").stdout
    assert "unning" not in printed
    assert "Data and pipelines are up to date." in printed
    assert (side.root / "dvc.lock").read_bytes() == lock


def test_both_write_the_same_bytes_and_see_the_same_changes(make_side: MakeSide) -> None:
    files = {
        "dvc.yaml": MANY,
        "params.yaml": "train: {opt: {name: adam, beta: [0.9, 0.999]}}\nflag: true\nnothing:\nsmall: 1.0e-05\n"
        "models: {us: {n: 1}, g-b: {n: 2}}\nbools: [true, 1.5]\n",
        "extra.yaml": "unused: 1\n",
        "p.toml": "[tool]\nv = 1\nlist = ['a', 'b: c']\n",
        "p.json": '{"b": 2, "a": {"deep": null}}',
        "p.py": "LR = 1e-3\nclass Train:\n    seed: int = 7\n",
        "code/tool.sh": "#!/bin/sh\n",
        "code/sub/other.py": "x = 1\n",
        "curve.csv": "",
    }
    sides = [make_side("siglum"), make_side("dvc")]

    def same() -> None:
        ours, theirs = (tree(side.root) for side in sides)
        # An output that was edited by hand is kept by one before its stage runs, and lost by the other.
        assert set(ours) - set(theirs) <= {KEPT}
        assert set(theirs) <= set(ours)
        ours.pop(KEPT, None)
        assert {path: data for path, data in ours.items() if theirs[path] != data} == {}

    for side in sides:
        fill(side, files | {"dvc.yaml": MANY.replace("> long.txt", "> long.txt; echo 1 > curve.csv")})
        side.run("repro")
    same()
    assert sides[0].json("status") == sides[1].json("status") == {"quiet": ["always changed"]}
    for side in sides:
        fill(side, {"params.yaml": files["params.yaml"].replace("flag: true", "flag: false").replace("small", "big")})
        fill(side, {"p.json": '{"a": {"deep": 1}}', "code/more": "x"})
        (side.root / "each_us").unlink()
        (side.root / "grid_cnn-True-d0").unlink()
        fill(side, {"grid_cnn-True-d0": EDITED})
    ours, theirs = (side.json("status") for side in sides)
    assert ours == theirs
    assert len(ours) > 3
    for side in sides:
        fill(side, {"params.yaml": files["params.yaml"].replace("flag: true", "flag: false")})
        side.run("repro")
    same()
    for side in sides:
        fill(side, {"params.yaml": files["params.yaml"], "p.json": files["p.json"]})
        (side.root / "code/more").unlink()
        side.run("repro")
    same()


BROKEN = [
    "stages: {a: {cmd: x, deps: [b], outs: [a]}, b: {cmd: x, deps: [a], outs: [b]}}",
    "stages: {a: {cmd: 'true', outs: [o]}, b: {cmd: 'true', outs: [o]}}",
    "stages: {a: {cmd: 'true', outs: [d]}, b: {cmd: 'true', outs: [d/x]}}",
    "stages: {a: {cmd: 'true', deps: [none], outs: [o]}}",
    "stages: {a: {cmd: 'echo ${none}'}}",
    "stages: {a: {cmd: 'true', outs: [o]}}",
    "stages: {a: {cmd: 'exit 3', outs: [o]}}",
    "stages: {a: {cmd: 'true', params: [none], outs: [o]}}",
    "stages: {a: {cmd: true}}",
    "stages: {a: {cmd: x, outs: [../o]}}",
]


@pytest.mark.parametrize("tool", ["siglum", pytest.param("dvc", marks=pytest.mark.long)])
def test_both_refuse_the_same_pipelines(make_side: MakeSide, tool: str) -> None:
    side = make_side(tool)
    for broken in BROKEN:
        fill(side, {"dvc.yaml": broken, "params.yaml": "a: 1\n"})
        assert side.run("repro", check=False).returncode != 0, broken
        assert not (side.root / "dvc.lock").exists(), broken
