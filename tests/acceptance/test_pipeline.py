"""A pipeline carried from one tool to the other: pushed by one, pulled into a clone by the other, not run again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIGLUM = [sys.executable, "-m", "siglum.cli"]
PIPELINE = """\
stages:
  prepare:
    cmd: mkdir -p 'pré paré' && sort data/train.csv > 'pré paré/a' && touch 'pré paré/empty'
    deps: [data/train.csv]
    outs: ['pré paré']
  train:
    cmd: cp 'pré paré/a' model.pkl; echo '{"accuracy":0.5}' > metrics.json
    deps: ['pré paré']
    params: [train]
    outs: [model.pkl]
    metrics:
    - metrics.json:
        cache: false
"""


def run(folder: Path, command: list[str], *arguments: str) -> str:
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("first", ["siglum", "dvc"])
def test_made_by_one_pulled_by_the_other(
    tmp_path: Path, dvc_command: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "SHELL", "/bin/sh")
    maker, taker = (SIGLUM, [dvc_command]) if first == "siglum" else ([dvc_command], SIGLUM)
    made, clone = tmp_path / "made", tmp_path / "clone"
    (made / "data").mkdir(parents=True)
    run(made, ["git"], "init", "-q")
    run(made, maker, "init")
    (made / "data/train.csv").write_text("b,2\na,1\n")
    (made / "params.yaml").write_text("train: {epochs: 3, lr: 1e-3}\n")
    (made / "dvc.yaml").write_text(PIPELINE)
    run(made, maker, "add", "data/train.csv")
    run(made, maker, "repro")
    run(made, maker, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    run(made, maker, "push")
    run(made, ["git"], "add", "-A")
    run(made, ["git"], "commit", "-qm", "made")

    run(tmp_path, ["git"], "clone", "-q", str(made), str(clone))
    run(clone, taker, "pull")
    for path in ("data/train.csv", "pré paré/a", "pré paré/empty", "model.pkl", "metrics.json"):
        assert (clone / path).read_bytes() == (made / path).read_bytes()
    assert "Data and pipelines are up to date." in run(clone, taker, "status")
    printed = run(clone, taker, "repro")
    assert "unning" not in printed
    assert "Data and pipelines are up to date." in printed
    assert run(clone, ["git"], "status", "--porcelain") == ""

    (clone / "params.yaml").write_text("train: {epochs: 4, lr: 1e-3}\n")
    assert "unning" in run(clone, taker, "repro")
    assert "Data and pipelines are up to date." in run(clone, maker, "status")
