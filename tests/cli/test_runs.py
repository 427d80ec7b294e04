"""`siglum runs` in a real project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import siglum
for experiment in ("churn", "fraud"):
    siglum.set_experiment(experiment)
    for number in range(2):
        with siglum.start_run(run_name=f"{experiment}-{number}"):
            siglum.log_param("n", number)
            siglum.log_metric("score", number / 2)
            siglum.log_metric("zeal", 1)
            siglum.log_metric("system/cpu", 50)
            siglum.log_text("x", "notes/a.txt")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SIGLUM_", "MLFLOW_"))}
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder, check=True, env=environment)
    return folder


def siglum(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "siglum.cli", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_list(project: Path) -> None:
    done = siglum(project, "runs", "list")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["run", "name", "experiment", "status", "started", "metrics"]
    assert [line.split()[1] for line in lines[1:]] == ["fraud-1", "fraud-0", "churn-1", "churn-0"]
    assert lines[1].endswith("score 0.5, zeal 1")  # what the machine did is not what a run is known by


def test_list_some(project: Path) -> None:
    done = siglum(project, "runs", "list", "--experiment", "churn", "--filter", "metrics.score > 0.2", "--json")
    assert [run["info"]["run_name"] for run in json.loads(done.stdout)] == ["churn-1"]
    done = siglum(project, "runs", "list", "--limit", "1", "--json")
    assert len(json.loads(done.stdout)) == 1
    assert siglum(project, "runs", "list", "--filter", "metrics.score > 7").stdout == "No runs match.\n"


def test_show(project: Path) -> None:
    run_id = json.loads(siglum(project, "runs", "list", "--json").stdout)[0]["info"]["run_id"]
    for given in (run_id, run_id[:8]):
        done = siglum(project, "runs", "show", given)
        assert done.returncode == 0
        for words in (
            run_id,
            "FINISHED",
            "score       0.5",
            "notes/a.txt",
            "siglum/recipe.json",
            "siglum.recipe_digest",
        ):
            assert words in done.stdout
    shown = json.loads(siglum(project, "runs", "show", run_id, "--json").stdout)
    assert shown["run"]["data"]["metrics"] == {"score": 0.5, "system/cpu": 50, "zeal": 1}
    assert {entry["path"] for entry in shown["files"]} >= {"notes/a.txt", "siglum/environment.json"}


def test_a_run_by_its_name(project: Path) -> None:
    assert "churn-1" in siglum(project, "runs", "show", "churn-1").stdout
    program = "import siglum\nfor _ in range(2): siglum.start_run(run_name='twin'); siglum.end_run()"
    subprocess.run([sys.executable, "-c", program], cwd=project, check=True)
    assert "2 runs have this name" in siglum(project, "runs", "show", "twin").stderr


def test_what_is_not_there(project: Path) -> None:
    run_id = json.loads(siglum(project, "runs", "list", "--json").stdout)[0]["info"]["run_id"]
    mistyped = run_id[:-1] + ("0" if run_id[-1] != "0" else "1")
    cases = {
        ("runs", "show", mistyped): run_id,
        ("runs", "show", "zzzz"): "siglum runs list",
        ("runs", "list", "--experiment", "chrn"): "Did you mean 'churn'",
        ("runs", "list", "--filter", "metrics.score >"): "metrics.score >",
        ("runs", "list", "--tracking-uri", "htp://x"): "Did you mean 'http'",
        ("runs", "list", "--tracking-uri", "./mlruns"): "sqlite:///path",
        ("runs", "list", "--tracking-uri", "http://127.0.0.1:9"): "No server answers",
    }
    for arguments, words in cases.items():
        done = siglum(project, *arguments)
        assert done.returncode == 1, arguments
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert done.stdout == ""
