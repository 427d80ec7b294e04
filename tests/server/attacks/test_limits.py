"""Requests that are too large, too deep, too many or too slow (class T19)."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.asgi import ask
from tests.server.attacks.table import (
    API,
    EACH_ROUTE,
    JSON,
    Scene,
    Sent,
    ask_all,
    assert_refused_or_harmless,
    every_path,
    fields_of,
    spellings,
)

from siglum.server import exchange
from siglum.server.dispatch import Dispatcher
from siglum.server.route import Route

Attacked = tuple[Dispatcher, Scene, Path]

NESTED = [
    b"[" * 50_000,
    b'{"tags":' * 50_000,
    b'{"a":' * 200 + b"1" + b"}" * 200,
    b'{"tags": [' + b"[]," * 50_000 + b"[]]}",
]
NUMBERS = [b"1e999", b"-1e999", b"NaN", b"Infinity", b"-0", b"9223372036854775808", b"-9223372036854775809",
           b"1" * 5000, b"0.5", b'"9223372036854775808"', b'"NaN"', b"true", b"null", b'"\\u0661"', b"1e3"]  # fmt: skip


@EACH_ROUTE
def test_deep_and_large_bodies(attacked: Attacked, route: Route) -> None:
    app, scene, _ = attacked
    if route.handler is None or route.method == "GET":
        return
    for path in spellings(route):
        sent = scene.request(route, path)
        bodies = [*NESTED, b'{"x": "%s"}' % (b"x" * 1_000_001)]
        for each, answer in ask_all(app, [Sent(sent.method, sent.target, body, JSON) for body in bodies]):
            assert_refused_or_harmless(each, answer)
        assert answer.status == 413
        declared = Sent(sent.method, sent.target, b"{}", {**JSON, "content-length": "9" * 30})
        assert ask_all(app, [declared])[0][1].status == 413


@EACH_ROUTE
def test_numbers_that_do_not_fit(attacked: Attacked, route: Route) -> None:
    app, scene, _ = attacked
    requests = []
    for path, kind in itertools.product(spellings(route), (int, float)):
        for field in fields_of(route, kind):
            sent = scene.request(route, path, {field: 77_123})
            for number in NUMBERS:
                target = sent.target.replace("77123", number.decode().strip('"'))
                requests.append(Sent(sent.method, target, sent.body.replace(b"77123", number), sent.headers))
    for each, answer in ask_all(app, requests):
        assert_refused_or_harmless(each, answer)


@EACH_ROUTE
def test_lists_that_are_too_long_and_texts_too(attacked: Attacked, route: Route) -> None:
    app, scene, _ = attacked
    requests = []
    for path in spellings(route):
        for field in fields_of(route, list):
            if route.method != "GET":
                entry = {"key": "k", "value": "v", "name": "n", "entity": "x", "action": "y"}
                requests.append(scene.request(route, path, {field: [entry] * 5_000}))
            requests.append(scene.request(route, path, {field: ["0"] * 5_000}))
        requests += [scene.request(route, path, {field: "x" * 200_000}) for field in fields_of(route, str)]
    for each, answer in ask_all(app, requests):
        assert_refused_or_harmless(each, answer)


def test_a_batch_has_its_limits(attacked: Attacked) -> None:
    app, scene, _ = attacked
    run_id = scene.values["run_id"]
    point = {"key": "a", "value": 1, "timestamp": 1}
    pair = {"key": "a", "value": "1"}
    batches: list[dict[str, Any]] = [
        {"metrics": [point] * 1001},
        {"params": [{"key": f"p{i}", "value": "1"} for i in range(101)]},
        {"tags": [pair] * 101},
        {"params": [pair, {"key": "a", "value": "2"}]},
        {"metrics": [point] * 950, "tags": [pair] * 60},
        {"metrics": [{**point, "key": "x" * 251}]},
        {"params": [{"key": "x" * 251, "value": "1"}]},
        {"tags": [{"key": "k", "value": "x" * 100_001}]},
    ]
    for prefix, batch in itertools.product((API, API.replace("/api/", "/ajax-api/")), batches):
        answer = ask(app, "POST", f"{prefix}/runs/log-batch", {"run_id": run_id, **batch})
        assert answer.status == 400, (batch, answer.body)


SLOW = [
    "params.a LIKE '" + "%a" * 900 + "%b'",
    "params.a RLIKE '(a+)+$'",
    "params.a RLIKE '(a|a)*b'",
    "params.a RLIKE '" + "(a{1,100}){1,100}" + "'",
    "(" * 2_000 + "metrics.a > 1" + ")" * 2_000,
    "NOT " * 5_000 + "metrics.a > 1",
    " AND ".join(["metrics.a > 1"] * 5_000),
    "params.a IN (" + ", ".join(["'x'"] * 50_000) + ")",
    "metrics.a > 1" + " " * 200_000,
    "tags." + "a" * 100_000 + " = 'x'",
]


@pytest.mark.parametrize("text", SLOW, ids=lambda text: text[:24])
def test_no_search_takes_for_ever(attacked: Attacked, text: str) -> None:
    """Each is refused or answered; the time limit of the tests ends what is not."""
    app, scene, _ = attacked
    body = {"run_id": scene.values["run_id"], "key": "a", "value": "a" * 2_000}
    ask(app, "POST", f"{API}/runs/log-parameter", body)
    requests = [
        scene.request(route, path, {field: value})
        for route, path in every_path()
        for field, value in (("filter", text), ("order_by", [text]))
        if field in fields_of(route, str) or (field == "order_by" and field in fields_of(route, list))
    ]
    for sent, answer in ask_all(app, requests):
        assert_refused_or_harmless(sent, answer)


def test_an_upload_that_stalls_is_given_up(attacked: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold a thread for ever; what has arrived of it leaves nothing."""
    app, _, folder = attacked
    monkeypatch.setattr(exchange, "IDLE_SECONDS", 0.05)
    before = {path for path in (folder / "artifacts").rglob("*") if path.is_file()}
    sent: list[dict[str, Any]] = []

    async def run() -> None:
        pieces = [{"type": "http.request", "body": b"x" * 1000, "more_body": True}]

        async def receive() -> dict[str, Any]:
            if not pieces:
                await asyncio.sleep(60)
            return pieces.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "PUT", "path": "", "raw_path": b"/api/2.0/mlflow-artifacts/artifacts/slow/x",
                 "query_string": b"", "headers": [(b"host", b"localhost")], "client": None}  # fmt: skip
        await app(scope, receive, send)

    asyncio.run(run())
    assert sent[0]["status"] == 408
    assert msgspec.json.decode(sent[1]["body"])["error_code"] == "DEADLINE_EXCEEDED"
    assert {path for path in (folder / "artifacts").rglob("*") if path.is_file()} == before
