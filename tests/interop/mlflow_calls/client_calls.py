"""Every method of MLflow's `MlflowClient` and fluent interface that is about classic machine learning, called in turn.

Each function is one part of the interface. Results go to the recorder; nothing is checked here.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.http_dataset_source import HTTPDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from tests.interop.mlflow_calls.recorder import Recorder

LONG = "x" * 251


def experiments(r: Recorder, client: MlflowClient) -> None:
    call = r.call
    a = call("create_experiment", client.create_experiment, "a", tags={"team": "ml", "x": "1"})
    b = call("create_experiment with location", client.create_experiment, "b", artifact_location="s3://bucket/b")
    call("create_experiment again", client.create_experiment, "a")
    for name in ("", "x" * 501, None):
        call(f"create_experiment {str(name)[:5]!r}", client.create_experiment, name)
    call("get_experiment", client.get_experiment, a)
    call("get_experiment with location", client.get_experiment, b)
    call("get_experiment unknown", client.get_experiment, "12345")
    call("get_experiment not a number", client.get_experiment, "abc")
    call("get_experiment_by_name", client.get_experiment_by_name, "a")
    call("get_experiment_by_name unknown", client.get_experiment_by_name, "nothing")
    call("set_experiment_tag", client.set_experiment_tag, a, "team", "research")
    call("set_experiment_tag long key", client.set_experiment_tag, a, LONG, "v")
    call("set_experiment_tag long value", client.set_experiment_tag, a, "k", "v" * 20_001)
    call("set_experiment_tag bad key", client.set_experiment_tag, a, "a//b", "v")
    call("delete_experiment_tag", client.delete_experiment_tag, a, "x")
    call("delete_experiment_tag again", client.delete_experiment_tag, a, "x")
    call("rename_experiment", client.rename_experiment, b, "b2")
    call("rename_experiment to a taken name", client.rename_experiment, b, "a")
    call("rename_experiment unknown", client.rename_experiment, "12345", "z")
    call("delete_experiment", client.delete_experiment, b)
    call("delete_experiment again", client.delete_experiment, b)
    call("get_experiment deleted", client.get_experiment, b)
    call("create_experiment of a deleted name", client.create_experiment, "b2")
    call("set_experiment_tag deleted", client.set_experiment_tag, b, "k", "v")
    call("create_run in deleted", client.create_run, b)
    call("restore_experiment", client.restore_experiment, b)
    call("restore_experiment again", client.restore_experiment, b)
    for i in range(3):
        call(f"create_experiment page {i}", client.create_experiment, f"page {i}", tags={"n": str(i)})

    def names(found: Iterable[Any]) -> list[str]:
        return [each.name for each in found]

    for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        call(f"search_experiments view {view}", lambda view=view: names(client.search_experiments(view)))
    for text in (
        "name = 'a'", "name != 'a'", "name LIKE 'page%'", "name ILIKE 'PAGE%'", "name LIKE 'PAGE%'",
        "attribute.name = 'a'", "attributes.name = 'a'", "tags.team = 'research'", "tag.team = 'research'",
        "tags.n IS NOT NULL", "tags.n IS NULL", "tags.n != '1'", "experiment_id = '1'", "experiment_id IN ('1', '2')",
        "experiment_id NOT IN ('1', '2')", "creation_time > 0", "last_update_time < 0",
        "name = 'a' AND tags.team = 'x'",
        "name = a", "nme = 'a'", "name = 'a' OR name = 'b2'", "name > 'a'", "creation_time = 'x'", "name = 'a' AND",
        'name = "a"', "tags.`n` = '1'", "name IN ('a')",
    ):  # fmt: skip
        call(f"search_experiments {text}", lambda text=text: names(client.search_experiments(filter_string=text)))
    for order in (["name"], ["name DESC"], ["experiment_id ASC"], ["creation_time DESC", "name"], ["tags.n"], ["foo"]):
        call(f"search_experiments by {order}", lambda order=order: names(client.search_experiments(order_by=order)))
    page = client.search_experiments(max_results=2, order_by=["name"])
    client.create_experiment("0 comes first")
    call("search_experiments next page", lambda: names(
        client.search_experiments(max_results=2, order_by=["name"], page_token=page.token)))  # fmt: skip
    call("search_experiments bad token", client.search_experiments, page_token="%%%")
    for number in (0, -1, 50_001):
        call(f"search_experiments {number} results", client.search_experiments, max_results=number)


def runs(r: Recorder, client: MlflowClient) -> None:
    call = r.call
    e = client.create_experiment("runs")
    run = call("create_run", client.create_run, e, start_time=1000, tags={"k": "v"}, run_name="first")
    one = run.info.run_id
    call("create_run without name", client.create_run, e, start_time=5)
    call("create_run tag gives name", client.create_run, e, start_time=6, tags={"mlflow.runName": "tagged"})
    call("create_run two names", client.create_run, e, tags={"mlflow.runName": "a"}, run_name="b")
    call("create_run unknown experiment", client.create_run, "12345")
    call("get_run", client.get_run, one)
    call("get_run unknown", client.get_run, "0" * 32)
    call("get_run malformed", client.get_run, "no/run")
    call("log_metric", client.log_metric, one, "m", 1.5, timestamp=1000, step=1)
    call("log_metric again", client.log_metric, one, "m", 1.5, timestamp=1000, step=1)
    for step, value in enumerate((math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308, 5e-324)):
        call(f"log_metric {value}", client.log_metric, one, f"odd {step}", value, timestamp=1, step=step)
    for name, key in (
        ("long", LONG), ("empty", ""), ("double slash", "a//b"), ("dots", "../a"), ("absolute", "/a"),
        ("tabulator", "a\tb"), ("accent", "größe"), ("space", "a b"), ("colon", "a:b"), ("dot", "."),
    ):  # fmt: skip
        call(f"log_metric key {name}", client.log_metric, one, key, 1.0, timestamp=1)
        call(f"log_param key {name}", client.log_param, one, key, "1")
        call(f"set_tag key {name}", client.set_tag, one, key, "1")
    call("log_metric negative time", client.log_metric, one, "m", 1.0, timestamp=-1)
    call("log_metric negative step", client.log_metric, one, "negative", 1.0, timestamp=1, step=-7)
    call("log_metric unknown run", client.log_metric, "0" * 32, "m", 1.0)
    call("log_metric not a number", client.log_metric, one, "m", "text")
    call("log_param", client.log_param, one, "p", 1)
    call("log_param same again", client.log_param, one, "p", 1)
    call("log_param other value", client.log_param, one, "p", 2)
    call("log_param empty", client.log_param, one, "empty", "")
    call("log_param 6000", client.log_param, one, "p6000", "x" * 6000)
    call("set_tag", client.set_tag, one, "t", "x")
    call("set_tag again", client.set_tag, one, "t", "y")
    call("set_tag renames", client.set_tag, one, "mlflow.runName", "by tag")
    call("delete_tag", client.delete_tag, one, "t")
    call("delete_tag again", client.delete_tag, one, "t")
    call("get_run after all that", client.get_run, one)
    call("log_batch", client.log_batch, one,
         [Metric("b", float(i), 1000 + i, i) for i in range(1000)], [], [])  # fmt: skip
    call("log_batch mixed", client.log_batch, one, [Metric("c", 1, 1, 0)], [Param("q", "1")], [RunTag("u", "1")])
    call("log_batch 1001 metrics", client.log_batch, one, [Metric("d", float(i), i, i) for i in range(1001)])
    call("log_batch 101 params", client.log_batch, one, params=[Param(f"z{i}", "1") for i in range(101)])
    call("log_batch 101 tags", client.log_batch, one, tags=[RunTag(f"z{i}", "1") for i in range(101)])
    call("log_batch a param twice", client.log_batch, one, params=[Param("w", "1"), Param("w", "2")])
    call("log_batch a param otherwise", client.log_batch, one, params=[Param("q", "2")])
    call("get_metric_history", lambda: [tuple(dict(m).values())[:4] for m in client.get_metric_history(one, "b")][-3:])
    call("get_metric_history small", client.get_metric_history, one, "m")
    call("get_metric_history nan", client.get_metric_history, one, "odd 0")
    call("get_metric_history unknown key", client.get_metric_history, one, "nothing")
    call("get_metric_history unknown run", client.get_metric_history, "0" * 32, "m")
    for step, time, value in ((3, 1, 1.0), (1, 9, 2.0), (3, 2, 3.0), (3, 2, 4.0), (2, 5, 99.0)):
        client.log_metric(one, "latest", value, timestamp=time, step=step)
    call("the latest point", lambda: client.get_run(one).data.metrics["latest"])
    call("get_metric_history order", client.get_metric_history, one, "latest")
    call("update_run", client.update_run, one, status="FINISHED", name="renamed")
    call("update_run empty name", client.update_run, one, name="")
    call("get_run updated", lambda: client.get_run(one).info)
    call("set_terminated", client.set_terminated, one, "FAILED", 2000)
    call("get_run terminated", lambda: client.get_run(one).info)
    call("set_terminated bad status", client.set_terminated, one, "NOSUCH")
    call("update_run unknown", client.update_run, "0" * 32, status="FINISHED")
    call("delete_run", client.delete_run, one)
    call("delete_run again", client.delete_run, one)
    call("get_run deleted", lambda: client.get_run(one).info.lifecycle_stage)
    for name, function, arguments in (
        ("log_metric", client.log_metric, ("late", 1.0)), ("log_param", client.log_param, ("late", "1")),
        ("set_tag", client.set_tag, ("late", "1")), ("delete_tag", client.delete_tag, ("k",)),
        ("update_run", client.update_run, ("FINISHED",)), ("get_metric_history", client.get_metric_history, ("c",)),
    ):  # fmt: skip
        call(f"{name} on a deleted run", function, one, *arguments)
    call("restore_run", client.restore_run, one)
    call("restore_run again", client.restore_run, one)
    call("delete_run unknown", client.delete_run, "0" * 32)
    child = client.create_run(e, tags={"mlflow.parentRunId": one})
    call("get_parent_run", lambda: client.get_parent_run(child.info.run_id).info.run_id == one)
    call("get_parent_run of none", client.get_parent_run, one)


def inputs(r: Recorder, client: MlflowClient) -> None:
    call = r.call
    e = client.create_experiment("inputs")
    one = client.create_run(e, run_name="reads").info.run_id
    given = DatasetInput(
        Dataset("numbers", "d1", "local", '{"uri": "x"}', schema="{}", profile='{"rows": 3}'),
        [InputTag("mlflow.data.context", "training"), InputTag("k", "v")],
    )
    call("log_inputs", client.log_inputs, one, [given])
    call("log_inputs again", client.log_inputs, one, [DatasetInput(given.dataset, [InputTag("k", "other")])])
    call("log_inputs plain", client.log_inputs, one, [DatasetInput(Dataset("b", "d2", "local", "{}"))])
    call("log_inputs nothing", client.log_inputs, one)
    call("log_inputs long digest", client.log_inputs, one, [DatasetInput(Dataset("b", "d" * 37, "local", "{}"))])
    call("log_inputs unknown run", client.log_inputs, "0" * 32, [given])
    model = client.create_logged_model(e, name="made").model_id
    call("log_inputs model", client.log_inputs, one, models=[LoggedModelInput(model)])
    call("log_outputs", client.log_outputs, one, [LoggedModelOutput(model, 7)])
    call("get_run with inputs", client.get_run, one)
    call("search_runs with inputs", lambda: client.search_runs([e])[0].inputs.dataset_inputs)
    two = client.create_run(e, run_name="reads, too").info.run_id
    client.log_inputs(two, [DatasetInput(given.dataset, [InputTag("mlflow.data.context", "eval")])])
    for text in ("dataset.name = 'numbers'", "datasets.digest = 'd2'", "dataset.context = 'eval'",
                 "dataset.context != 'eval'", "dataset.name LIKE 'num%'", "dataset.name IN ('numbers', 'x')",
                 "dataset.name NOT IN ('numbers')", "dataset.foo = 'x'", "dataset.name > 'a'"):  # fmt: skip
        call(f"search_runs {text}", lambda text=text: [x.info.run_name for x in client.search_runs([e], text)])


def searched_runs(r: Recorder, client: MlflowClient) -> None:
    e = client.create_experiment("search")
    other = client.create_experiment("search elsewhere")
    for i, (name, acc, loss, params, tags) in enumerate((
        ("a", 0.1, 5.0, {"model": "Forest", "lr": "0.1"}, {"team": "red"}),
        ("b", 0.5, None, {"model": "forest", "lr": "0.01"}, {"team": "blue", "a.b": "dotted"}),
        ("c", math.nan, 1.0, {"model": "linear_1"}, {"with space": "x"}),
        ("d", None, -3.0, {}, {}),
        ("e", math.inf, 0.0, {"model": "it's", "x y": "1"}, {"team": "100%"}),
    )):  # fmt: skip
        run_id = client.create_run(e, start_time=1000 + i, run_name=name, tags=tags).info.run_id
        values = [Metric(key, v, 1, 0) for key, v in (("acc", acc), ("train/loss", loss)) if v is not None]
        client.log_batch(run_id, values, [Param(k, v) for k, v in params.items()])
        if name in "ab":
            client.set_terminated(run_id, "FINISHED", 2000 + i)
    client.create_run(other, start_time=900, run_name="z")

    def names(text: str = "", **options: Any) -> list[str]:
        return [run.info.run_name for run in client.search_runs([e, other], text, **options)]

    for text in (
        "", "metrics.acc > 0.2", "metric.acc >= 0.5", "metrics.acc != 0.1", "metrics.acc = 0.5", "metrics.acc < 1e300",
        "metrics.`train/loss` <= 1", 'metrics."train/loss" < 0', "metrics.train/loss > 0", "metrics.acc > 'x'",
        "metrics.acc LIKE '1'", "metrics.none > 0", "metrics.acc > 1e999", "metrics.acc > -.5", "metrics.acc > 0.2 AND",
        "params.model = 'Forest'", "param.model LIKE '%orest'", "parameters.model ILIKE '%FOREST'",
        "params.model != 'Forest'", "params.lr = '0.1'", "params.lr = 0.1", "params.model = \"it's\"",
        "params.model = 'it''s'", "params.`x y` = '1'", 'params."x y" = \'1\'', "params.model IS NULL",
        "params.model IS NOT NULL", "params.model LIKE 'linear__'", "params.model LIKE 'linear\\_1'",
        "tags.team = 'red'", "tag.team LIKE '100%'", "tags.team IS NULL", "tags.`with space` = 'x'",
        "tags.a.b = 'dotted'", "tags.`a.b` = 'dotted'", "tags.team != 'red'", "tags.mlflow.runName = 'a'",
        "attributes.run_name = 'a'", "attribute.run_name LIKE 'a%'", "attr.status = 'FINISHED'",
        "run.status != 'FINISHED'",
        "status = 'finished'", "status = 'RUNNING' AND metrics.acc > 0", "run_name IN ('a', 'b')", "`run name` = 'a'",
        '"Run Name" = \'a\'', "start_time > 1001", "end_time >= 2001", "Created = 1002", "created < 1002",
        "start_time = '1001'", "user_id = 'nobody'", "artifact_uri LIKE 'mlflow%'", "run_id = 'x'", "run_id IN ('x')",
        "run_id NOT IN ('x')", "experiment_id = '1'", "lifecycle_stage = 'active'", "foo = 'x'", "foo.bar = 'x'",
        "metrics.acc", "metrics.acc >", "= 1", "metrics.acc > 0; metrics.acc > 1", "metrics.acc > 0 metrics.acc > 1",
        "params.model = Forest", "tags.team = 'red' and tags.team = 'red'", "tags.team LIKE 'RED'",
        "tags.team ILIKE 'RED'",
        "status in ('RUNNING')", "attributes.start_time > 1000 AND params.model LIKE 'f%'", "metrics.acc == 0.5",
        "tags.mlflow.loggedArtifacts LIKE '%\"path\"%:%\"tab.json\"%'", "params.lr IN ('0.1')",
        "metrics.acc BETWEEN 0 AND 1",
        "metrics.acc > 0.2 OR metrics.acc < 0.2", "NOT metrics.acc > 0.2", "(metrics.acc > 0.2)",
    ):  # fmt: skip
        r.call(f"search_runs {text}", names, text)
    for order in (
        ["metrics.acc"], ["metrics.acc DESC"], ["metrics.acc ASC", "params.model"], ["params.lr"], ["params.lr DESC"],
        ["tags.team"], ["start_time"], ["attributes.start_time DESC"], ["run_name DESC"], ["status", "run_name"],
        ["end_time"], ["metrics.none", "run_name"], ["foo"], ["metrics.`train/loss` desc"], ["dataset.name"],
        ["metrics.acc FOO"], ["created"], ["`Run Name`"], ["run_id", "run_id"],
    ):  # fmt: skip
        # the last order names the runs that are alike in the order that MLflow gives them
        r.call(f"search_runs by {order}", names, order_by=order)
    page = client.search_runs([e], max_results=2)
    client.create_run(e, start_time=5000, run_name="newer")
    r.call("search_runs next page", lambda: [
        run.info.run_name for run in client.search_runs([e], max_results=2, page_token=page.token)])  # fmt: skip
    r.call("search_runs tokens", lambda: [
        bool(client.search_runs([e], max_results=number).token) for number in (1, 5, 6, 7)])  # fmt: skip
    r.call("search_runs bad token", client.search_runs, [e], page_token="%%%")
    r.call("search_runs no experiments", client.search_runs, [])
    r.call("search_runs unknown experiment", client.search_runs, ["98765"])
    for number in (0, -1, 50_001):
        r.call(f"search_runs {number} results", client.search_runs, [e], max_results=number)
    for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        r.call(f"search_runs view {view}", names, run_view_type=view)


def artifacts(r: Recorder, client: MlflowClient, folder: Path) -> None:
    call = r.call
    e = client.create_experiment("artifacts")
    one = client.create_run(e).info.run_id
    up = folder / "up"
    (up / "sub" / "deep").mkdir(parents=True)
    (up / "a.txt").write_text("a")
    (up / "sub" / "ü b.bin").write_bytes(bytes(range(256)))
    (up / "sub" / "deep" / "empty").write_bytes(b"")
    call("log_artifact", client.log_artifact, one, str(up / "a.txt"))
    call("log_artifact in a folder", client.log_artifact, one, str(up / "a.txt"), "one/two")
    call("log_artifacts", client.log_artifacts, one, str(up), "tree")
    call("log_text", client.log_text, one, "words", "notes/words.txt")
    call("log_dict", client.log_dict, one, {"k": [1, 2]}, "dict.json")
    call("log_dict yaml", client.log_dict, one, {"k": [1, 2]}, "dict.yaml")
    call("log_stream", client.log_stream, one, (up / "a.txt").open("rb"), "stream.txt")
    call("log_table", client.log_table, one, {"x": [1, 2], "y": ["a", "b"]}, "table.json")
    call("log_table appends", client.log_table, one, {"x": [3], "y": ["c"]}, "table.json")
    call("load_table", lambda: client.load_table(e, "table.json", [one], ["run_id"]).to_dict("list"))
    call("load_table of nothing", client.load_table, e, "none.json")
    call("log_image", client.log_image, one, _image(), "pictures/image.png")
    call("log_image with key", client.log_image, one, _image(), key="dog", step=3, timestamp=1_700_000_000_000)
    call("list_artifacts", client.list_artifacts, one)
    call("list_artifacts folder", client.list_artifacts, one, "tree/sub")
    call("list_artifacts file", client.list_artifacts, one, "a.txt")
    call("list_artifacts nothing", client.list_artifacts, one, "nothing")
    call("list_artifacts above", client.list_artifacts, one, "../..")
    call("list_artifacts unknown run", client.list_artifacts, "0" * 32)
    (folder / "down").mkdir()
    call("download_artifacts", client.download_artifacts, one, "tree", str(folder / "down"))
    down = [path for path in sorted(folder.glob("down/**/*")) if path.is_file()]
    r.keep("what was downloaded", {str(path.relative_to(folder)): path.stat().st_size for path in down})
    call("download_artifacts nothing", client.download_artifacts, one, "nothing", str(folder / "down"))
    call("load_text", mlflow.artifacts.load_text, f"runs:/{one}/notes/words.txt")
    call("load_dict", mlflow.artifacts.load_dict, f"runs:/{one}/dict.json")
    call("load_image", lambda: mlflow.artifacts.load_image(f"runs:/{one}/pictures/image.png").size)
    call("artifacts.list_artifacts", mlflow.artifacts.list_artifacts, f"runs:/{one}/one")
    call("artifacts.download_artifacts", mlflow.artifacts.download_artifacts,
         run_id=one, artifact_path="a.txt", dst_path=str(folder / "down"))  # fmt: skip
    call(
        "tags of artifacts",
        lambda: {k: v for k, v in client.get_run(one).data.tags.items() if k.startswith("mlflow.l")},
    )


def _image() -> Any:
    return np.zeros((4, 6, 3), dtype=np.uint8)


def logged_models(r: Recorder, client: MlflowClient, folder: Path) -> None:
    call = r.call
    e = client.create_experiment("logged models")
    run_id = client.create_run(e, run_name="makes").info.run_id
    one = call("create_logged_model", client.create_logged_model, e, name="one", source_run_id=run_id,
               tags={"t": "1", "a/b": "2"}, params={"p": "1", "q": "x"}, model_type="kind").model_id  # fmt: skip
    call("create_logged_model plain", client.create_logged_model, e)
    two = client.create_logged_model(e, name="two", params={"p": "2"}).model_id
    for name in ("a/b", "a:b", "a.b", "a%b", "a'b", 'a"b', ""):
        call(f"create_logged_model {name}", client.create_logged_model, e, name=name)
    call("create_logged_model unknown experiment", client.create_logged_model, "12345")
    call("create_logged_model 150 params", lambda: len(
        client.create_logged_model(e, name="many", params={f"p{i:03}": "1" for i in range(150)}).params))  # fmt: skip
    call("get_logged_model", client.get_logged_model, one)
    call("get_logged_model unknown", client.get_logged_model, f"m-{'0' * 32}")
    call("log_model_params", client.log_model_params, one, {"later": "1"})
    call("log_model_params again", client.log_model_params, one, {"later": "1"})
    call("set_logged_model_tags", client.set_logged_model_tags, one, {"t": "new", "u": "3"})
    call("delete_logged_model_tag", client.delete_logged_model_tag, one, "u")
    call("delete_logged_model_tag with a slash", client.delete_logged_model_tag, one, "a/b")
    call("delete_logged_model_tag again", client.delete_logged_model_tag, one, "u")
    call("log_metric of a model", client.log_metric, run_id, "acc", 0.5, timestamp=1, step=1, model_id=one)
    client.log_metric(run_id, "acc", 0.7, timestamp=2, step=2, model_id=one, dataset_name="d", dataset_digest="x")
    client.log_metric(run_id, "acc", 0.3, timestamp=2, step=2, model_id=two)
    call("finalize_logged_model", client.finalize_logged_model, one, LoggedModelStatus.READY)
    call("finalize_logged_model failed", client.finalize_logged_model, two, "FAILED")
    call("finalize_logged_model unknown", client.finalize_logged_model, f"m-{'0' * 32}", "READY")
    (folder / "model.bin").write_bytes(b"model")
    call("log_model_artifact", client.log_model_artifact, one, str(folder / "model.bin"))
    (folder / "models").mkdir()
    (folder / "models" / "more.bin").write_bytes(b"more")
    call("log_model_artifacts", client.log_model_artifacts, one, str(folder / "models"), "sub")
    call("list_logged_model_artifacts", client.list_logged_model_artifacts, one)
    call("list_logged_model_artifacts folder", client.list_logged_model_artifacts, one, "sub")

    def names(**options: Any) -> list[str]:
        return [model.name for model in client.search_logged_models([e], **options)]

    for text in (
        "", "name = 'one'", "name LIKE 'on_'", "attributes.name != 'one'", "model_type = 'kind'", "status = 2",
        "status = 1",
        "metrics.acc > 0.6", "metrics.acc < 0.4", "params.p = '1'", "params.p IN ('1', '2')", "tags.t = 'new'",
        "name IN ('one', 'two')", "name NOT IN ('one')", "creation_timestamp > 0", "creation_time > 0",
        "name ILIKE 'ONE'",
        "name = 'one' AND params.p = '1'", "model_id = 'x'", "name = \"one\"", "metrics.acc > 'x'", "params.p = 1",
        "name = 'one' OR name = 'two'", "status = 'READY'",
    ):  # fmt: skip
        if text != "":
            r.call(f"search_logged_models {text}", names, filter_string=text)
    for order in (
        [{"field_name": "metrics.acc"}], [{"field_name": "metrics.acc", "ascending": False}], [{"field_name": "name"}],
        [{"field_name": "creation_timestamp", "ascending": True}], [{"field_name": "params.p"}],
        [{"field_name": "metrics.acc", "dataset_name": "d", "dataset_digest": "x"}, {"field_name": "name"}],
        [{"field_name": "last_updated_timestamp"}, {"field_name": "name"}], [{"field_name": "metrics.acc",
        "dataset_name": "d"}],
    ):  # fmt: skip
        found = names(order_by=order) if _orders_well(order) else None
        r.keep(
            f"search_logged_models by {json.dumps(order)}", found and [n for n in found if n in ("one", "two", "many")]
        )
    r.call("search_logged_models bad order", names, order_by=[{"field_name": "params.p"}])
    r.call("search_logged_models of a data set", names, datasets=[{"dataset_name": "d", "dataset_digest": "x"}])
    r.call("search_logged_models metric on a data set", names, filter_string="metrics.acc > 0.6",
           datasets=[{"dataset_name": "d", "dataset_digest": "x"}])  # fmt: skip
    r.call("search_logged_models pages", lambda: bool(client.search_logged_models([e], max_results=2).token))
    call("delete_logged_model", client.delete_logged_model, two)
    call("get_logged_model deleted", client.get_logged_model, two)
    call("delete_logged_model again", client.delete_logged_model, two)
    call("search_logged_models without deleted", lambda: sorted(n for n in names() if n in ("one", "two", "many")))


def _orders_well(order: list[dict[str, Any]]) -> bool:
    return not any(clause["field_name"].startswith("params.") for clause in order)


def registered_models(r: Recorder, client: MlflowClient) -> None:
    call = r.call
    call("create_registered_model", client.create_registered_model, "m", tags={"t": "1"}, description="d")
    call("create_registered_model again", client.create_registered_model, "m")
    for name in ("", "a/b", "a:b", "..", "a b", "größe", "a%2Fb"):
        call(f"create_registered_model {name[:5]!r}", client.create_registered_model, name)
    call("get_registered_model", client.get_registered_model, "m")
    call("get_registered_model unknown", client.get_registered_model, "nothing")
    call("update_registered_model", client.update_registered_model, "m", "new")
    call("update_registered_model to nothing", client.update_registered_model, "m", None)
    call("rename_registered_model", client.rename_registered_model, "m", "model")
    call("rename_registered_model taken", client.rename_registered_model, "model", "a b")
    call("rename_registered_model unknown", client.rename_registered_model, "m", "x")
    call("set_registered_model_tag", client.set_registered_model_tag, "model", "k", "v")
    call("set_registered_model_tag long key", client.set_registered_model_tag, "model", LONG, "v")
    call("set_registered_model_tag unknown", client.set_registered_model_tag, "nothing", "k", "v")
    call("delete_registered_model_tag", client.delete_registered_model_tag, "model", "k")
    call("delete_registered_model_tag again", client.delete_registered_model_tag, "model", "k")
    for i in range(3):
        call(f"create_registered_model page {i}", client.create_registered_model, f"page {i}", tags={"n": str(i)})

    def names(text: str | None = None, **options: Any) -> list[str]:
        return [model.name for model in client.search_registered_models(text, **options)]

    for text in (
        None, "name = 'model'", "name LIKE 'page%'", "name ILIKE 'PAGE%'", "name != 'model'",
        "name IN ('model', 'page 1')",
        "tags.t = '1'", "tag.n != '1'", "tags.n LIKE '%'", "foo = 'x'", "name > 'x'", "name = 'model' AND tags.t = '1'",
        "name = model", "name = 'a' OR name = 'b'",
    ):  # fmt: skip
        call(f"search_registered_models {text}", names, text)
    for order in (["name"], ["name DESC"], ["timestamp", "name"], ["last_updated_timestamp DESC", "name"], ["tags.n"],
                  ["creation_timestamp"]):  # fmt: skip
        call(f"search_registered_models by {order}", names, order_by=order)
    page = client.search_registered_models(max_results=2)
    client.create_registered_model("0 first")
    call("search_registered_models next page", names, max_results=2, page_token=page.token)
    for number in (0, -1, 1001):
        call(f"search_registered_models {number} results", client.search_registered_models, max_results=number)
    call("create_registered_model long", client.create_registered_model, "x" * 257)
    call("delete_registered_model long", client.delete_registered_model, "x" * 257)
    call("create_registered_model prompt", client.create_registered_model, "prompt",
         tags={"mlflow.prompt.is_prompt": "true"})  # fmt: skip


def model_versions(r: Recorder, client: MlflowClient) -> None:
    call = r.call
    e = client.create_experiment("versions")
    run_id = client.create_run(e).info.run_id
    root = client.get_run(run_id).info.artifact_uri
    model_id = client.create_logged_model(e, name="logged").model_id
    name = "versioned"
    client.create_registered_model(name)
    call("create_model_version", client.create_model_version, name, f"{root}/model", run_id, tags={"t": "1"},
         run_link="http://x", description="d")  # fmt: skip
    call("create_model_version runs", client.create_model_version, name, f"runs:/{run_id}/model", run_id)
    call("create_model_version models", client.create_model_version, name, f"models:/{model_id}", model_id=model_id)
    call("create_model_version of a version", client.create_model_version, name, f"models:/{name}/1")
    call("create_model_version s3", client.create_model_version, name, "s3://bucket/model")
    for kind, source in (
        ("unknown model", "s3://x/y"), ("local", "/etc"), ("file", "file:///etc"), ("relative", "etc/passwd"),
        ("dots", f"{root}/../../other"), ("s3 dots", "s3://bucket/../x"), ("other run", f"runs:/{'0' * 32}/model"),
        ("empty", ""), ("http", "http://example.com/x"), ("missing version", f"models:/{name}/99"),
    ):  # fmt: skip
        target = "nothing" if kind == "unknown model" else name
        call(f"create_model_version {kind}", client.create_model_version, target, source, run_id)
    call("get_model_version", client.get_model_version, name, "1")
    call("get_model_version of a logged model", client.get_model_version, name, "3")
    call("get_model_version unknown", client.get_model_version, name, "99")
    call("get_model_version not a number", client.get_model_version, name, "x")
    call("tags of the logged model", lambda: sorted(client.get_logged_model(model_id).tags))
    for version in ("1", "2", "3", "4", "5"):
        call(f"get_model_version_download_uri {version}", client.get_model_version_download_uri, name, version)
    call("get_model_version_download_uri unknown", client.get_model_version_download_uri, name, "99")
    call("update_model_version", client.update_model_version, name, "1", "new")
    call("set_model_version_tag", client.set_model_version_tag, name, "1", "k", "v")
    call("delete_model_version_tag", client.delete_model_version_tag, name, "1", "k")
    call("delete_model_version_tag again", client.delete_model_version_tag, name, "1", "k")
    call("transition_model_version_stage", client.transition_model_version_stage, name, "1", "staging")
    call("set_model_version_tag by stage", client.set_model_version_tag, name, key="s", value="v", stage="Staging")
    call("transition_model_version_stage archive", client.transition_model_version_stage, name, "2", "Staging", True)
    call("get_model_version archived", client.get_model_version, name, "1")
    call("transition_model_version_stage bad", client.transition_model_version_stage, name, "2", "Nowhere")
    call("get_model_version_stages", client.get_model_version_stages, name, "1")
    call("get_latest_versions", client.get_latest_versions, name)
    call("get_latest_versions stage", client.get_latest_versions, name, ["Staging"])
    call("get_latest_versions bad stage", client.get_latest_versions, name, ["Nowhere"])
    call("get_latest_versions unknown", client.get_latest_versions, "nothing")
    call("set_registered_model_alias", client.set_registered_model_alias, name, "champion", "1")
    call("set_registered_model_alias moves", client.set_registered_model_alias, name, "champion", "2")
    for alias in ("latest", "v3", "a b", "x" * 256, ""):
        call(f"set_registered_model_alias {alias[:6]!r}", client.set_registered_model_alias, name, alias, "1")
    call("set_registered_model_alias unknown version", client.set_registered_model_alias, name, "other", "99")
    call("get_model_version_by_alias", client.get_model_version_by_alias, name, "champion")
    call("get_model_version_by_alias unknown", client.get_model_version_by_alias, name, "nobody")
    call("get_model_version_by_alias latest", lambda: str(client.get_model_version_by_alias(name, "latest").version))
    call("get_registered_model with versions", client.get_registered_model, name)
    call("copy_model_version", client.copy_model_version, f"models:/{name}/1", "copied")

    def found(text: str | None = None, **options: Any) -> list[str]:
        return [f"{v.name} {v.version}" for v in client.search_model_versions(text, **options)]

    for text in (
        f"name = '{name}'", "name LIKE 'vers%'", f"run_id = '{run_id}'", "run_id IN ('x')", "source_path LIKE 's3%'",
        f"name = '{name}' AND version_number > 2", f"name = '{name}' AND version_number = '1'", "tags.t = '1'",
        "tag.s LIKE '%'", "current_stage = 'None'", "foo = 'x'", f"name = '{name}' AND tags.t != 'x'",
        "version_number = 'x'",
        f"name IN ('{name}', 'copied')",
    ):  # fmt: skip
        shown = text.replace(run_id, "<run>")
        call(f"search_model_versions {shown}", found, text, order_by=["name", "version_number"])
    for order in (["version_number"], ["version_number DESC"], ["name", "version_number DESC"], ["creation_timestamp"],
                  ["source_path"], ["foo"]):  # fmt: skip
        call(f"search_model_versions by {order}", found, f"name = '{name}'", order_by=order)
    call("search_model_versions pages", lambda: bool(client.search_model_versions(max_results=2).token))
    call("delete_registered_model_alias", client.delete_registered_model_alias, name, "champion")
    call("delete_registered_model_alias again", client.delete_registered_model_alias, name, "champion")
    call("delete_model_version", client.delete_model_version, name, "2")
    call("delete_model_version again", client.delete_model_version, name, "2")
    call("get_model_version deleted", client.get_model_version, name, "2")
    call("delete_model_version last", client.delete_model_version, name, "5")
    call("create_model_version after a deletion", client.create_model_version, name, "s3://bucket/again")
    call("delete_registered_model", client.delete_registered_model, name)
    call("delete_registered_model again", client.delete_registered_model, name)
    call("get_model_version of a deleted model", client.get_model_version, name, "1")


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
        call("log_image fluent", mlflow.log_image, _image(), "i.png")
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


def webhooks(r: Recorder, client: MlflowClient) -> None:
    call = r.call
    one = call("create_webhook", client.create_webhook, "hook", "https://93.184.216.34/x", ["registered_model.created"],
               "d", "secret")  # fmt: skip
    call("create_webhook no events", client.create_webhook, "hook", "https://93.184.216.34/x", [])
    call("create_webhook inside", client.create_webhook, "hook", "https://127.0.0.1/x", ["model_version.created"])
    call("create_webhook http", client.create_webhook, "hook", "http://93.184.216.34/", ["model_version.created"])
    call("create_webhook bad name", client.create_webhook, "a b", "https://93.184.216.34/", ["model_version.created"])
    call("get_webhook", client.get_webhook, one.webhook_id)
    call("list_webhooks", client.list_webhooks)
    call("update_webhook", client.update_webhook, one.webhook_id, name="new", status="DISABLED",
         events=["model_version_alias.created", "model_version.created"])  # fmt: skip
    call("delete_webhook", client.delete_webhook, one.webhook_id)
    call("get_webhook deleted", client.get_webhook, one.webhook_id)
    call("delete_webhook again", client.delete_webhook, one.webhook_id)
    call("test_webhook unknown", client.test_webhook, one.webhook_id)
