"""`params_show`, `metrics_show` and `artifacts_show` beside those of the real `dvc.api`, on one repository."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.workspace.data_project import DataProject

import siglum.api
import siglum.repo

pytestmark = [pytest.mark.interop, pytest.mark.slow]
PROGRAM = Path(__file__).parent / "api_program.py"
REPO_PROGRAM = Path(__file__).parent / "repo_program.py"

FILES = {
    "dvc.yaml": """
vars: [vars.yaml]
params: [extra.toml]
metrics: [top.json]
stages:
  train:
    cmd: echo ${v.one} > out; echo '{"acc":0.5,"loss":1}' > m.json; echo '{"acc":2}' > m2.json
    params: [lr, opt.name, {other.json: [a.b]}, {whole.yaml: }]
    outs: [out]
    metrics: [m.json: {cache: false}, m2.json]
  other:
    cmd: echo
    params: [seed]
artifacts:
  model: {path: out, type: model}
  nested: {path: sub/x}
""",
    "sub/dvc.yaml": "stages:\n  s:\n    cmd: echo\n    params: [q]\nartifacts:\n  inner: {path: q.yaml}\n",
    "params.yaml": "lr: 0.1\nopt: {name: adam, beta: 2}\nseed: 1\nunused: x\n",
    "vars.yaml": "v: {one: 1}\n",
    "extra.toml": "[t]\nk = 1\n",
    "other.json": '{"a":{"b":1,"c":2},"lr":5}',
    "whole.yaml": "w: 1\n",
    "top.json": '{"top": 1}',
    "sub/params.yaml": "q: 3\n",
    "free.yaml": "z: 1\n",
}


def test_the_same_values(tmp_path: Path, dvc_command: str) -> None:
    project = DataProject(tmp_path / "project")
    project.write({**FILES})
    project.done("repro")
    project.commit()
    project.git("tag", "v1")
    for number, tag in enumerate(("model@v1.0.0", "model@v1.10.0", "model@v1.9.0")):
        project.git("-c", f"user.name={number}", "tag", "-a", tag, "-m", "x")
    project.write({"params.yaml": FILES["params.yaml"].replace("0.1", "0.2")})
    project.commit()
    for tag in ("model@v1.2.0", "model#prod#5", "nested@v0.1.0", "sub=inner@v0.0.1"):
        project.git("tag", "-a", tag, "-m", "x")
    told = []
    for python, name in ((sys.executable, "siglum"), (str(Path(dvc_command).parent / "python"), "dvc")):
        done = subprocess.run(
            [python, str(PROGRAM), name], cwd=project.root, capture_output=True, text=True, check=True
        )
        told.append([json.loads(line) for line in done.stdout.splitlines()])
    for ours, theirs in zip(*told, strict=True):
        assert ours == theirs
    assert sum(line[-1] == "fails" for line in told[0]) == 8, "not because everything fails"


SIGNATURES = """
import inspect, json
import dvc.api, dvc.repo
found = {name: list(inspect.signature(getattr(dvc.api, name)).parameters) for name in NAMES}
repo = dvc.repo.Repo
found |= {name: list(inspect.signature(inspect.unwrap(getattr(repo, name))).parameters) for name in METHODS}
print(json.dumps(found))
"""
NAMES = ["open", "read", "get_url", "params_show", "metrics_show", "artifacts_show"]
METHODS = [
    "add", "checkout", "commit", "diff", "fetch", "pull", "push", "status", "reproduce", "gc", "move", "remove", "get",
    "imp", "imp_url", "update", "ls",
]  # fmt: skip
# What DVC's methods take and ours do not, each with its reason.
LEFT_OUT = {
    # The command line's `--allow-missing`, which these do not need: what is missing is reported one by one.
    "commit": {"allow_missing"},
    # Given by DVC's own callers only.
    "fetch": {"config", "onerror", "revs", "types", "workspace"},
    "push": {"revs", "workspace"},
    "reproduce": {"glob", "on_error"},
    "imp_url": {"erepo"},
}


def test_the_same_arguments(dvc_command: str) -> None:
    code = SIGNATURES.replace("NAMES", repr(NAMES)).replace("METHODS", repr(METHODS))
    python = str(Path(dvc_command).parent / "python")
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    for name, theirs in json.loads(done.stdout).items():
        owner = siglum.api if name in NAMES else siglum.repo.Repo
        ours = inspect.signature(getattr(owner, name)).parameters
        wanted = [
            each for each in theirs if each not in ("self", "repo", "kwargs") or (each == "repo" and name in NAMES)
        ]
        missing = {each for each in wanted if each not in ours}
        assert missing == LEFT_OUT.get(name, set()), name
        same = [each for each in ours if each in wanted]
        assert same == [each for each in wanted if each in ours], f"{name}: another order"


def test_the_same_from_the_methods_of_repo(tmp_path: Path, dvc_command: str) -> None:
    told = []
    for python, name in ((sys.executable, "siglum"), (str(Path(dvc_command).parent / "python"), "dvc")):
        folder = tmp_path / name / "w"
        folder.mkdir(parents=True)
        done = subprocess.run(
            [python, str(REPO_PROGRAM), name], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if line.startswith("[")]  # DVC says more besides
        told.append([json.loads(line) for line in lines])
    ours, theirs = told
    assert len(ours) == len(theirs) > 30
    for one, other in zip(ours, theirs, strict=True):
        assert _in_order(one) == _in_order(other)
    assert sum(line[-1] == "fails" for line in ours) == 3, "not because everything fails"


def _in_order(line: list[Any]) -> list[Any]:
    """Return what a call told with the lists of a difference in one order: DVC's is not stable."""
    number, method, found = line
    if method == "diff":
        found = {key: sorted(entries, key=lambda entry: str(entry["path"])) for key, entries in found.items()}
    return [number, method, found]
