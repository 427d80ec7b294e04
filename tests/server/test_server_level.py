"""What the server says of itself, and of what it does not have."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.server.asgi import ask

from siglum.server.dispatch import Dispatcher
from siglum.server.out_of_scope import AREAS, Area, area_of
from siglum.server.routes import ROUTES

ENDPOINTS: list[tuple[str, str]] = [
    (method, path)
    for method, path in json.loads((Path(__file__).parent.parent / "interop/mlflow_calls/endpoints.json").read_text())
]


def test_prometheus_sees_routes_and_never_what_clients_write(app: Dispatcher) -> None:
    for target in ("/health", "/health", "/api/2.0/mlflow/runs/get?run_id=private", "/private", "/metrics"):
        ask(app, "GET", target)
    ask(app, "PRIVATE", "/health")
    answer = ask(app, "GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = answer.body.decode()
    assert "private" not in text.lower()
    count = "siglum_http_request_duration_seconds_count"
    for labels, number in (
        ('method="GET",route="/health",status="200"', 2),
        ('method="GET",route="/mlflow/runs/get",status="404"', 1),
        ('method="GET",route="",status="404"', 1),
        ('method="other",route="",status="405"', 1),
        ('method="GET",route="/metrics",status="200"', 1),
    ):
        assert f"{count}{{{labels}}} {number:.1f}" in text
    assert re.search(r"^process_resident_memory_bytes \d", text, re.MULTILINE)
    buckets = re.findall(r'_bucket\{le="([^"]+)",method="GET",route="/health",status="200"\} (\S+)', text)
    assert buckets[-1] == ("+Inf", "2.0")
    assert [float(n) for _, n in buckets] == sorted(float(n) for _, n in buckets)


def test_the_library_for_it_is_not_imported_before() -> None:
    code = "import sys, siglum.server.run; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_each_endpoint_of_mlflow_is_served_or_answers_501(shared_app: Dispatcher) -> None:
    served = {(route.method, re.sub(r"\{[^}]*\}", "<>", path)) for route in ROUTES for path in route.paths}
    refused = 0
    for method, path in ENDPOINTS:
        plain = re.sub(r"<[^>]*>", "<>", path)
        if (method, plain) in served or path.startswith(NOT_AN_ENDPOINT):
            assert area_of(path) is None, path
            continue
        answer = ask(shared_app, method, plain.replace("<>", "x"))
        assert (answer.status, answer.json["error_code"]) == (501, "NOT_IMPLEMENTED"), (method, path)
        assert answer.json["message"].endswith("This endpoint of MLflow is not implemented.")
        refused += 1
    assert refused > 150


NOT_AN_ENDPOINT = (
    "/build/", "/static-files/",  # files of MLflow's web interface
    "/api/2.0mlflow/", "/ajax-api/2.0mlflow/",  # a slip of MLflow's: the same endpoint is served beside it
)  # fmt: skip


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_areas_that_are_not_there(area: Area) -> None:
    for path in area.paths:
        for prefix in ("/api/2.0", "/ajax-api/3.0", "/api/2.0/preview", ""):
            assert area_of(prefix + path) is area
            assert area_of(f"{prefix}{path}/some/id") is area
            assert area_of(f"{prefix}{path}s-else") is not area


def test_a_page_of_another_site_learns_nothing(shared_app: Dispatcher) -> None:
    answer = ask(shared_app, "POST", "/api/2.0/mlflow/traces", b"", {"origin": "https://elsewhere.example"})
    assert answer.status == 403
    assert ask(shared_app, "GET", "/metrics", headers={"host": "elsewhere.example"}).status == 403
