"""Foreign hosts, foreign pages, and who a change is noted under."""

from __future__ import annotations

import pytest
from tests.server.asgi import ask
from tests.server.test_routes import assert_is_error, missing

from siglum.server.app import ServerConfig, create_app
from siglum.server.dispatch import Dispatcher
from siglum.server.guard import Guard, Headers, change_of
from siglum.server.routes import ROUTES

CREATE = "/api/2.0/mlflow/experiments/create"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5000", "LocalHost:1", "127.0.0.1:5000", "[::1]:5000", "[::1]"]
)
def test_own_names(app: Dispatcher, host: str) -> None:
    assert ask(app, "GET", "/health", headers={"host": host}).body == b"OK"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:5000", "localhost.evil.example", "evil.example:localhost", "", "127.0.0.1.nip.io",
     "[::2]:5000", "localhost:5000@evil.example", "xlocalhost", "10.0.0.1:5000"],
)  # fmt: skip
def test_dns_rebinding(app: Dispatcher, host: str) -> None:
    """A page whose name was made to resolve to this machine gets nothing, on no route."""
    for route in ROUTES:
        assert_is_error(ask(app, route.method, missing(route.paths[0]), headers={"host": host}), 403)
    assert_is_error(ask(app, "GET", "/nothing", headers={"host": host}), 403)


def test_two_hosts_are_refused(app: Dispatcher) -> None:
    from siglum.server.errors import RefusedError
    from siglum.server.guard import read_headers

    with pytest.raises(RefusedError):
        read_headers([(b"host", b"localhost"), (b"host", b"evil.example")])


@pytest.mark.parametrize(
    ("allowed", "host", "passes"),
    [
        ("ml.example.com", "ml.example.com", True),
        ("ml.example.com", "ml.example.com:8080", True),
        ("ml.example.com:8080", "ml.example.com:8080", True),
        ("ml.example.com:8080", "ml.example.com:9090", False),
        ("*.example.com", "a.b.example.com:80", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "badexample.com", False),
        ("*", "anything:1", True),
        ("*", "", False),
    ],
)
def test_allowed_hosts(config: ServerConfig, allowed: str, host: str, passes: bool) -> None:
    from siglum.core.errors import PermissionDeniedError

    guard = Guard([allowed])
    if passes:
        guard.check("GET", Headers(host=host))
    else:
        with pytest.raises(PermissionDeniedError):
            guard.check("GET", Headers(host=host))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:6000"},
        {"origin": "file://"},
        {"origin": "http://localhost:5000.evil.example"},
        {"origin": "http://[bad"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://localhost:6000"},
    ],
)
def test_changes_from_foreign_pages(app: Dispatcher, headers: dict[str, str]) -> None:
    for route in ROUTES:
        if route.method != "GET":
            assert_is_error(ask(app, route.method, missing(route.paths[0]), {}, headers), 403)


@pytest.mark.parametrize(
    "declared", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_forms_cannot_change_anything(app: Dispatcher, declared: str) -> None:
    answer = ask(app, "POST", CREATE, b'{"name": "x"}', {"content-type": declared})
    assert_is_error(answer, 415)
    assert ask(app, "GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=x").status == 404


def test_own_page_may(app: Dispatcher) -> None:
    headers = {"origin": "http://localhost:5000", "sec-fetch-site": "same-origin"}
    assert ask(app, "POST", CREATE, {"name": "x"}, headers).status == 200


def test_large_bodies(app: Dispatcher) -> None:
    body = {"name": "x" * 1_100_000}
    assert_is_error(ask(app, "POST", CREATE, body), 413)
    assert_is_error(ask(app, "POST", CREATE, body, {"content-length": "10"}), 413)
    assert_is_error(
        ask(app, "POST", CREATE, b"{}", {"content-type": "application/json", "content-length": "9" * 30}), 413
    )


@pytest.mark.parametrize(
    ("headers", "actor", "reason"),
    [
        (Headers(), "anonymous@10.1.2.3", None),
        (Headers(user="ann", reason="why%20not"), "ann", "why not"),
        (Headers(user="gr%C3%BC%C3%9Fe"), "grüße", None),
        (Headers(authorization="Basic Ym9iOng="), "bob", None),
        (Headers(user="ann", authorization="Basic Ym9iOng="), "ann", None),
        (Headers(authorization="Basic !!"), "anonymous@10.1.2.3", None),
        (Headers(authorization="Bearer x"), "anonymous@10.1.2.3", None),
    ],
)
def test_who_changes_something(headers: Headers, actor: str, reason: str | None) -> None:
    change = change_of(headers, "10.1.2.3")
    assert (change.actor, change.source, change.reason) == (actor, "rest", reason)


def test_the_audit_log_has_actor_and_reason(app: Dispatcher) -> None:
    headers = {"x-siglum-user": "ann", "x-siglum-reason": "f%C3%BCr%20dich"}
    assert ask(app, "POST", "/api/2.0/mlflow/registered-models/create", {"name": "m"}, headers).status == 200
    event = ask(app, "GET", "/api/siglum/1/audit?name=m").json["events"][0]
    assert (event["actor"], event["source"], event["reason"]) == ("ann", "rest", "für dich")
    assert_is_error(
        ask(app, "POST", "/api/2.0/mlflow/registered-models/create", {"name": "n"}, {"x-siglum-user": "a%0Ab"})
    )


def test_two_applications_share_nothing(config: ServerConfig) -> None:
    one, two = create_app(config), create_app(config)
    one.close()
    assert ask(two, "GET", "/health").status == 200
    two.close()
