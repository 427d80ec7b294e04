"""`repro` beside the real DVC: the same stages run with each flag, and the same bytes whatever runs at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]

# Listed so that stages of several chains could end in any order; the first of each chain is slow.
PIPELINE = """\
stages:
  z1: {cmd: 'sleep 0.2; cat in > z1; echo z1 >> log', deps: [in], outs: [z1]}
  z2: {cmd: 'cat z1 > z2; echo z2 >> log', deps: [z1], outs: [z2]}
  a1: {cmd: 'cat in > a1; echo a1 >> log', deps: [in], outs: [a1], meta: {siglum: {mutex: m, retries: 1}}}
  a2: {cmd: 'cat a1 > a2; echo a2 >> log', deps: [a1], params: [lr], outs: [a2]}
  end:
    cmd: ['mkdir -p d', 'cat a2 z2 > d/x', 'echo "{}" > m.json # a comment', echo end >> log]
    deps: [z2, a2]
    outs: [d]
    metrics: [m.json: {cache: false}]
  fails: {cmd: 'echo fails >> log; test -e allowed && cp allowed f', deps: [in], outs: [f]}
  below: {cmd: 'cat in > below; echo below >> log', deps: [f, in], outs: [below]}
  each: {foreach: [p, q], do: {cmd: 'cat in > ${item}; echo ${item} >> log', deps: [in], outs: ['${item}']}}
"""


class Pair:
    """The same repository twice, one for each tool."""

    def __init__(self, base: Path, dvc: str) -> None:
        self.tools: dict[str, list[str]] = {"dvc": [dvc], "siglum": [sys.executable, "-m", "siglum.cli"]}
        self.roots = {name: base / name for name in self.tools}
        for name, root in self.roots.items():
            root.mkdir()
            subprocess.run(["git", "init", "-q"], cwd=root, check=True)
            self.run(name, "init", "-q")
        self.write("dvc.yaml", PIPELINE)
        self.write("in", "1\n")
        self.write("params.yaml", "lr: 1\n")

    def write(self, path: str, text: str) -> None:
        for root in self.roots.values():
            (root / path).write_text(text)

    def remove(self, *paths: str) -> None:
        for root in self.roots.values():
            subprocess.run(["chmod", "-R", "u+w", root / ".dvc"], check=True)
            subprocess.run(["rm", "-rf", *paths], cwd=root, check=True)

    def run(self, name: str, *arguments: str) -> int:
        return subprocess.run(
            [*self.tools[name], *arguments],
            cwd=self.roots[name],
            env=os.environ | {"DVC_NO_ANALYTICS": "1", "SHELL": "/bin/sh"},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        ).returncode

    def repro(self, *arguments: str, jobs: int = 4) -> tuple[bool, list[str]]:
        """Run both; return whether they succeeded and what ran, after asserting that both did the same."""
        found = {}
        for name, root in self.roots.items():
            (root / "log").unlink(missing_ok=True)
            extra: Sequence[str] = ["-j", str(jobs)] if name == "siglum" else []
            status = self.run(name, "repro", *arguments, *extra)
            log = root / "log"
            found[name] = status == 0, sorted(log.read_text().split()) if log.exists() else []
        assert found["siglum"] == found["dvc"]
        return found["siglum"]

    def assert_same_files(self, *paths: str) -> None:
        for path in paths or ("dvc.lock",):
            assert (self.roots["siglum"] / path).read_bytes() == (self.roots["dvc"] / path).read_bytes()


def test_flags_and_bytes(dvc_command: str, tmp_path: Path) -> None:
    pair = Pair(tmp_path, dvc_command)
    ok, ran = pair.repro("-k")
    assert not ok
    assert {"fails", "z2", "end", "q"} <= set(ran)
    assert "below" not in ran
    pair.assert_same_files()
    pair.write("allowed", "x\n")
    assert pair.repro() == (True, ["below", "fails"])
    pair.assert_same_files()
    assert pair.repro() == (True, [])
    pair.write("params.yaml", "lr: 2\n")
    assert pair.repro("a2", "--force-downstream", "--downstream") == (True, ["a2", "end"])
    assert pair.repro("-s", "-f", "a1") == (True, ["a1"])
    assert pair.repro("--glob", "-f", "-s", "each@*") == (True, ["p", "q"])
    assert pair.repro("--no-commit", "-f", "z2") == (True, ["z1", "z2"])
    pair.assert_same_files()
    pair.write("params.yaml", "lr: 1\n")
    assert pair.repro() == (True, []), "restored from the run cache"
    pair.remove("a1", "z2", "p", ".dvc/cache")
    assert pair.repro("--allow-missing") == (True, [])
    pair.assert_same_files()


def test_errors_that_are_ignored(dvc_command: str, tmp_path: Path) -> None:
    pair = Pair(tmp_path, dvc_command)
    ok, ran = pair.repro("--ignore-errors")
    assert (ok, ran) == (True, ["a1", "a2", "end", "fails", "p", "q", "z1", "z2"])
    # DVC takes the lines back that it added when a stage fails without this flag: its outputs are then Git's to see.
    pair.assert_same_files("dvc.lock", ".gitignore")
