"""The third listing: data and a two-stage pipeline, as commands and from Python, with the real DVC as the judge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROGRAM = Path(__file__).with_name("data_program.py")
SIGLUM = [sys.executable, "-m", "siglum.cli"]
VERSION_1 = "a,b\n2,1\n1,0\n"
VERSION_2 = "a,b\n3,1\n"
PIPELINE = """\
stages:
  prepare:
    cmd: mkdir -p prepared && sort data/train.csv > prepared/rows.csv && touch 'prepared/nö rows'
    deps:
    - data/train.csv
    outs:
    - prepared
  train:
    cmd: cp prepared/rows.csv model.pkl; echo '{"accuracy":0.5}' > metrics.json
    deps:
    - prepared
    params:
    - lr
    outs:
    - model.pkl
    metrics:
    - metrics.json: {cache: false}
"""


def run(folder: Path, command: list[str], *arguments: str) -> str:
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def walk_the_listing(folder: Path, tool: list[str], store: Path) -> None:
    """Make two versions of data and model with the commands of the listing, the first of them tagged."""
    (folder / "data").mkdir(parents=True)
    (folder / "data/train.csv").write_text(VERSION_1)
    run(folder, ["git"], "init", "-q")
    run(folder, tool, "init")
    run(folder, tool, "add", "data/train.csv")
    run(folder, ["git"], "add", "-A")
    run(folder, ["git"], "commit", "-qm", "data")
    run(folder, tool, "remote", "add", "-d", "store", str(store))
    run(folder, tool, "push")
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "params.yaml").write_text("lr: 0.1\n")
    for version, text in (("v1.0", VERSION_1), ("v2.0", VERSION_2)):
        (folder / "data/train.csv").write_text(text)
        run(folder, tool, "add", "data/train.csv")
        run(folder, tool, "repro")
        run(folder, tool, "push")
        run(folder, ["git"], "add", "-A")
        run(folder, ["git"], "commit", "-qm", version)
        run(folder, ["git"], "tag", version)


def recorded(folder: Path, store: Path) -> dict[str, bytes]:
    """Return the pointers, the lock file and every object, manifests included, with their bytes."""
    found = {name: (folder / name).read_bytes() for name in ("data/train.csv.dvc", "dvc.lock", "data/.gitignore")}
    return found | {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def is_ready_elsewhere(clone: Path, tool: list[str]) -> None:
    """Hold that a tool brings a fresh clone to the second version without running anything."""
    run(clone, tool, "pull")
    assert (clone / "data/train.csv").read_text() == VERSION_2
    assert (clone / "prepared/nö rows").read_text() == ""
    assert "Data and pipelines are up to date." in run(clone, tool, "status")
    printed = run(clone, tool, "repro")
    assert "unning" not in printed
    assert "Data and pipelines are up to date." in printed
    assert run(clone, ["git"], "status", "--porcelain") == ""


def program_in(folder: Path, here: Path, url: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), str(here), str(url)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("maker", ["siglum", "dvc"])
def test_the_whole_listing(tmp_path: Path, dvc_command: str, maker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SHELL", "/bin/sh")
    tools = {"siglum": SIGLUM, "dvc": [dvc_command]}
    made, store = tmp_path / "made", tmp_path / "store"
    walk_the_listing(made, tools[maker], store)
    for tool in tools.values():
        assert "Data and pipelines are up to date." in run(made, tool, "status")
        run(tmp_path, ["git"], "clone", "-q", str(made), "clone")
        is_ready_elsewhere(tmp_path / "clone", tool)
        shutil.rmtree(tmp_path / "clone")

    run(tmp_path, ["git"], "clone", "-q", "--bare", str(made), "bare.git")
    shutil.rmtree(made / ".dvc/cache")
    (made / "data/train.csv").unlink()
    said = program_in(made, made, tmp_path / "bare.git")
    assert said["pulled"] == {
        "added": ["data/train.csv"], "modified": [], "deleted": [],
        "stats": {"fetched": 1, "modified": 0, "added": 1, "deleted": 0},
    }  # fmt: skip
    assert said["url"].startswith(f"{store}/files/md5/")
    assert Path(said["url"]).read_text() == VERSION_1
    assert said["status"] == {}
    assert said["reproduced"] == []
    assert (made / "data/train.csv").read_text() == VERSION_2


def test_the_same_bytes(tmp_path: Path, dvc_command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SHELL", "/bin/sh")
    made = {}
    for name, tool in (("siglum", SIGLUM), ("dvc", [dvc_command])):
        store = tmp_path / f"{name}-store"
        walk_the_listing(tmp_path / name, tool, store)
        made[name] = recorded(tmp_path / name, store)
    assert made["siglum"] == made["dvc"]
    assert sum(name.endswith(".dir") for name in made["siglum"]) == 2
