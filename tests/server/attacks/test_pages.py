"""What a web page could do: requests from elsewhere, texts that become markup, headers in answers (T8, T17, T18)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.asgi import ask
from tests.server.attacks.table import API, JSON, Scene, Sent, ask_all, every_path, fields_of

from siglum.server.dispatch import Dispatcher
from siglum.tracking.sql.database import Database

Attacked = tuple[Dispatcher, Scene, Path]

FOREIGN = [
    {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://localhost:5001"}, {"origin": "file://"},
    {"origin": "http://localhost.evil.example:5000"}, {"sec-fetch-site": "cross-site"},
    {"origin": "https://evil.example", "sec-fetch-site": "same-origin"}, {"origin": ""},
]  # fmt: skip


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: repr(headers))
def test_no_foreign_page_changes_anything(attacked: Attacked, headers: dict[str, str]) -> None:
    app, scene, _ = attacked
    requests = []
    for route, path in every_path():
        if route.method != "GET":
            sent = scene.request(route, path)
            requests += [
                Sent(sent.method, sent.target, sent.body, {**headers, "content-type": declared})
                for declared in ("application/json", "text/plain")
            ]
    for sent, answer in ask_all(app, requests):
        assert answer.status == 403, (sent, answer.body)


@pytest.mark.parametrize(
    "declared",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json-patch",
     "text/plain;application/json", "text/plain, application/json", " ", None],
)  # fmt: skip
def test_no_form_reaches_a_route(attacked: Attacked, declared: str | None) -> None:
    """A form cannot name another method than GET and POST, nor a body of JSON."""
    app, scene, _ = attacked
    requests = []
    for route, path in every_path():
        if route.method == "POST" and route.handler is not None:
            sent = scene.request(route, path)
            requests.append(
                Sent("POST", sent.target, sent.body, {} if declared is None else {"content-type": declared})
            )
    for sent, answer in ask_all(app, requests):
        assert answer.status == 415, (sent, answer.body)


def test_reading_changes_nothing(attacked: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
    """GET is what a page may send: no such route writes, whatever fields it is given."""
    app, scene, _ = attacked
    written: list[object] = []
    monkeypatch.setattr(Database, "submit", lambda _self, work, _weight=1: written.append(work))
    requests = []
    for route, path in every_path():
        if route.method == "GET":
            requests += [scene.request(route, path), scene.request(route, path, {"max_results": 1, "filter": ""})]
    for sent, answer in ask_all(app, requests):
        assert answer.status < 500 or answer.status == 501, (sent, answer.body)
    assert written == []


MARKUP = "<script>alert('mark-7c1f')</script>\"'><svg onload=alert(1)>"


def test_no_text_becomes_markup(attacked: Attacked) -> None:
    """What clients have written comes back as JSON or as a download, whichever route tells it."""
    app, scene, _ = attacked
    run = scene.values["run_id"]
    for path, body in (
        ("runs/create", {"experiment_id": "0", "run_name": MARKUP, "user_id": MARKUP}),
        ("runs/set-tag", {"run_id": run, "key": "mlflow.note.content", "value": MARKUP}),
        ("runs/log-parameter", {"run_id": run, "key": "formula", "value": "=cmd|' /C calc'!A0" + MARKUP}),
        ("registered-models/create", {"name": MARKUP.replace("/", ""), "description": MARKUP}),
        ("experiments/create", {"name": MARKUP}),
    ):
        assert ask(app, "POST", f"{API}/{path}", body).status == 200, path
    requests = [scene.request(route, path) for route, path in every_path() if route.method == "GET"]
    requests += [Sent("POST", f"{API}/runs/search", b'{"experiment_ids": ["0"]}', JSON)]
    seen = 0
    for sent, answer in ask_all(app, requests):
        seen += b"mark-7c1f" in answer.body
        assert answer.headers["x-content-type-options"] == "nosniff", sent
        kind = answer.headers["content-type"].partition(";")[0]
        if kind == "text/html":
            assert sent.target == "/"
            assert b"mark-7c1f" not in answer.body
        elif kind not in ("application/json", "text/plain"):
            assert answer.headers["content-disposition"].startswith("attachment"), sent
    assert seen >= 5


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.pdf", "x.xml", "x.js", "x.csv", "MLmodel", "x.yaml", "x"])
def test_no_file_is_shown_as_a_page(attacked: Attacked, name: str) -> None:
    """Also not one that was uploaded as a page, by each route that delivers files."""
    app, scene, _ = attacked
    root = str(scene.values["path"]).removesuffix("/a/b.txt")
    put = ask(
        app, "PUT", f"/api/2.0/mlflow-artifacts/artifacts/{root}/{name}", MARKUP.encode(), {"content-type": "text/html"}
    )
    assert put.status == 200
    targets = [f"/get-artifact?run_id={scene.values['run_id']}&path={name}"]
    targets += [
        path.replace("{path:path}", f"{root}/{name}")
        for route, path in every_path()
        if route.method == "GET" and route.path.startswith("/mlflow-artifacts/artifacts/")
    ]
    for target in targets:
        answer = ask(app, "GET", target)
        assert answer.body == MARKUP.encode()
        assert answer.headers["content-type"].partition(";")[0] not in ("text/html", "image/svg+xml", "text/xml")
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]


HUGE = [("content-length", "9" * 5_000), ("range", f"bytes={'9' * 5_000}-"), ("range", f"bytes=-{'9' * 5_000}"),
        ("authorization", "Basic " + "A" * 100_000), ("x-siglum-user", "%00" * 10_000)]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), HUGE, ids=lambda text: text[:12])
def test_no_header_is_too_much(attacked: Attacked, name: str, value: str) -> None:
    app, scene, _ = attacked
    requests = []
    for route, path in every_path():
        sent = scene.request(route, path)
        requests.append(Sent(sent.method, sent.target, sent.body, {**sent.headers, name: value}))
    for sent, answer in ask_all(app, requests):
        assert answer.status < 500 or answer.status == 501, (sent, answer.body)


HEADERS = [
    "user-agent", "referer", "cookie", "accept", "accept-language", "authorization", "x-forwarded-for",
    "x-forwarded-host", "x-forwarded-proto", "content-type", "content-length", "range", "if-none-match", "origin",
    "x-siglum-user", "x-siglum-reason", "host", "transfer-encoding", "sec-fetch-site", "x-http-method-override",
]  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_no_error_reflects_a_header(attacked: Attacked, name: str) -> None:
    app, scene, _ = attacked
    mark = "<script>header-9d2e</script>"
    requests = []
    for route, path in every_path():
        sent = scene.request(route, path, dict.fromkeys(fields_of(route, str)[:1], "nothing"))
        headers = {**sent.headers, name: mark}
        requests += [Sent(sent.method, sent.target, sent.body, headers), Sent("BREW", path, b"", {name: mark})]
    requests.append(Sent("GET", "/nothing", b"", {name: mark}))
    for sent, answer in ask_all(app, requests):
        assert answer.status < 500 or answer.status == 501, (sent, answer.body)
        if answer.status >= 400:
            assert b"header-9d2e" not in answer.body, (sent, answer.body)
            assert not any("header-9d2e" in value for value in answer.headers.values()), sent
