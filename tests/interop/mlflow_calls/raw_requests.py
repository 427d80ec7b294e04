"""Requests that MLflow's own client would not send, or not so: statuses, error codes and bodies on the wire."""

import json
import urllib.error
import urllib.request
from typing import Any

from tests.interop.mlflow_calls.recorder import Recorder

API, BROWSER = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow"
NO_RUN, NO_MODEL = "0" * 32, f"m-{'0' * 32}"


def send(url: str, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
    """Send one request; return the status and the answer, decoded where it is JSON."""
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url + path, data, {"Content-Type": kind} if data is not None else {}, method=method
    )
    try:
        with urllib.request.urlopen(request) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, f"{len(text)} bytes that are not JSON" if status >= 400 else text.decode("latin-1")


def requests_of_all_kinds(r: Recorder, url: str) -> None:
    """Send them all."""

    def keep(method: str, path: str, body: Any = None, name: str = "", kind: str = "application/json") -> Any:
        status, answer = send(url, method, path, body, kind)
        shown = name or f"{method} {path}" + (f" {json.dumps(body)}" if body is not None else "")
        if status >= 400:
            answer = {"error_code": answer.get("error_code")} if isinstance(answer, dict) else None
        r.keep(shown, {"status": status, "answer": answer})
        return answer

    e = keep("POST", f"{API}/experiments/create", {"name": "raw"})["experiment_id"]
    first_run = {"experiment_id": e, "run_name": "raw", "start_time": 2}
    run = send(url, "POST", f"{API}/runs/create", first_run)[1]["run"]["info"]["run_id"]
    keep("POST", f"{API}/runs/create", {"experiment_id": e, "run_name": "bare", "start_time": 1}, "runs/create")
    other = send(url, "POST", f"{API}/experiments/create", {"name": "raw, too"})[1]["experiment_id"]
    keep("POST", f"{API}/runs/create", {"experiment_id": other, "run_name": "bare"}, "runs/create without time")
    keep("GET", f"{API}/runs/get?run_uuid={run}", name="runs/get by run_uuid")
    for missing in (
        "experiments/create", "experiments/delete", "experiments/update", "experiments/set-experiment-tag",
                    "runs/log-metric", "runs/log-parameter", "runs/set-tag", "runs/delete-tag", "runs/log-batch",
                    "runs/delete", "runs/update", "runs/log-inputs", "runs/outputs", "logged-models",
                    "registered-models/create", "registered-models/rename", "registered-models/set-tag",
                    "registered-models/alias", "model-versions/create", "model-versions/transition-stage",
                    "webhooks"):  # fmt: skip
        keep("POST", f"{API}/{missing}", {})
    for missing in ("experiments/get", "experiments/get-by-name", "runs/get", "metrics/get-history", "artifacts/list",
                    "registered-models/get", "registered-models/alias", "model-versions/get",
                    "model-versions/get-download-uri"):  # fmt: skip
        keep("GET", f"{API}/{missing}")
    bodies: tuple[Any, ...] = (
        {"name": 7}, {"name": "x", "tags": "text"}, {"name": "x", "tags": [{"key": "k"}]}, {"name": None},
        {"nome": "x"},
        b"not json", b'"text"',
    )  # fmt: skip
    for body in bodies:
        shown = body.decode() if isinstance(body, bytes) else json.dumps(body)
        keep("POST", f"{API}/experiments/create", body, f"experiments/create {shown}")
    points: tuple[tuple[str, dict[str, Any]], ...] = (
        ("as text", {"value": "1.5", "timestamp": "7", "step": "3"}),
        ("NaN as text", {"value": "NaN", "timestamp": 7}),
        ("without step", {"value": 2, "timestamp": 7}),
        ("without time", {"value": 2}),
        ("without value", {"timestamp": 7}),
        ("value null", {"value": None, "timestamp": 7}),
        ("value text", {"value": "many", "timestamp": 7}),
        ("negative time", {"value": 1, "timestamp": -7}),
        ("unknown field", {"value": 1, "timestamp": 7, "colour": "red"}),
    )  # fmt: skip
    for name, point in points:
        keep("POST", f"{API}/runs/log-metric", {"run_id": run, "key": "m", **point}, f"runs/log-metric {name}")
    keep(
        "POST",
        f"{API}/runs/log-metric",
        {"run_uuid": run, "key": "u", "value": 1, "timestamp": 1},
        "runs/log-metric uuid",
    )
    keep("GET", f"{API}/metrics/get-history?run_id={run}&metric_key=m", name="metrics/get-history")
    first = send(url, "GET", f"{API}/metrics/get-history?run_id={run}&metric_key=m&max_results=1")[1]
    token = first["next_page_token"]
    keep("GET", f"{API}/metrics/get-history?run_id={run}&metric_key=m&max_results=1&page_token={token}",
         name="metrics/get-history second page")  # fmt: skip
    keep("GET", f"{API}/metrics/get-history?run_id={run}&metric_key=m&max_results=0", name="metrics/get-history none")
    keep("POST", f"{API}/runs/update", {"run_id": run, "status": 3}, "runs/update status number")
    keep("POST", f"{API}/runs/update", {"run_id": run, "status": "NOSUCH"}, "runs/update unknown status")
    keep("GET", f"{API}/experiments/search?max_results=1")
    keep("GET", f"{API}/experiments/search")
    keep("POST", f"{API}/runs/search", {"experiment_ids": [e], "max_results": 1, "order_by": ["attributes.start_time"]},
         "runs/search")  # fmt: skip
    keep("POST", f"{API}/runs/search", {"experiment_ids": ["x"]})
    keep("POST", f"{API}/runs/search", {"experiment_ids": [e], "run_view_type": "ALL"}, "runs/search ALL")
    for method, path in (("GET", "/nothing"), ("GET", f"{API}/nothing"), ("PUT", f"{API}/runs/create"),
                         ("GET", f"{API}/runs/create"), ("GET", f"{API}/runs/get/")):  # fmt: skip
        keep(method, path)
    # artifacts
    keep("PUT", "/api/2.0/mlflow-artifacts/artifacts/x/raw.txt", b"hello", "artifact put", "text/plain")
    keep("GET", "/api/2.0/mlflow-artifacts/artifacts/x/raw.txt", name="artifact get")
    keep("GET", "/api/2.0/mlflow-artifacts/artifacts?path=x", name="artifact list")
    keep("GET", "/api/2.0/mlflow-artifacts/artifacts?path=none", name="artifact list nothing")
    keep("GET", "/api/2.0/mlflow-artifacts/artifacts?path=x/raw.txt", name="artifact list a file")
    keep("GET", "/api/2.0/mlflow-artifacts/artifacts/x/none", name="artifact get nothing")
    keep("DELETE", "/api/2.0/mlflow-artifacts/artifacts/x/raw.txt", name="artifact delete")
    keep("DELETE", "/api/2.0/mlflow-artifacts/artifacts/x/raw.txt", name="artifact delete again")
    for path in ("..%2Fx", "%2e%2e/x", "a/..%2f..%2fx", "a%5C..%5Cx"):
        keep("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}")
        keep("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", b"x", f"PUT {path}", "text/plain")
        keep("GET", f"{API}/artifacts/list?run_id={run}&path={path}", name=f"artifacts/list {path}")
    keep("POST", f"{BROWSER}/upload-artifact?run_uuid={run}&path=up/x.txt", b"hello", "upload-artifact", "text/plain")
    keep("POST", f"{BROWSER}/upload-artifact?run_uuid={run}", b"hello", "upload-artifact without path", "text/plain")
    keep("GET", f"{API}/artifacts/list?run_id={run}&path=up", name="artifacts/list")
    keep("GET", f"/get-artifact?run_id={run}&path=up/x.txt", name="get-artifact")
    keep("GET", f"/get-artifact?run_id={run}&path=none", name="get-artifact nothing")
    keep("GET", f"/get-artifact?run_id={NO_RUN}&path=none", name="get-artifact unknown run")
    for step in ("create", "complete", "abort"):
        keep("POST", f"/api/2.0/mlflow-artifacts/mpu/{step}/a", {"path": "a/b", "num_parts": 2, "upload_id": "x",
             "parts": [{"part_number": 1, "etag": "e"}]}, f"mpu/{step}")  # fmt: skip
    keep("GET", "/api/2.0/mlflow-artifacts/presigned/a/b")
    keep("POST", f"{API}/artifacts/presigned-upload-url", {"run_id": run, "path": "a"}, "presigned-upload-url")
    keep("POST", f"{API}/artifacts/presigned-upload-url", {"path": "a"})
    keep("POST", f"{API}/artifacts/presigned-download-url", {"run_id": run, "path": "a"}, "presigned-download-url")
    # what the web interface asks for
    batch = [{"key": "curve", "value": i * 1.5, "timestamp": 1000 + i, "step": i} for i in range(10)]
    send(url, "POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": batch})
    for query in ("", "&max_results=1", "&max_results=3", "&max_results=9", "&start_step=2&end_step=8&max_results=3",
                  "&start_step=2", "&start_step=5&end_step=2", "&max_results=0", "&max_results=2501"):  # fmt: skip
        keep("GET", f"{BROWSER}/metrics/get-history-bulk-interval?run_ids={run}&metric_key=curve{query}",
             name=f"get-history-bulk-interval{query}")  # fmt: skip
    keep("GET", f"{BROWSER}/metrics/get-history-bulk-interval?metric_key=curve")
    keep("GET", f"{BROWSER}/metrics/get-history-bulk?run_id={run}&metric_key=curve", name="get-history-bulk")
    keep("GET", f"{BROWSER}/metrics/get-history-bulk?run_id={NO_RUN}&metric_key=curve")
    keep("GET", f"{BROWSER}/metrics/get-history-bulk?metric_key=curve")
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}
    context = [{"key": "mlflow.data.context", "value": "train"}]
    send(url, "POST", f"{API}/runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset, "tags": context}]})
    keep("POST", f"{BROWSER}/experiments/search-datasets", {"experiment_ids": [e]}, "search-datasets")
    keep("POST", f"{BROWSER}/experiments/search-datasets", {"experiment_ids": []})
    model = {"artifact_path": "m", "flavors": {}, "utc_time_created": "2020-01-01 00:00:00.000000", "run_id": run}
    keep("POST", f"{API}/runs/log-model", {"run_id": run, "model_json": json.dumps(model)}, "runs/log-model")
    keep("POST", f"{API}/runs/log-model", {"run_id": run, "model_json": "{}"}, "runs/log-model incomplete")
    keep("POST", f"{API}/runs/log-model", {"run_id": run, "model_json": "no"}, "runs/log-model not JSON")
    # models
    made = send(url, "POST", f"{API}/logged-models", {"experiment_id": e, "name": "raw"})[1]["model"]["info"][
        "model_id"
    ]
    keep("GET", f"{API}/logged-models/{made}", name="logged-models/get")
    keep("GET", f"{API}/logged-models/{NO_MODEL}")
    keep("PATCH", f"{API}/logged-models/{made}", {"model_id": made, "status": 2}, "logged-models/finalize")
    keep("PATCH", f"{API}/logged-models/{made}", {"model_id": made}, "logged-models/finalize without status")
    keep("PATCH", f"{API}/logged-models/{made}/tags", {"model_id": made, "tags": [{"key": "k", "value": "v"}]},
         "logged-models/tags")  # fmt: skip
    keep("POST", f"{API}/logged-models/search", {"experiment_ids": []})
    keep("POST", f"{API}/registered-models/create", {"name": "raw model"})
    keep("GET", f"{API}/registered-models/get?name=raw%20model")
    keep("PATCH", f"{API}/registered-models/update", {"name": "raw model"})
    keep("POST", f"{API}/model-versions/create", {"name": "raw model", "source": "s3://a/b"})
    keep("GET", f"{API}/model-versions/get?name=raw%20model&version=1")
    for version in ("0", "-1", "abc", "1.0", "", "%2B1", "%201"):
        keep("GET", f"{API}/model-versions/get-download-uri?name=raw%20model&version={version}")
    keep("POST", f"{API}/model-versions/transition-stage", {"name": "raw model", "version": "1", "stage": "Archived",
         "archive_existing_versions": True})  # fmt: skip
    keep("POST", f"{API}/registered-models/get-latest-versions", {"name": "raw model"})
    keep("GET", f"{API}/registered-models/get-latest-versions?name=raw%20model&stages=None")
    keep("GET", f"{API}/registered-models/alias?name=raw%20model&alias=none")
    keep("GET", f"{API}/model-versions/search?max_results=1")
    keep("GET", f"{API}/registered-models/search?max_results=1&order_by=name%20DESC")
    # webhooks
    hook = {
        "name": "raw",
        "url": "https://93.184.216.34/",
        "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}],
    }
    keep("POST", f"{API}/webhooks", {**hook, "secret": "s"}, "webhooks/create")
    changes: tuple[dict[str, Any], ...] = (
        {"name": "A b"},
        {"events": []},
        {"url": "https://10.0.0.1/"},
        {"url": "ftp://x/"},
        {"events": [{"entity": "MODEL_VERSION", "action": "SET"}]},
    )
    for change in changes:
        keep("POST", f"{API}/webhooks", {**hook, **change})
    keep("GET", f"{API}/webhooks")
    keep("GET", f"{API}/webhooks?max_results=1001")
    keep("GET", f"{API}/webhooks/none")
    keep("GET", "/health")
