"""The fluent interface, and models logged and loaded. Results go to the recorder; nothing is checked here."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.http_dataset_source import HTTPDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import RunStatus
from tests.interop.mlflow_calls.file_calls import image
from tests.interop.mlflow_calls.recorder import Recorder


def fluent(r: Recorder, folder: Path) -> None:
    call = r.call
    call("set_experiment", mlflow.set_experiment, "fluent")
    call("set_experiment again", mlflow.set_experiment, "fluent")
    call("set_experiment_tag fluent", mlflow.set_experiment_tag, "k", "v")
    call("set_experiment_tags", mlflow.set_experiment_tags, {"l": "1", "m": "2"})
    call("delete_experiment_tag fluent", mlflow.delete_experiment_tag, "l")
    with mlflow.start_run(run_name="parent", tags={"a": "1"}, description="text") as run:
        one = run.info.run_id
        call("active_run", lambda: mlflow.active_run().info.run_name)
        call("log_param fluent", mlflow.log_param, "p", 0.5)
        call("log_params fluent", mlflow.log_params, {"q": [1, 2], "r": None, "long": "x" * 600})
        call("log_metric fluent", mlflow.log_metric, "m", 1, step=3, timestamp=5)
        call("log_metrics fluent", mlflow.log_metrics, {"n": 1.5, "o": 2}, step=4, timestamp=6)
        call("set_tag fluent", mlflow.set_tag, "t", {"a": 1})
        call("set_tags fluent", mlflow.set_tags, {"u": 1, "v": True})
        call("delete_tag fluent", mlflow.delete_tag, "v")
        (folder / "fluent.txt").write_text("x")
        call("log_artifact fluent", mlflow.log_artifact, str(folder / "fluent.txt"))
        call("log_artifacts fluent", mlflow.log_artifacts, str(folder / "models"), "more")
        call("log_text fluent", mlflow.log_text, "x", "t.txt")
        call("log_dict fluent", mlflow.log_dict, {"a": 1}, "d.json")
        call("log_table fluent", mlflow.log_table, pd.DataFrame({"a": [1]}), "tab.json")
        call("log_image fluent", mlflow.log_image, image(), "i.png")
        call("get_artifact_uri", mlflow.get_artifact_uri, "a/b")
        call("log_input", mlflow.log_input, mlflow.data.from_pandas(pd.DataFrame({"x": [1, 2]}), name="frame"), "train")
        source = MetaDataset(HTTPDatasetSource("http://example.com/x.csv"), name="web", digest="abcd")
        call("log_inputs fluent", mlflow.log_inputs, [source], ["eval"], [{"k": "v"}])
        with mlflow.start_run(nested=True, run_name="child") as child:
            mlflow.log_metric("m", 9)
        call("get_parent_run fluent", lambda: mlflow.get_parent_run(child.info.run_id).info.run_name)
    call("last_active_run", lambda: mlflow.last_active_run().info.status)
    call("get_run fluent", mlflow.get_run, one)
    call("search_runs fluent", lambda: sorted(mlflow.search_runs(experiment_names=["fluent"]).columns))
    call("search_runs fluent list", lambda: [
        x.info.run_name for x in mlflow.search_runs(experiment_names=["fluent"], output_format="list")])  # fmt: skip
    call("load_table fluent", lambda: mlflow.load_table("tab.json", run_ids=[one]).to_dict("list"))
    with mlflow.start_run(run_id=one):
        mlflow.log_metric("resumed", 1, timestamp=1)
    call("end_run", mlflow.end_run, RunStatus.to_string(RunStatus.FAILED))
    call(
        "search_experiments fluent",
        lambda: [x.name for x in mlflow.search_experiments(filter_string="name = 'fluent'")],
    )
    call("initialize_logged_model", lambda: mlflow.initialize_logged_model(name="early", params={"a": "1"}).status)
    call("create_external_model", lambda: mlflow.create_external_model(name="outside", model_type="agent").tags)
    call("search_logged_models fluent", lambda: [m.name for m in mlflow.search_logged_models(output_format="list")])
    call("last_logged_model", lambda: mlflow.last_logged_model().name)
    model_id = mlflow.last_logged_model().model_id
    call("finalize_logged_model fluent", mlflow.finalize_logged_model, model_id, "READY")
    call("set_logged_model_tags fluent", mlflow.set_logged_model_tags, model_id, {"k": "v"})
    call("delete_logged_model_tag fluent", mlflow.delete_logged_model_tag, model_id, "k")
    call("log_model_params fluent", mlflow.log_model_params, {"later": "2"}, model_id)
    call("get_logged_model fluent", mlflow.get_logged_model, model_id)
    with mlflow.start_run() as run:
        info = mlflow.pyfunc.log_model(name="echo", python_model=_Echo(), pip_requirements=["mlflow"],
                                       registered_model_name="echo")  # fmt: skip
        r.keep("log_model", [info.registered_model_version, sorted(info.flavors)])
    call("get_run after log_model", lambda: client_view(run.info.run_id))
    call("register_model", mlflow.register_model, f"runs:/{run.info.run_id}/echo", "registered", tags={"t": "1"})
    call("set_model_version_tag fluent", mlflow.set_model_version_tag, "registered", "1", "k", "v")
    call(
        "search_registered_models fluent",
        lambda: [m.name for m in mlflow.search_registered_models(filter_string="name LIKE '%e%'")],
    )
    call(
        "search_model_versions fluent",
        lambda: [v.name for v in mlflow.search_model_versions(filter_string="name = 'echo'")],
    )
    MlflowClient().set_registered_model_alias("registered", "best", "1")
    for uri in ("models:/registered/1", "models:/registered@best", "models:/echo/latest", f"models:/{info.model_id}",
                f"runs:/{run.info.run_id}/echo"):  # fmt: skip
        shown = uri.replace(info.model_id, "<model>").replace(run.info.run_id, "<run>")
        call(f"load_model {shown}", lambda uri=uri: mlflow.pyfunc.load_model(uri).predict([1, 2]))
    call("load_model unknown", mlflow.pyfunc.load_model, "models:/registered/7")
    call("delete_run fluent", mlflow.delete_run, one)
    call("restore_run fluent", mlflow.restore_run, one)
    call("delete_experiment fluent", lambda: mlflow.delete_experiment(mlflow.create_experiment("short-lived")))
    call("restore_experiment fluent", lambda: mlflow.restore_experiment(
        mlflow.get_experiment_by_name("short-lived").experiment_id))  # fmt: skip


def client_view(run_id: str) -> dict[str, Any]:
    """Return what a run says of the models that it made."""
    run = MlflowClient().get_run(run_id)
    return {"outputs": len(run.outputs.model_outputs), "tags": sorted(run.data.tags)}


class _Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return list(model_input)
