"""Bulk histories, data sets and other ways for files; expected values are what MLflow 3.17.2's own server answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.server.asgi import Answer, ask

from siglum.server.app import ServerConfig
from siglum.server.dispatch import Dispatcher
from siglum.tracking.entities import Dataset, DatasetInput, Metric, Tag

API, BROWSER = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow"


def new_run(config: ServerConfig, points: int = 0, run_id: str | None = None) -> str:
    run_id = config.tracking.create_run("0", run_id=run_id).info.run_id
    config.tracking.log_batch(run_id, metrics=[Metric("m", i * 1.5, 1000 + i, i) for i in range(points)])
    return run_id


def refused(answer: Answer, message: str, status: int = 400, code: str = "INVALID_PARAMETER_VALUE") -> None:
    assert (answer.status, answer.json["error_code"]) == (status, code)
    assert answer.json["message"].startswith(message)


@pytest.mark.parametrize(
    ("query", "steps"),
    [
        ("&max_results=1", [9]),
        ("&max_results=2", [0, 9]),
        ("&max_results=3", [0, 4, 9]),
        ("&max_results=4", [0, 3, 6, 9]),
        ("&max_results=9", [0, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("&max_results=10", list(range(10))),
        ("", list(range(10))),
        ("&max_results=3&start_step=2&end_step=8", [2, 5, 8]),
        ("&start_step=20&end_step=30", []),
    ],
)
def test_a_sample_of_a_history(app: Dispatcher, config: ServerConfig, query: str, steps: list[int]) -> None:
    run_id = new_run(config, 10)
    answer = ask(app, "GET", f"{BROWSER}/metrics/get-history-bulk-interval?run_ids={run_id}&metric_key=m{query}")
    assert [point["step"] for point in answer.json.get("metrics", [])] == steps
    assert all(
        set(point) == {"key", "value", "timestamp", "step", "run_id"} for point in answer.json.get("metrics", [])
    )


def test_samples_of_several_runs(app: Dispatcher, config: ServerConfig) -> None:
    first, second = new_run(config, 10), new_run(config, 7)
    query = f"run_ids={first}&run_ids={second}&run_ids={'0' * 32}&metric_key=m&max_results=3"
    points = ask(app, "GET", f"{API}/metrics/get-history-bulk-interval?{query}").json["metrics"]
    assert [(p["run_id"], p["step"]) for p in points] == [
        *((first, step) for step in (0, 4, 9)),
        *((second, step) for step in (0, 3, 6)),
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("metric_key=m&run_ids=a&start_step=1", "If either start step or end step are specified"),
        (
            "metric_key=m&run_ids=a&start_step=5&end_step=2",
            "end_step must be greater than start_step. Found start_step=5",
        ),
        ("metric_key=m&run_ids=a&max_results=2501", "max_results must be between 1 and 2500."),
        ("metric_key=m&run_ids=a&max_results=0", "max_results must be between 1 and 2500."),
        ("run_ids=a", "Missing value for required parameter 'metric_key'."),
        ("metric_key=m", "GetMetricHistoryBulkInterval request must specify at least one run_ids."),
        ("metric_key=m" + "".join(f"&run_ids=x{i}" for i in range(101)), "GetMetricHistoryBulkInterval request cannot"),
    ],
)
def test_what_a_sample_cannot_be_of(shared_app: Dispatcher, query: str, message: str) -> None:
    refused(ask(shared_app, "GET", f"{API}/metrics/get-history-bulk-interval?{query}"), message)


def test_whole_histories_of_several_runs(app: Dispatcher, config: ServerConfig) -> None:
    late, early = new_run(config, 3, "f" * 32), new_run(config, 2, "1" * 32)
    target = f"{BROWSER}/metrics/get-history-bulk?run_id={late}&run_id={early}&run_id=none&metric_key=m"
    points = ask(app, "GET", target).json["metrics"]
    assert [(p["run_id"], p["step"]) for p in points] == [
        (early, 0), (early, 1), (late, 0), (late, 1), (late, 2),
    ]  # fmt: skip
    assert len(ask(app, "GET", target + "&max_results=4").json["metrics"]) == 4
    assert ask(app, "GET", f"{API}/metrics/get-history-bulk?run_id={late}&metric_key=none").json == {"metrics": []}
    refused(
        ask(app, "GET", f"{API}/metrics/get-history-bulk?run_id={late}"), "GetMetricHistoryBulk request must specify a"
    )
    refused(
        ask(app, "GET", f"{API}/metrics/get-history-bulk?metric_key=m"), "GetMetricHistoryBulk request must specify at"
    )


def test_data_sets_of_experiments(app: Dispatcher, config: ServerConfig) -> None:
    for name, digest, context in (("b", "d1", "train"), ("a", "d2", None), ("b", "d1", "eval"), ("b", "d1", "train")):
        given = DatasetInput(
            dataset=Dataset(name=name, digest=digest, source_type="local", source="{}"),
            tags=(Tag("mlflow.data.context", context),) if context else (),
        )
        config.tracking.log_inputs(new_run(config), datasets=[given])
    answer = ask(app, "POST", f"{BROWSER}/experiments/search-datasets", {"experiment_ids": ["0", "77"]})
    assert answer.json == {
        "dataset_summaries": [
            {"experiment_id": "0", "name": "a", "digest": "d2"},
            {"experiment_id": "0", "name": "b", "digest": "d1", "context": "eval"},
            {"experiment_id": "0", "name": "b", "digest": "d1", "context": "train"},
        ]
    }
    for ids in ([], [str(i) for i in range(21)], ["x"]):
        answer = ask(app, "POST", f"{BROWSER}/experiments/search-datasets", {"experiment_ids": ids})
        assert answer.status == 400, ids


MODEL: dict[str, Any] = {"artifact_path": "m", "flavors": {}, "utc_time_created": "2020-01-01", "run_id": "r"}


def test_models_as_mlflow_2_logs_them(app: Dispatcher, config: ServerConfig) -> None:
    run_id = new_run(config)
    for path in ("one", "two"):
        body = {"run_id": run_id, "model_json": json.dumps({**MODEL, "artifact_path": path})}
        assert ask(app, "POST", f"{API}/runs/log-model", body).json == {}
    history = json.loads(config.tracking.get_run(run_id).data.tags["mlflow.log-model.history"])
    assert [model["artifact_path"] for model in history] == ["one", "two"]
    for bad, message in (
        ("nojson", "Malformed model info"),
        ("[]", "Malformed model info"),
        ("{}", "Model json is missing mandatory fields: run_id, artifact_path, utc_time_created, flavors"),
    ):
        refused(ask(app, "POST", f"{API}/runs/log-model", {"run_id": run_id, "model_json": bad}), message)
    body = {"run_id": "0" * 32, "model_json": json.dumps(MODEL)}
    refused(ask(app, "POST", f"{API}/runs/log-model", body), "Run with id", 404, "RESOURCE_DOES_NOT_EXIST")
    config.tracking.log_batch(run_id, tags=[Tag("mlflow.log-model.history", "broken")])
    body = {"run_id": run_id, "model_json": json.dumps(MODEL)}
    refused(ask(app, "POST", f"{API}/runs/log-model", body), "The tag mlflow.log-model.history")


def test_a_file_from_a_form(app: Dispatcher, config: ServerConfig) -> None:
    run_id = new_run(config)
    target = f"{BROWSER}/upload-artifact?run_uuid={run_id}&path=up/x.txt"
    answer = ask(app, "POST", target, b"hello")
    assert (answer.status, answer.body) == (200, b"")
    assert ask(app, "GET", f"/get-artifact?run_id={run_id}&path=up/x.txt").body == b"hello"
    refused(ask(app, "POST", target, b""), "Request must specify data.")
    refused(ask(app, "POST", f"{BROWSER}/upload-artifact?run_uuid={run_id}", b"x"), "Request must specify path.")
    refused(ask(app, "POST", f"{BROWSER}/upload-artifact?path=a", b"x"), "Request must specify run_uuid.")
    assert ask(app, "POST", f"{BROWSER}/upload-artifact?run_uuid={run_id}&path=../y", b"x").status == 400
    assert ask(app, "POST", target, b"x" * (10 * 1024 * 1024 + 1)).status == 413
    foreign = {"origin": "https://elsewhere.example", "content-type": "text/plain"}
    assert ask(app, "POST", target, b"x", foreign).status == 403


def test_transfers_that_need_an_object_store(app: Dispatcher, config: ServerConfig) -> None:
    run_id = new_run(config)
    files = "/api/2.0/mlflow-artifacts"
    for step in ("create", "complete", "abort"):
        answer = ask(app, "POST", f"{files}/mpu/{step}/a", {"path": "a/b", "num_parts": 2})
        refused(answer, "Multipart upload is not supported", 501, "NOT_IMPLEMENTED")
        assert ask(app, "POST", f"{files}/mpu/{step}/../a", {"path": "a/b"}).status == 400
    refused(ask(app, "GET", f"{files}/presigned/a/b"), "Multipart download is not", 501, "NOT_IMPLEMENTED")
    upload, download = f"{API}/artifacts/presigned-upload-url", f"{API}/artifacts/presigned-download-url"
    refused(ask(app, "POST", upload, {"run_id": run_id, "path": "a"}), "Presigned upload is not supported")
    refused(ask(app, "POST", upload, {"path": "a"}), "Exactly one of run_id and model_id")
    refused(ask(app, "POST", upload, {"run_id": run_id}), "Missing value for required parameter 'path'.")
    assert ask(app, "POST", upload, {"run_id": run_id, "path": "../a"}).status == 400
    refused(ask(app, "POST", download, {"run_id": run_id, "path": "a"}), "Presigned download is not supported")
    refused(ask(app, "POST", download, {"run_id": run_id, "path": "a", "expiration": 0}), "expiration must be between")
    elsewhere = config.tracking.create_experiment("elsewhere", "s3://bucket/x")
    run_id = config.tracking.create_run(elsewhere).info.run_id
    answer = ask(app, "POST", download, {"run_id": run_id, "path": "a"})
    refused(answer, "Presigned download is not supported", 501, "NOT_IMPLEMENTED")
