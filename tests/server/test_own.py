"""Siglum's own routes about runs, and the document that describes them all."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.server.asgi import ask

from siglum.server.app import ServerConfig
from siglum.server.dispatch import Dispatcher
from siglum.server.openapi import is_described
from siglum.server.route import Api
from siglum.server.routes import ROUTES
from siglum.tracking.entities import Metric, Param, Tag

OWN = "/api/siglum/1"


@pytest.fixture
def run_ids(config: ServerConfig) -> list[str]:
    made = []
    for i in range(5):
        run_id = config.tracking.create_run("0", run_name=f"run {i}", start_time=1000 + i).info.run_id
        config.tracking.log_batch(
            run_id, metrics=[Metric("loss", v, step, step) for step, v in enumerate((9.0, float(i)))]
        )
        made.append(run_id)
    config.tracking.log_batch(made[0], metrics=[Metric("odd", math.nan, 1)], params=[Param("lr", "0.1")])
    config.tracking.log_batch(made[1], metrics=[Metric("odd", -math.inf, 1)], tags=[Tag("team", "red")])
    return made


def test_a_page_of_chosen_columns(app: Dispatcher, run_ids: list[str]) -> None:
    columns = ["run_name", "metrics.loss", "max(metrics.loss)", "metrics.odd", "params.lr", "tags.team", "start_time"]
    request = {"experiment_ids": ["0"], "columns": columns, "order_by": ["run_name"], "max_results": 2}
    first = ask(app, "POST", f"{OWN}/runs/page", request).json
    assert first["columns"] == columns
    assert (first["total"], len(first["runs"])) == (5, 2)
    assert first["runs"][0] == {"run_id": run_ids[0], "values": ["run 0", 0.0, 9.0, "NaN", "0.1", None, 1000]}
    assert first["runs"][1] == {"run_id": run_ids[1], "values": ["run 1", 1.0, 9.0, "-Infinity", None, "red", 1001]}
    found = [run["run_id"] for run in first["runs"]]
    while token := first["next_page_token"]:
        first = ask(app, "POST", f"{OWN}/runs/page", {**request, "page_token": token}).json
        found += [run["run_id"] for run in first["runs"]]
        assert first["total"] == 5
    assert found == run_ids


def test_the_total_is_of_what_matches(app: Dispatcher, run_ids: list[str]) -> None:
    request = {"experiment_ids": ["0"], "filter": "metrics.loss >= 3", "max_results": 1}
    answer = ask(app, "POST", f"{OWN}/runs/page", request).json
    assert (answer["total"], answer["runs"]) == (2, [{"run_id": run_ids[4], "values": []}])
    assert ask(app, "POST", f"{OWN}/runs/page", {"experiment_ids": []}).json["total"] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": ["foo"]}, "have no attribute 'foo'"),
        ({"columns": ["metrics.a DESC"]}, "expected nothing more"),
        ({"columns": ["dataset.name"]}, "cannot be a column"),
        ({"columns": ["status"] * 201}, "at most 200 columns"),
        ({"max_results": 0}, "max_results"),
        ({"filter": "metrics.a >"}, "expected a number"),
        ({"experiment_ids": None}, "experiment_ids"),
    ],
)
def test_what_no_page_can_be(shared_app: Dispatcher, change: dict[str, Any], said: str) -> None:
    answer = ask(shared_app, "POST", f"{OWN}/runs/page", {"experiment_ids": ["0"], **change})
    assert answer.status == 400
    assert said in answer.json["message"]


def test_a_window_of_a_metric(app: Dispatcher, config: ServerConfig, run_ids: list[str]) -> None:
    points = [Metric("curve", float(i % 7), 1000 + i, i) for i in range(100)]
    config.tracking.log_batch(run_ids[0], metrics=points)
    target = f"{OWN}/metrics/window?run_id={run_ids[0]}&metric_key=curve"
    answer = ask(app, "GET", f"{target}&buckets=10").json
    assert (answer["exact"], answer["count"], answer["points"]) == (False, 100, [10] * 10)
    assert answer["max_value"] == [6.0] * 10
    answer = ask(app, "GET", f"{target}&start_step=5&end_step=7").json
    assert (answer["exact"], answer["first_step"], answer["last_value"]) == (True, [5, 6, 7], [5.0, 6.0, 0.0])
    answer = ask(app, "GET", f"{OWN}/metrics/window?run_id={run_ids[0]}&metric_key=odd").json
    assert (answer["last_value"], answer["min_value"]) == (["NaN"], [None])
    assert ask(app, "GET", f"{target}&buckets=0").status == 400
    assert ask(app, "GET", f"{OWN}/metrics/window?run_id={'0' * 32}&metric_key=curve").status == 404


def test_the_document_has_every_route_and_only_types_that_it_describes(shared_app: Dispatcher) -> None:
    answer = ask(shared_app, "GET", f"{OWN}/openapi.json")
    document = answer.json
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == {
        (route.method, path)
        for route in ROUTES
        if route.api is Api.SIGLUM and is_described(route)
        for path in route.paths
    }
    components = document["components"]["schemas"]
    assert {name.rpartition("/")[2] for name in references(document)} <= set(components)
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["summary"].endswith(".")
            assert operation["responses"]["default"]["content"]["application/json"]["schema"]
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(set(ids)) == len(ids)


def references(value: Any) -> list[str]:
    """Return what is referred to anywhere in a document."""
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for part in value.values() for found in references(part)]
    return [found for part in value for found in references(part)] if isinstance(value, list) else []
