"""The table of routes: each row has a permission, and each failing request the same shape of answer."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from tests.server.asgi import Answer, ask

from siglum.core.errors import SiglumError
from siglum.server import dispatch, errors
from siglum.server.dispatch import Dispatcher
from siglum.server.route import Api, Permission, Route
from siglum.server.routes import ROUTES
from siglum.tracking.calls import Empty

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
READING_POSTS = ("/search", "/search-datasets", "/runs/page", "/get-latest-versions", "/presigned-download-url")
MARK = "x-reflected-7c1f"


def every_path() -> Iterator[tuple[str, str, Route]]:
    for route in ROUTES:
        for path in route.paths:
            yield route.method, path, route


EVERY_ROUTE = pytest.mark.parametrize(
    "route", [pytest.param(route, id=f"{route.method} {route.paths[0]}") for route in ROUTES]
)


def assert_is_error(answer: Answer, status: int | None = None) -> None:
    assert 400 <= answer.status < 500 or answer.status == 501, (answer.status, answer.body)
    assert status in (None, answer.status), answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    body = answer.json
    assert set(body) == {"error_code", "message", "siglum"}
    assert body["error_code"].isupper()
    assert body["message"]
    assert {"code", "message", "hint"} <= set(body["siglum"])
    assert MARK.encode() not in answer.body


@EVERY_ROUTE
def test_each_route_has_a_permission_that_fits_its_method(route: Route) -> None:
    assert isinstance(route.permission, Permission)
    if route.method == "GET":
        assert not route.changes, route.path
    elif not route.path.endswith(READING_POSTS):
        assert route.changes, route.path
    if route.permission is Permission.PUBLIC:
        assert route.path in ("/", "/health", "/version", "/mlflow/server-info", "/openapi.json")


def test_both_spellings_are_the_same_row() -> None:
    served = {(method, path) for method, path, _ in every_path()}
    for method, path in served:
        if path.startswith(("/api/2.0/", "/api/3.0/")):
            assert (method, path.replace("/api/", "/ajax-api/", 1)) in served
        if path.startswith("/api/2.0/mlflow"):
            assert (method, path.replace("/2.0/", "/2.0/preview/", 1)) in served


def test_a_route_cannot_be_made_without_a_permission() -> None:
    def work(*_arguments: object) -> Empty:
        return Empty()

    with pytest.raises(TypeError, match="permission"):
        Route(method="GET", path="/x", request=Empty, response=Empty, handler=work)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="permission"):
        Route(
            method="GET",
            path="/x",
            request=Empty,
            response=Empty,
            handler=work,
            permission=None,  # type: ignore[arg-type]
        )
    with pytest.raises(TypeError, match="handler or a stream"):
        Route(method="GET", path="/x", request=Empty, permission=Permission.READ)
    made = Route(
        method="GET", path="/x", request=Empty, response=Empty, handler=work, permission=Permission.READ, api=Api.ROOT
    )
    assert made.paths == ("/x",)


IS_JSON = {"content-type": "application/json"}
BAD_BODIES = [
    b"not json",
    b"[]",
    b'"text"',
    b"null",
    b'{"name": 7, "key": 7, "run_id": 7, "experiment_id": 7, "model_id": 7, "metrics": 7, "tags": "x"}',
    b'{"name": "\xff"}',
    b"[" * 5000,
    b'{"run_id": "' + b"0" * 32 + b'", "key": "a", "value": NaN, "timestamp": 1}',
]


BAD_QUERIES = ["?a=%ff", "?max_results=x&path=..&run_id=%00", "?path=%2e%2e%2fetc&run_id=a", "?" + "a=1&" * 11_000]


def missing(path: str) -> str:
    """Return a path whose parameters name things that are not there."""
    for parameter, value in (
        ("{model_id}", f"m-{'0' * 32}"),
        ("{webhook_id}", "none"),
        ("{tag_key:path}", "k"),
        ("{path:path}", "a/b"),
        ("{artifact_path:path}", "a/b"),
    ):
        path = path.replace(parameter, value)
    assert "{" not in path
    return path


def is_refusal(answer: Answer) -> bool:
    """Whether the answer is no bug. What the server does not have, it answers with 501, which no client repeats."""
    return answer.status < 500 or answer.status == 501


@EVERY_ROUTE
def test_bad_requests_have_one_shape(shared_app: Dispatcher, route: Route) -> None:
    """Whatever is sent, in whichever spelling: never a 5xx, never a request header in the answer."""
    headers = {"content-type": "application/json", "user-agent": MARK, "x-siglum-user": MARK, "cookie": MARK}
    for target in map(missing, route.paths):
        if route.handler is not None and route.method != "GET":
            for body in BAD_BODIES:
                answer = ask(shared_app, route.method, target, body, headers)
                # What the path says may be enough for a route that needs no body.
                assert is_refusal(answer), (body, answer.body)
                if answer.status >= 400:
                    assert_is_error(answer)
        if route.method in ("POST", "PUT") and route.handler is not None:
            for declared in ({}, {"content-type": "text/plain"}, {"content-type": f"application/{MARK}"}):
                assert_is_error(ask(shared_app, route.method, target, b"{}", declared), 415)
        if route.method == "GET":
            for query in BAD_QUERIES:
                answer = ask(shared_app, "GET", target + query, headers=headers)
                assert is_refusal(answer), (query, answer.body)
                if answer.status >= 400:
                    assert_is_error(answer)


@EVERY_ROUTE
def test_a_wrong_method_says_which_are_right(shared_app: Dispatcher, route: Route) -> None:
    for target in map(missing, route.paths):
        for other in ("OPTIONS", "TRACE", "BREW"):
            answer = ask(shared_app, other, target, headers={"x-siglum-user": MARK})
            assert_is_error(answer, 405)
            assert route.method in answer.headers["allow"]


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "/api/2.0/mlflow/runs/get/",
        "/api/2.0/mlflow//runs/get",
        "/API/2.0/mlflow/runs/get",
        "/api/9.0/mlflow/runs/get",
        "/api/2.0/mlflow/%72uns/get",
        f"/{MARK}",
    ],
)
def test_unknown_addresses(app: Dispatcher, target: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        answer = ask(app, method, target)
        assert_is_error(answer, 404)
        assert answer.json["error_code"] == "ENDPOINT_NOT_FOUND"


def test_what_is_missing_is_named(app: Dispatcher) -> None:
    answer = ask(app, "POST", "/api/2.0/mlflow/experiments/create", {})
    assert answer.json["message"] == "Missing value for required parameter 'name'."
    answer = ask(app, "GET", "/api/2.0/mlflow/runs/get")
    assert answer.json["message"] == "Missing value for required parameter 'run_id'."
    body = {"run_id": "a" * 32, "metrics": [{"key": "a", "value": 1}]}
    answer = ask(app, "POST", "/api/2.0/mlflow/runs/log-batch", body)
    assert answer.json["message"] == "Missing value for required parameter 'metrics[0].timestamp'."


@pytest.mark.parametrize("values", ["11", "12"])
def test_a_parameter_twice_in_one_batch_is_refused_as_mlflow_refuses_it(app: Dispatcher, values: str) -> None:
    runs = "/api/2.0/mlflow/runs"
    run_id = ask(app, "POST", f"{runs}/create", {"experiment_id": "0"}).json["run"]["info"]["run_id"]
    params = [{"key": "p", "value": value} for value in values]
    answer = ask(app, "POST", f"{runs}/log-batch", {"run_id": run_id, "params": params})
    assert_is_error(answer, 400)
    assert answer.json["error_code"] == "INVALID_PARAMETER_VALUE"
    for _ in range(2):  # in requests of its own it may come again
        assert ask(app, "POST", f"{runs}/log-batch", {"run_id": run_id, "params": params[:1]}).status == 200
    assert ask(app, "GET", f"{runs}/get?run_id={run_id}").json["run"]["data"]["params"] == params[:1]


def test_what_python_writes_for_nan_is_read_as_mlflow_reads_it(app: Dispatcher) -> None:
    runs = "/api/2.0/mlflow/runs"
    run_id = ask(app, "POST", f"{runs}/create", {"experiment_id": "0"}).json["run"]["info"]["run_id"]
    point = '{"key": "%s", "value": %s, "timestamp": "1", "step": 2}'
    points = ", ".join(point % pair for pair in (("a", "NaN"), ("b", "-Infinity"), ("c", "Infinity"), ("d", "1")))
    body = f'{{"run_id": "{run_id}", "metrics": [{points}]}}'
    assert ask(app, "POST", f"{runs}/log-batch", body.encode(), IS_JSON).status == 200
    found = ask(app, "GET", f"{runs}/get?run_id={run_id}").json["run"]["data"]["metrics"]
    assert [(m["value"], m["step"]) for m in found] == [("NaN", 2), ("-Infinity", 2), ("Infinity", 2), (1.0, 2)]
    for bad in (b"1" + b"0" * 400, b"{}", b'"\\ud800"', b"[" * 5000):
        told = b'{"run_id": "%b", "key": "a", "value": %b, "timestamp": 1, "x": NaN}' % (run_id.encode(), bad)
        assert_is_error(ask(app, "POST", f"{runs}/log-metric", told, IS_JSON), 400)


def test_a_bug_is_logged_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    status, body, _ = errors.answer(ZeroDivisionError("secret"))
    assert status == 500
    assert b"secret" not in body
    assert "secret" in caplog.text
    assert msgspec.json.decode(body)["error_code"] == "INTERNAL_ERROR"


def test_every_error_of_the_tree_has_an_answer() -> None:
    for kind in SiglumError.__subclasses__():
        if kind.code != "file-format":
            made = kind("What.", hint="Do.")
            status, body, _ = errors.answer(made)
            assert status == kind.http_status
            assert msgspec.json.decode(body)["message"] == "What. Do."


@pytest.mark.parametrize("in_loop", [0, 1_000_000])
def test_what_is_logged_is_the_same_from_a_thread_and_from_the_loop(
    app: Dispatcher, monkeypatch: pytest.MonkeyPatch, in_loop: int
) -> None:
    monkeypatch.setattr(dispatch, "LOOP_BYTES", in_loop)
    runs = "/api/2.0/mlflow/runs"
    run_id = ask(app, "POST", f"{runs}/create", {"experiment_id": "0"}).json["run"]["info"]["run_id"]
    for call, fields in (
        ("log-metric", {"key": "m", "value": 1, "timestamp": 1}),
        ("log-parameter", {"key": "p", "value": "1"}),
        ("set-tag", {"key": "t", "value": "1"}),
        ("log-batch", {"metrics": [{"key": "m", "value": 2, "timestamp": 2, "step": 1}]}),
    ):
        answer = ask(app, "POST", f"{runs}/{call}", {"run_id": run_id, **fields})
        assert (answer.status, answer.body) == (200, b"{}")
        assert_is_error(ask(app, "POST", f"{runs}/{call}", {"run_id": "0" * 32, **fields}), 404)
        assert_is_error(ask(app, "POST", f"{runs}/{call}", fields), 400)
    data = ask(app, "GET", f"{runs}/get?run_id={run_id}").json["run"]["data"]
    assert [(m["key"], m["value"], m["step"]) for m in data["metrics"]] == [("m", 2.0, 1)]
    assert data["params"] == [{"key": "p", "value": "1"}]
    assert {"key": "t", "value": "1"} in data["tags"]
