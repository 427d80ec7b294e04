"""Parameters that change, runs that are forked, logged models that are measured, data files that are opened."""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

import siglum
from siglum.client import state
from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError
from siglum.tracking.entities import LoggedModelOutput


def test_a_parameter_that_is_there(project: Path) -> None:
    with siglum.start_run() as run:
        siglum.log_params({"depth": 3, "rate": 0.1})
    with siglum.start_run(run_id=run.info.run_id):
        with pytest.raises(ConflictError):
            siglum.log_param("depth", 4)
        with pytest.raises(ConflictError):
            siglum.log_params({"depth": 4, "new": 1}, on_conflict="error")
        assert siglum.log_param("depth", 4, on_conflict="keep") == 4
        siglum.log_params({"rate": 0.2, "kept": "yes"}, on_conflict="keep")
        siglum.log_params({"depth": 5, "rate": 0.1, "more": 1}, on_conflict="replace")
        siglum.MlflowClient().log_param(run.info.run_id, "depth", 6, on_conflict="replace")
        with pytest.raises(InvalidInputError, match="Did you mean 'replace'"):
            siglum.log_param("depth", 7, on_conflict="replac")  # type: ignore[arg-type]
    data = siglum.get_run(run.info.run_id).data
    assert data.params == {"depth": "6", "rate": "0.1", "kept": "yes", "more": "1"}
    history = json.loads(data.tags["siglum.params.replaced"])
    assert [(each["key"], each["old"], each["new"]) for each in history] == [("depth", "3", "5"), ("depth", "5", "6")]
    siglum.delete_run(run.info.run_id)
    for choice in ("error", "keep", "replace"):
        with pytest.raises(ConflictError, match="deleted"):
            siglum.MlflowClient().log_param(run.info.run_id, "x", 1, on_conflict=choice)


def test_a_fork(project: Path) -> None:
    with siglum.start_run() as parent:
        for step in range(10):
            siglum.log_metrics({"loss": 1 / (step + 1), "late": step}, step=step, timestamp=1_700_000_000_000 + step)
        siglum.log_metric("only_late", 1, step=9)
        siglum.log_param("depth", 3)
    with siglum.start_run(fork_from=parent.info.run_id, fork_step=4) as child:
        siglum.log_metric("loss", 0.5, step=5)
        siglum.log_param("depth", 4)
    client = siglum.MlflowClient()
    history = client.get_metric_history(child.info.run_id, "loss")
    assert [point.step for point in history] == [0, 1, 2, 3, 4, 5]
    assert history[:5] == client.get_metric_history(parent.info.run_id, "loss")[:5]
    data = siglum.get_run(child.info.run_id).data
    assert data.metrics == {"loss": 0.5, "late": 4}
    assert (data.tags["siglum.fork.run_id"], data.tags["siglum.fork.step"]) == (parent.info.run_id, "4")
    assert "mlflow.parentRunId" not in data.tags
    with siglum.start_run(fork_from=parent.info.run_id) as whole:
        pass
    assert len(client.get_metric_history(whole.info.run_id, "loss")) == 10
    for wrong in ({"fork_step": 3}, {"fork_from": parent.info.run_id, "run_id": child.info.run_id}):
        with pytest.raises(InvalidInputError):
            siglum.start_run(**wrong)
    with pytest.raises(NotFoundError):
        siglum.start_run(fork_from="0" * 32)
    assert siglum.active_run() is None


def test_the_active_model(project: Path) -> None:
    assert siglum.get_active_model_id() is None
    with pytest.raises(InvalidInputError, match="No logged model is active"):
        siglum.log_model_params({"a": 1})
    with siglum.start_run() as run:
        with siglum.set_active_model(name="churn") as model:
            assert siglum.get_active_model_id() == model.model_id
            siglum.log_metric("score", 0.5)
            siglum.log_model_params({"depth": 3})
        assert siglum.get_active_model_id() is None
        siglum.log_metric("score", 0.9, step=1)
        assert siglum.set_active_model(name="churn").model_id == model.model_id
        siglum.clear_active_model()
        siglum.log_outputs([LoggedModelOutput(model_id=model.model_id, step=1)])
    made = siglum.last_logged_model()
    assert made is not None
    assert (made.model_id, made.status.name, made.params) == (model.model_id, "READY", {"depth": "3"})
    assert [(metric.key, metric.value) for metric in made.metrics] == [("score", 0.5)]
    assert made.tags["mlflow.model.isExternal"] == "true"
    outputs = siglum.get_run(run.info.run_id).outputs.model_outputs
    assert [output.model_id for output in outputs] == [model.model_id]
    with pytest.raises(InvalidInputError):
        siglum.set_active_model()


def siglum_command(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "siglum.cli", *arguments], cwd=folder, check=True, capture_output=True)


def test_data_files(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    (project / "data").mkdir()
    for name in ("tracked", "loose"):
        (project / "data" / f"{name}.csv").write_text(f"{name}\n")
    (project / "set").mkdir()
    (project / "set" / "a.txt").write_text("a")
    siglum_command(project, "init", "-q")
    siglum_command(project, "add", "-q", "data/tracked.csv", "set")
    subprocess.run(["git", "add", "-A", "--", ":!data/loose.csv"], cwd=project, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "data"], cwd=project, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True).stdout.strip()
    with caplog.at_level(logging.WARNING, "siglum"), siglum.start_run() as run:
        with siglum.open("data/tracked.csv") as file:
            assert file.read() == "tracked\n"
        siglum.log_input("data/tracked.csv", context="training")
        siglum.log_input("set/a.txt")
        siglum.log_input("train.py")
        siglum.log_input("data/loose.csv")
        for wrong in ("data", "nowhere.csv"):
            with pytest.raises((InvalidInputError, NotFoundError)):
                siglum.open(wrong)
        with pytest.raises(InvalidInputError, match="only be read"):
            siglum.open("data/loose.csv", "w")
    assert [record.getMessage()[:30] for record in caplog.records] == ["data/loose.csv is not tracked:"]
    found = {}
    for entry in siglum.get_run(run.info.run_id).inputs.dataset_inputs:
        tags = {tag.key: tag.value for tag in entry.tags}
        if by := tags.get("siglum.data.tracked_by"):
            found[entry.dataset.name] = (by, json.loads(entry.dataset.source))
    assert {name: by for name, (by, _) in found.items()} == {
        "data/tracked.csv": "dvc", "set/a.txt": "dvc", "train.py": "git", "data/loose.csv": "nothing",
    }  # fmt: skip
    source = found["data/tracked.csv"][1]
    assert (source["pointer"], source["rev"]) == ("data/tracked.csv.dvc", head)
    assert source["hash"] == "md5:" + hashlib.md5(b"tracked\n").hexdigest()
    assert found["set/a.txt"][1]["pointer"] == "set.dvc"
    assert "pointer" not in found["data/loose.csv"][1]


def test_a_recorded_file_that_is_not_here(project: Path) -> None:
    (project / "x.csv").write_text("kept\n")
    siglum_command(project, "init", "-q")
    siglum_command(project, "add", "-q", "x.csv")
    (project / "x.csv").unlink()
    with siglum.start_run() as run:
        with siglum.open("x.csv", "rb") as file:
            assert file.read() == b"kept\n"
        with siglum.open("x.csv") as file:
            assert file.read() == "kept\n"
    (entry,) = siglum.get_run(run.info.run_id).inputs.dataset_inputs
    assert json.loads(entry.dataset.source)["pointer"] == "x.csv.dvc"


@pytest.mark.parametrize("prefix", ["SIGLUM", "MLFLOW"])
def test_the_environment(prefix: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{prefix}_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    monkeypatch.setenv(f"{prefix}_EXPERIMENT_NAME", "named")
    assert siglum.is_tracking_uri_set()
    with siglum.start_run() as run:
        siglum.log_metric("a", 1)
    assert siglum.get_experiment(run.info.experiment_id).name == "named"
    monkeypatch.setenv(f"{prefix}_RUN_ID", run.info.run_id)
    with siglum.start_run() as again:
        assert again.info.run_id == run.info.run_id
    with siglum.start_run() as other:
        assert other.info.run_id != run.info.run_id
    assert (tmp_path / "other.db").exists()
    state.close_all()
