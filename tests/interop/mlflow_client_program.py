"""What users do with MLflow's own client, run with a real MLflow against a server whose URL is the only argument.

Run by `test_mlflow_client.py`. Prints one line of JSON with what the test looks at afterwards.
"""

import json
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import mlflow
import mlflow.sklearn
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression


def expect(condition: bool, what: object) -> None:
    if not condition:
        raise SystemExit(f"not as expected: {what}")


def refused(code: str, call: Callable[..., object], *arguments: object, **options: object) -> None:
    try:
        call(*arguments, **options)
    except MlflowException as error:
        expect(error.error_code == code, f"{call}: {error.error_code} {error.message}")
    else:
        raise SystemExit(f"{call} was not refused")


def experiments(client: MlflowClient) -> str:
    made = mlflow.set_experiment("interop")
    expect(mlflow.set_experiment("interop").experiment_id == made.experiment_id, "found again")
    refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, "interop")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_experiment, "123456")
    expect(client.get_experiment_by_name("nothing") is None, "no such name")
    mlflow.set_experiment_tag("team", "ml")
    other = client.create_experiment("other", tags={"a": "b"})
    client.rename_experiment(other, "renamed")
    client.delete_experiment(other)
    expect(client.get_experiment(other).lifecycle_stage == "deleted", "deleted")
    names = [e.name for e in mlflow.search_experiments(view_type=ViewType.DELETED_ONLY)]
    expect(names == ["renamed"], names)
    client.restore_experiment(other)
    found = mlflow.search_experiments(filter_string="tags.team = 'ml'")
    expect([e.name for e in found] == ["interop"], found)
    return str(made.experiment_id)


def runs(client: MlflowClient, experiment_id: str, folder: Path) -> str:
    with mlflow.start_run(run_name="first") as run:
        run_id = str(run.info.run_id)
        mlflow.log_param("alpha", 0.5)
        mlflow.log_params({"beta": "two", "empty": ""})
        mlflow.log_metric("plain", 1.5)
        for step in range(20):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"accuracy": 0.9, "f1": 0.8}, step=3)
        for step, value in enumerate((math.nan, math.inf, -math.inf)):
            mlflow.log_metric("odd", value, step=step)
        mlflow.set_tag("note", "größer ✓")
        mlflow.set_tags({"a": "1", "b": "2"})
        mlflow.delete_tag("b")
        (folder / "a b").mkdir()
        (folder / "a b" / "ü.txt").write_text("deep")
        (folder / "plain.csv").write_text("x,y\n1,2\n")
        mlflow.log_artifact(str(folder / "plain.csv"))
        mlflow.log_artifacts(str(folder), "tree")
        mlflow.log_text("words", "notes/words.txt")
        mlflow.log_dict({"k": [1, 2]}, "dict.json")
        mlflow.log_table(pd.DataFrame({"x": [1, 2]}), "table.json")
        mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"x": [1, 2]}), name="numbers"), context="training")
        with mlflow.start_run(nested=True, run_name="child"):
            mlflow.log_metric("loss", 9)
    refused("INVALID_PARAMETER_VALUE", client.log_param, run_id, "alpha", "other")
    refused("INVALID_PARAMETER_VALUE", client.log_metric, run_id, "x" * 300, 1.0)
    refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "0" * 32)
    points = [Metric("batch", i, 1000 + i, i) for i in range(900)]
    client.log_batch(run_id, points, [Param("p", "1")], [RunTag("t", "1")])
    back = client.get_run(run_id)
    expect(back.info.status == "FINISHED" and back.info.run_name == "first", back.info)
    expect(back.data.params == {"alpha": "0.5", "beta": "two", "empty": "", "p": "1"}, back.data.params)
    expect(back.data.metrics["loss"] == 1 / 20 and back.data.metrics["odd"] == -math.inf, back.data.metrics)
    expect(back.data.tags["note"] == "größer ✓" and "b" not in back.data.tags, back.data.tags)
    expect(back.inputs.dataset_inputs[0].dataset.name == "numbers", back.inputs)
    history = client.get_metric_history(run_id, "odd")
    expect(math.isnan(history[0].value) and history[1].value == math.inf, history)
    expect([m.step for m in client.get_metric_history(run_id, "batch")] == list(range(900)), "whole history")
    files = {f.path for f in client.list_artifacts(run_id)}
    expect(files == {"plain.csv", "tree", "notes", "dict.json", "table.json"}, files)
    down = Path(client.download_artifacts(run_id, "tree", str(folder.parent)))
    expect((down / "a b" / "ü.txt").read_text() == "deep", "nested file")
    expect(mlflow.artifacts.load_text(f"runs:/{run_id}/notes/words.txt") == "words", "text")
    expect(list(mlflow.load_table("table.json", run_ids=[run_id])["x"]) == [1, 2], "table")
    frame = mlflow.search_runs(
        [experiment_id], "metrics.loss < 0.1 and params.beta = 'two'", order_by=["metrics.f1 DESC"]
    )
    expect(list(frame["run_id"]) == [run_id], frame)
    children = mlflow.search_runs([experiment_id], f"tags.mlflow.parentRunId = '{run_id}'")
    expect(list(children["metrics.loss"]) == [9.0], children)
    client.delete_run(run_id)
    expect(client.get_run(run_id).info.lifecycle_stage == "deleted", "deleted run")
    refused("INVALID_PARAMETER_VALUE", client.log_metric, run_id, "late", 1.0)
    client.restore_run(run_id)
    client.update_run(run_id, name="renamed")
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metric("resumed", 1)
    try:
        with mlflow.start_run():
            raise RuntimeError("boom")
    except RuntimeError:
        expect(mlflow.last_active_run().info.status == "FAILED", "a run that raises has failed")
    return run_id


def models(client: MlflowClient) -> dict[str, str]:
    x = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    fitted = LogisticRegression().fit(x, [0, 0, 1, 1])
    ids = {}
    for number in (1, 2, 3):
        with mlflow.start_run() as run:
            mlflow.log_metric("score", number)
            info = mlflow.sklearn.log_model(
                fitted,
                name="model",
                input_example=x,
                serialization_format="cloudpickle",
                registered_model_name="classifier",
            )
            ids[str(number)] = info.model_id
    logged = mlflow.search_logged_models(output_format="list")
    expect(len(logged) == 3 and all(m.status == "READY" for m in logged), logged)
    expect(logged[0].metrics[0].key == "score", logged[0].metrics)
    client.set_logged_model_tags(ids["1"], {"a/b": "slash"})
    client.delete_logged_model_tag(ids["1"], "a/b")
    versions = {v.version for v in client.search_model_versions("name = 'classifier'")}
    expect(versions == {"1", "2", "3"} or versions == {1, 2, 3}, versions)
    client.transition_model_version_stage("classifier", "2", "Staging")
    client.transition_model_version_stage("classifier", "3", "Staging", archive_existing_versions=True)
    expect(client.get_model_version("classifier", "2").current_stage == "Archived", "archived")
    client.set_registered_model_alias("classifier", "champion", "1")
    client.set_model_version_tag("classifier", "1", "checked", "yes")
    client.update_model_version("classifier", "1", description="the first")
    client.update_registered_model("classifier", description="classifies")
    client.set_registered_model_tag("classifier", "team", "ml")
    for uri in (
        "models:/classifier/1",
        "models:/classifier/Staging",
        "models:/classifier/latest",
        "models:/classifier@champion",
        f"models:/{ids['2']}",
        f"runs:/{run.info.run_id}/model",
    ):
        expect(list(mlflow.sklearn.load_model(uri).predict(x)) == list(fitted.predict(x)), uri)
        expect(list(mlflow.pyfunc.load_model(uri).predict(x)) == list(fitted.predict(x)), f"pyfunc {uri}")
    expect(mlflow.models.get_model_info("models:/classifier/1").signature is not None, "signature")
    again = mlflow.register_model(f"runs:/{run.info.run_id}/model", "again", tags={"t": "1"})
    expect(again.version in ("1", 1), again)
    expect([m.name for m in client.search_registered_models("name LIKE 'cl%'")] == ["classifier"], "search")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, "clasifier")
    refused("INVALID_PARAMETER_VALUE", client.get_model_version_by_alias, "classifier", "nobody")
    refused("INVALID_PARAMETER_VALUE", client.create_model_version, "classifier", "/etc")
    refused("INVALID_PARAMETER_VALUE", client.create_model_version, "classifier", "file:///etc")
    client.rename_registered_model("again", "renamed")
    client.delete_registered_model_alias("classifier", "champion")
    client.delete_model_version("classifier", "2")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_model_version, "classifier", "2")
    client.delete_model_version_tag("classifier", "1", "checked")
    client.delete_registered_model_tag("classifier", "team")
    client.delete_registered_model("renamed")
    client.delete_logged_model(ids["2"])
    return ids


def main() -> None:
    mlflow.set_tracking_uri(sys.argv[1])
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "up"
        folder.mkdir()
        experiment_id = experiments(client)
        run_id = runs(client, experiment_id, folder)
        models(client)
    print(json.dumps({"run_id": run_id, "experiment_id": experiment_id}))


if __name__ == "__main__":
    main()
