"""Experiments, runs, their inputs and searches among them, through `MlflowClient`. Nothing is checked here."""

import math
from collections.abc import Iterable
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
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
