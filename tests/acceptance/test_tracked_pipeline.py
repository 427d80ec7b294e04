"""A pipeline on record at a real server: stages with Siglum's and with MLflow's client, and the model they made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from siglum.testing.server import ServerProcess

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PIPELINE = """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py]
    outs: [points.csv]
  theirs:
    cmd: {mlflow} theirs.py
    deps: [points.csv, theirs.py]
    metrics: [theirs.json: {{cache: false}}]
  ours:
    cmd: python ours.py
    deps: [points.csv, ours.py]
    metrics: [ours.json: {{cache: false}}]
"""
PREPARE = "open('points.csv', 'w').write('1,2\\n2,4\\n3,6\\n')\n"
THEIRS = """\
import mlflow
mlflow.set_experiment("theirs")
with mlflow.start_run(run_name="outer"):
    mlflow.log_param("by", "mlflow")
    with mlflow.start_run(run_name="inner", nested=True):
        mlflow.log_metric("loss", 0.5)
open("theirs.json", "w").write('{"score": 1}')
"""
OURS = """\
import numpy as np
from sklearn.linear_model import LinearRegression
import siglum, siglum.sklearn
points = np.loadtxt("points.csv", delimiter=",")
model = LinearRegression().fit(points[:, :1], points[:, 1])
with siglum.start_run():
    siglum.log_param("by", "siglum")
    siglum.sklearn.log_model(model, name="model", registered_model_name="line", pip_requirements=["scikit-learn"])
open("ours.json", "w").write('{"score": 2}')
"""


def test_a_pipeline_at_a_server(tmp_path: Path, mlflow_python: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "SHELL": "/bin/sh"}

    def run(*command: str) -> str:
        program = [sys.executable, "-m", "siglum.cli"] if command[0] == "siglum" else [command[0]]
        done = subprocess.run(
            [*program, *command[1:]], cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("git", "init", "-q")
    run("siglum", "init", "-q")
    files = {"dvc.yaml": PIPELINE.format(mlflow=mlflow_python), "prepare.py": PREPARE, "theirs.py": THEIRS}
    for name, text in (files | {"ours.py": OURS}).items():
        (project / name).write_text(text)
    run("git", "add", "-A")
    run("git", "commit", "-q", "-m", "start")
    with ServerProcess(tmp_path / "server") as server:
        environment["MLFLOW_TRACKING_URI"] = server.url
        run("siglum", "repro", "-q")
        found = {each["info"]["run_name"]: each for each in json.loads(run("siglum", "runs", "list", "--json"))}
        assert set(found) == {"repro", "prepare", "theirs", "ours", "outer", "inner"}
        assert {each["info"]["status"] for each in found.values()} == {"FINISHED"}
        nested_in = {"prepare": "repro", "theirs": "repro", "ours": "repro", "outer": "theirs", "inner": "outer"}
        for name, parent in nested_in.items():
            assert tags_of(found[name])["mlflow.parentRunId"] == found[parent]["info"]["run_id"]
        assert tags_of(found["outer"])["siglum.stage"] == "theirs"
        assert found["ours"]["data"]["params"] == {"by": "siglum"}
        assert found["ours"]["data"]["metrics"] == {"score": 2.0}
        assert found["theirs"]["data"]["metrics"] == {"score": 1.0}
        traced = json.loads(run("siglum", "trace", "line@1", "--json"))
        assert traced["run"]["run_id"] == found["ours"]["info"]["run_id"]
        assert (traced["run"]["stage"], traced["run"]["repro"]) == ("ours", found["repro"]["info"]["run_id"])
        assert json.loads(run("siglum", "repro", "--json"))["run_id"] is None
        assert "line@1 reproduced: level L6" in run("siglum", "reproduce", "line@1")
        assert len(json.loads(run("siglum", "runs", "list", "--json"))) == len(found)


def tags_of(run: dict[str, Any]) -> dict[str, str]:
    tags: dict[str, str] = run["data"]["tags"]
    return tags
