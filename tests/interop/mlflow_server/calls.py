"""What a training script and a registry's user do, made with Siglum's client against a server of MLflow's.

Everything is checked as it is read back, so that a server that merely takes it is not enough.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy
import pandas
import pytest
from sklearn.linear_model import LogisticRegression

import siglum
import siglum.artifacts
import siglum.data
import siglum.pyfunc
import siglum.sklearn
from siglum.core.errors import AlreadyExistsError, InvalidInputError, NotFoundError, NotSupportedError, SiglumError


def make_calls(url: str, folder: Path) -> None:
    """Make all of them, in one order."""
    siglum.set_tracking_uri(url)
    experiment_id = _experiments()
    run_id = _run(experiment_id, folder)
    _read_back(run_id, folder)
    _search(experiment_id, run_id)
    _changes(run_id)
    _models(run_id, folder)
    _not_there()


def _experiments() -> str:
    client = siglum.MlflowClient()
    made = siglum.set_experiment("siglum-sdk")
    assert siglum.set_experiment("siglum-sdk").experiment_id == made.experiment_id
    with pytest.raises(AlreadyExistsError):
        siglum.create_experiment("siglum-sdk")
    siglum.set_experiment_tag("team", "ü")
    assert siglum.get_experiment(made.experiment_id).tags["team"] == "ü"
    other = client.create_experiment("other", tags={"a": "b"})
    client.rename_experiment(other, "renamed")
    siglum.delete_experiment(other)
    assert client.get_experiment(other).lifecycle_stage == "deleted"
    siglum.restore_experiment(other)
    assert [each.name for each in siglum.search_experiments(filter_string="tags.a = 'b'")] == ["renamed"]
    return made.experiment_id


def _run(experiment_id: str, folder: Path) -> str:
    (folder / "files" / "a b").mkdir(parents=True)
    (folder / "files" / "a b" / "ü.txt").write_text("deep")
    (folder / "files" / "plain.csv").write_text("x,y\n1,2\n")
    table = pandas.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
    with siglum.start_run(run_name="first", description="words", tags={"kind": "test"}) as run:
        assert run.info.experiment_id == experiment_id
        siglum.log_param("depth", 3)
        siglum.log_params({f"p{i}": i for i in range(150)})  # more than one batch
        for step in range(20):
            siglum.log_metric("loss", 1 / (step + 1), step=step)
        siglum.log_metrics({"accuracy": 0.5, "odd": math.nan}, step=3)
        siglum.set_tags({"note": "größer ✓", "gone": "1"})
        siglum.delete_tag("gone")
        siglum.log_artifacts(folder / "files", "tree")
        siglum.log_text("words", "notes/words.txt")
        siglum.log_dict({"k": [1, 2]}, "dict.json")
        siglum.log_table({"x": [1]}, "table.json")
        siglum.log_table({"x": [2]}, "table.json")
        siglum.log_input(siglum.data.from_pandas(table, name="numbers", targets="y"), context="training")
        with siglum.start_run(nested=True, run_name="child"):
            siglum.log_metric("loss", 9)
    return run.info.run_id


def _read_back(run_id: str, folder: Path) -> None:
    run = siglum.get_run(run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "first")
    assert run.data.params["depth"] == "3"
    assert len(run.data.params) == 151
    assert run.data.metrics["loss"] == pytest.approx(1 / 20)
    assert math.isnan(run.data.metrics["odd"])
    assert run.data.tags["note"] == "größer ✓"
    assert run.data.tags["mlflow.note.content"] == "words"
    assert run.data.tags["siglum.recipe_digest"].startswith("sha256:")
    assert "gone" not in run.data.tags
    (given,) = [each for each in run.inputs.dataset_inputs if each.dataset.name == "numbers"]
    assert {(tag.key, tag.value) for tag in given.tags} == {("mlflow.data.context", "training")}
    history = siglum.MlflowClient().get_metric_history(run_id, "loss")
    assert [point.step for point in history] == list(range(20))
    names = {entry.path for entry in siglum.artifacts.list_artifacts(run_id=run_id)}
    assert {"tree", "notes", "dict.json", "table.json", "siglum"} <= names
    assert siglum.artifacts.load_text(f"runs:/{run_id}/notes/words.txt") == "words"
    got = siglum.artifacts.download_artifacts(run_id=run_id, artifact_path="tree", dst_path=str(folder / "got"))
    assert (Path(got) / "a b" / "ü.txt").read_text() == "deep"
    assert list(siglum.load_table("table.json", run_ids=[run_id])["x"]) == [1, 2]
    assert "first" in run._repr_html_()


def _search(experiment_id: str, run_id: str) -> None:
    found = siglum.search_runs(filter_string="metrics.accuracy = 0.5 AND params.depth = '3'", output_format="list")
    assert [run.info.run_id for run in found] == [run_id]
    frame = siglum.search_runs(order_by=["metrics.loss ASC"])
    assert list(frame["metrics.loss"]) == [pytest.approx(0.05), 9.0]
    client = siglum.MlflowClient()
    first = client.search_runs([experiment_id], max_results=1, order_by=["attributes.start_time ASC"])
    second = client.search_runs(
        [experiment_id], max_results=1, order_by=["attributes.start_time ASC"], page_token=first.token
    )
    assert [page[0].info.run_name for page in (first, second)] == ["first", "child"]
    assert siglum.get_parent_run(second[0].info.run_id).info.run_id == run_id  # type: ignore[union-attr]
    assert siglum.search_runs(experiment_names=["siglum-sdk"], output_format="list", max_results=1)
    compared = siglum.compare_runs(run_id, second[0].info.run_id)
    assert "metrics loss" in repr(compared)


def _changes(run_id: str) -> None:
    with siglum.start_run(run_id=run_id):
        siglum.log_metric("resumed", 1)
        siglum.log_param("depth", 3)
        siglum.log_param("depth", 4, on_conflict="keep")
        with pytest.raises(NotSupportedError, match="cannot replace parameters"):
            siglum.log_param("depth", 4, on_conflict="replace")
        with pytest.raises(SiglumError):
            siglum.log_param("depth", 4)
    assert siglum.get_run(run_id).data.metrics["resumed"] == 1
    with siglum.start_run(run_name="fork", fork_from=run_id, fork_step=9) as fork:
        siglum.log_metric("loss", 0.01, step=10)
    series = siglum.MlflowClient().get_metric_history(fork.info.run_id, "loss")
    assert [point.step for point in series] == list(range(11))
    siglum.delete_run(fork.info.run_id)
    assert siglum.get_run(fork.info.run_id).info.lifecycle_stage == "deleted"
    siglum.restore_run(fork.info.run_id)


def _models(run_id: str, folder: Path) -> None:
    client = siglum.MlflowClient()
    features, labels = numpy.array([[0.0], [1.0], [2.0], [3.0]]), numpy.array([0, 0, 1, 1])
    model = LogisticRegression().fit(features, labels)
    with siglum.start_run(run_id=run_id):
        logged = siglum.sklearn.log_model(
            model, name="model", registered_model_name="churn", input_example=features[:2], params={"C": 1}
        )
    version = client.get_model_version("churn", "1")
    assert (version.run_id, version.status) == (run_id, "READY")
    assert client.get_logged_model(str(logged.model_id)).params["C"] == "1"
    client.set_registered_model_alias("churn", "champion", "1")
    for uri in ("models:/churn/1", "models:/churn@champion", f"runs:/{run_id}/model", f"models:/{logged.model_id}"):
        assert list(siglum.sklearn.load_model(uri).predict(features)) == [0, 0, 1, 1]
    assert list(siglum.pyfunc.load_model("models:/churn/1").predict(features)) == [0, 0, 1, 1]
    again = siglum.register_model(f"runs:/{run_id}/model", "churn", tags={"try": "2"})
    assert (again.version, again.tags["try"]) == ("2", "2")
    client.transition_model_version_stage("churn", "2", "Staging")
    assert [each.version for each in client.get_latest_versions("churn", ["Staging"])] == ["2"]
    client.set_model_version_tag("churn", "1", "ok", "yes")
    client.update_model_version("churn", "1", "words")
    assert [each.version for each in siglum.search_model_versions(filter_string="tags.ok = 'yes'")] == ["1"]
    assert [each.name for each in siglum.search_registered_models(filter_string="name LIKE 'ch%'")] == ["churn"]
    (found,) = siglum.search_logged_models(filter_string="name = 'model'", output_format="list")
    assert found.model_id == logged.model_id
    copied = client.copy_model_version("models:/churn/1", "other")
    assert (copied.name, copied.version) == ("other", "1")
    client.delete_model_version("churn", "2")
    client.delete_registered_model_alias("churn", "champion")
    client.rename_registered_model("other", "else")
    client.delete_registered_model("else")
    with pytest.raises(NotFoundError):
        client.get_registered_model("else")


def _not_there() -> None:
    client = siglum.MlflowClient()
    with pytest.raises(NotFoundError):
        siglum.get_run("0" * 32)
    assert siglum.get_experiment_by_name("nothing") is None
    assert siglum.search_runs(experiment_names=["siglum-sdx"], output_format="list") == []
    with pytest.raises(NotFoundError, match="churn"):
        siglum.sklearn.load_model("models:/chorn/1")
    with pytest.raises(SiglumError):
        client.get_model_version_by_alias("churn", "champion")
    with pytest.raises(InvalidInputError):
        siglum.search_runs(filter_string="metrics.loss >")
