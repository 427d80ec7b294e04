"""Webhooks: kept as MLflow keeps them, delivered as MLflow delivers them, and never to where they must not go."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import threading
from typing import Any

import pytest
from tests.server.asgi import Answer, ask
from tests.server.webhook_receiver import WebhookReceiver

from siglum.core.errors import InvalidInputError, SiglumError
from siglum.registry.webhooks import Receiver
from siglum.server.dispatch import Dispatcher
from siglum.server.webhooks import delivery, sender
from siglum.server.webhooks.targets import TargetRules, is_public

HOOKS = "/api/2.0/mlflow/webhooks"
API = "/api/2.0/mlflow"
PUBLIC = "https://93.184.216.34/x"
MODEL_CREATED = {"entity": "REGISTERED_MODEL", "action": "CREATED"}


def hook(**changes: Any) -> dict[str, Any]:
    return {"name": "hook", "url": PUBLIC, "events": [MODEL_CREATED], **changes}


def create(app: Dispatcher, **changes: Any) -> dict[str, Any]:
    answer = ask(app, "POST", HOOKS, hook(**changes))
    assert answer.status == 200, answer.body
    made: dict[str, Any] = answer.json["webhook"]
    return made


def refused(answer: Answer, status: int = 400) -> str:
    assert answer.status == status, answer.body
    return str(answer.json["message"])


def test_a_webhook_from_beginning_to_end(app: Dispatcher) -> None:
    made = create(app, secret="s3cr3t", description="d", status="DISABLED", events=[MODEL_CREATED, MODEL_CREATED])
    assert made == {
        "webhook_id": made["webhook_id"],
        "name": "hook",
        "description": "d",
        "url": PUBLIC,
        "events": [MODEL_CREATED],
        "status": "DISABLED",
        "creation_timestamp": made["creation_timestamp"],
        "last_updated_timestamp": made["creation_timestamp"],
    }
    one = f"{HOOKS}/{made['webhook_id']}"
    assert ask(app, "GET", one).json == {"webhook": made}
    changed = ask(app, "PATCH", one, {"name": "renamed", "events": [{"entity": 3, "action": 4}], "status": 1})
    assert changed.json["webhook"] | {"last_updated_timestamp": 0} == made | {
        "name": "renamed",
        "events": [{"entity": "MODEL_VERSION_TAG", "action": "SET"}],
        "status": "ACTIVE",
        "last_updated_timestamp": 0,
    }
    assert ask(app, "DELETE", one, {}).json == {}
    for method, path, body in (("GET", one, b""), ("DELETE", one, {}), ("PATCH", one, {}), ("POST", one + "/test", {})):
        assert refused(ask(app, method, path, body), 404) == f"Webhook with ID {made['webhook_id']} not found."


def test_pages_survive_new_webhooks(app: Dispatcher) -> None:
    names = [create(app, name=f"hook-{i}")["name"] for i in range(5)]
    first = ask(app, "GET", f"{HOOKS}?max_results=3").json
    create(app, name="later")
    second = ask(app, "GET", f"{HOOKS}?max_results=3&page_token={first['next_page_token']}").json
    assert sorted(w["name"] for w in first["webhooks"] + second["webhooks"]) == names
    assert "next_page_token" not in second
    assert len(ask(app, "GET", f"{HOOKS}?max_results=0").json["webhooks"]) == 6
    refused(ask(app, "GET", f"{HOOKS}?max_results=1001"))


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"events": []}, 400, "non-empty"),
        (
            {"events": [{"entity": "MODEL_VERSION", "action": "SET"}]},
            400,
            "Invalid action SET for entity MODEL_VERSION.",
        ),
        ({"events": [{"entity": "FOO", "action": "SET"}]}, 400, "'entity'"),
        ({"events": [{"entity": "PROMPT", "action": "CREATED"}]}, 501, "PROMPT"),
        ({"name": "Bad Name"}, 400, "invalid"),
        ({"name": "a" * 64}, 400, "invalid"),
        ({"name": ""}, 400, "Missing value for required parameter 'name'."),
        ({"url": ""}, 400, "Missing value for required parameter 'url'."),
        ({"url": "http://93.184.216.34/"}, 400, "Allowed schemes are: https."),
        ({"url": "nonsense"}, 400, "Allowed schemes are: https."),
        ({"url": "https://nothing.invalid/"}, 400, "cannot be resolved"),
        ({"secret": "x" * 1001}, 400, "secret"),
    ],
)
def test_what_no_webhook_can_be(shared_app: Dispatcher, changes: dict[str, Any], status: int, said: str) -> None:
    assert said in refused(ask(shared_app, "POST", HOOKS, hook(**changes)), status)


def test_what_happens_in_the_registry_is_told(app: Dispatcher) -> None:
    events = [
        {"entity": entity, "action": action}
        for entity, action in (
            ("REGISTERED_MODEL", "CREATED"),
            ("MODEL_VERSION", "CREATED"),
            ("MODEL_VERSION_TAG", "SET"),
            ("MODEL_VERSION_TAG", "DELETED"),
            ("MODEL_VERSION_ALIAS", "CREATED"),
            ("MODEL_VERSION_ALIAS", "DELETED"),
        )
    ]
    run = {"experiment_id": "0"}
    run_id = ask(app, "POST", f"{API}/runs/create", run).json["run"]["info"]["run_id"]
    source = f"runs:/{run_id}/model"
    calls: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
        ("POST", "registered-models/create", {"name": "m", "tags": [{"key": "a", "value": "b"}]},
         "registered_model created", {"name": "m", "tags": {"a": "b"}, "description": None}),
        ("POST", "model-versions/create", {"name": "m", "source": source, "run_id": run_id, "description": "d"},
         "model_version created",
         {"name": "m", "version": "1", "source": source, "run_id": run_id, "tags": {}, "description": "d"}),
        ("POST", "model-versions/set-tag", {"name": "m", "version": "1", "key": "k", "value": "v"},
         "model_version_tag set", {"name": "m", "version": "1", "key": "k", "value": "v"}),
        ("DELETE", "model-versions/delete-tag", {"name": "m", "version": "1", "key": "k"},
         "model_version_tag deleted", {"name": "m", "version": "1", "key": "k"}),
        ("POST", "registered-models/alias", {"name": "m", "alias": "best", "version": "1"},
         "model_version_alias created", {"name": "m", "alias": "best", "version": "1"}),
        ("DELETE", "registered-models/alias", {"name": "m", "alias": "best"},
         "model_version_alias deleted", {"name": "m", "alias": "best"}),
    ]  # fmt: skip
    with WebhookReceiver() as receiver:
        create(app, url=f"http://localhost:{receiver.port}/in?x=1", secret="s3cr3t", events=events)
        create(app, url=f"http://localhost:{receiver.port}/never", events=events, status="DISABLED")
        ask(app, "POST", f"{API}/registered-models/create", {
            "name": "a prompt", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})  # fmt: skip
        for method, path, body, kind, data in calls:
            assert ask(app, method, f"{API}/{path}", body).status == 200
            got = receiver.next()
            told = json.loads(got.body)
            assert (got.path, f"{told['entity']} {told['action']}") == ("/in?x=1", kind)
            assert told["data"] == data
            assert got.headers["content-type"] == "application/json"
            assert got.headers["host"] == f"localhost:{receiver.port}"
            signed = f"{got.headers['x-mlflow-delivery-id']}.{got.headers['x-mlflow-timestamp']}.".encode() + got.body
            expected = base64.b64encode(hmac.new(b"s3cr3t", signed, hashlib.sha256).digest()).decode()
            assert got.headers["x-mlflow-signature"] == f"v1,{expected}"
        ask(app, "DELETE", f"{API}/registered-models/alias", {"name": "m", "alias": "best"})  # it was gone already
        assert receiver.received.empty()


def test_a_test_delivery_tells_the_status_and_not_the_answer(app: Dispatcher) -> None:
    with WebhookReceiver([(200, ""), (500, "")]) as receiver:
        made = create(app, url=f"http://localhost:{receiver.port}/")
        answer = ask(app, "POST", f"{HOOKS}/{made['webhook_id']}/test", {})
        assert answer.json == {"result": {"success": True, "response_status": 200, "error_message": None}}
        assert json.loads(receiver.next().body)["data"]["name"] == "example_model"
        body = {"event": {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}}
        answer = ask(app, "POST", f"{HOOKS}/{made['webhook_id']}/test", body)
        assert answer.json["result"]["success"] is False
        assert answer.json["result"]["response_status"] == 500
        assert b"secret" not in answer.body
        got = receiver.next()
        assert json.loads(got.body)["data"] == {"name": "example_model", "alias": "example_alias", "version": "1"}
        assert "x-mlflow-signature" not in got.headers
    answer = ask(app, "POST", f"{HOOKS}/{made['webhook_id']}/test", {})
    assert answer.json["result"]["error_message"] == "The host of the webhook does not answer."


def test_a_failed_delivery_is_repeated(app: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "WAITS", (0.0, 0.0))
    with WebhookReceiver([(503, ""), (429, "")]) as receiver:
        create(app, url=f"http://localhost:{receiver.port}/")
        ask(app, "POST", f"{API}/registered-models/create", {"name": "m"})
        ids = {receiver.next().headers["x-mlflow-delivery-id"] for _ in range(3)}
        assert len(ids) == 1


# -- where a webhook must not go -----------------------------------------------------------------------------------

NOT_PUBLIC = [
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "0.0.0.0", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "192.0.0.192", "168.63.129.16", "192.0.2.1", "192.88.99.1", "198.18.0.1", "203.0.113.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:7f00:1",
    "::127.0.0.1", "::ffff:0:127.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1", "2001:0:7f00:1::", "2001:db8::1", "3fff::1", "100::1", "5f00::1",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:2800:220:1::1", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *(f"https://[{address}]/" if ":" in address else f"https://{address}/" for address in NOT_PUBLIC),
        "https://localhost/", "https://LOCALHOST./", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/",
        "https://0177.0.0.1/", "https://127.1/", "https://0/", "https://[fe80::1%25lo]/", "https://127.0.0.1:443/",
        "https://127.0.0.1%2f@1.1.1.1/", "https://1.1.1.1@127.0.0.1/", "https://user@1.1.1.1/", "https://1.1.1.1\\@x/",
        "https://1.1.1.1:0/", "https://1.1.1.1:99999/", "https:///x", "https:x", "//1.1.1.1/", "ftp://1.1.1.1/",
        "file:///etc/passwd", "gopher://1.1.1.1/", "https://1.1.1.1/a b", "https://1.1.1.1/\r\nHost: x", "https://①/",
        "https://[::1", "https://1.1.1.1/" + "x" * 500,
    ],
)  # fmt: skip
def test_no_spelling_of_a_url_leads_inside(url: str) -> None:
    """Host names and odd numbers are judged by what they resolve to, or do not resolve at all."""
    with pytest.raises(InvalidInputError):
        TargetRules(["allowed.internal", "127.0.0.9"]).check(url)


def test_hosts_that_the_administrator_allows() -> None:
    rules = TargetRules(["127.0.0.1", " CI.internal. ", "[::1]:8443"])
    rules.check("http://127.0.0.1:8080/x")
    rules.check("https://[::1]:8443/")
    assert rules.parse("http://ci.INTERNAL./x").host_header == "ci.internal"
    for url in ("https://127.0.0.2/", "https://localhost/", "https://[::1]/", "http://x.ci.internal/"):
        with pytest.raises(InvalidInputError):
            rules.check(url)


def attempt(rules: TargetRules, url: str) -> delivery.Outcome:
    message = delivery.Delivery("id", "1", b"{}")
    return delivery.deliver(rules, Receiver(url, None), message)


def test_a_redirect_is_judged_like_the_first_url() -> None:
    rules = TargetRules(["localhost"])
    with WebhookReceiver() as inside:
        for location in (f"http://127.0.0.1:{inside.port}/", f"https://127.0.0.1:{inside.port}/", "file:///etc/passwd"):
            with WebhookReceiver([(307, location)]) as receiver:
                outcome = attempt(rules, f"http://localhost:{receiver.port}/")
            assert not outcome.success
            assert outcome.problem is not None
            assert "scheme" in outcome.problem or "non-public" in outcome.problem
        assert inside.received.empty()
    with WebhookReceiver([(308, "/there")]) as receiver:
        assert attempt(rules, f"http://localhost:{receiver.port}/here").success
        assert [receiver.next().path, receiver.next().path] == ["/here", "/there"]
    with WebhookReceiver([(302, "/there")]) as receiver:
        assert attempt(rules, f"http://localhost:{receiver.port}/").status == 302
    with WebhookReceiver([(307, "/again")] * 9) as receiver:
        outcome = attempt(rules, f"http://localhost:{receiver.port}/")
        assert outcome.problem == "It was redirected more than 3 times."


def resolver(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let each look-up of a name give the next of these answers."""
    left = list(answers)

    def look_up(_host: str, port: int, **_options: object) -> list[tuple[object, ...]]:
        found = left.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_one_address_inside_among_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(SiglumError, match="non-public"):
        TargetRules().check("https://rebind.example/")


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers differently the second time is not asked a second time."""
    resolver(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    connected: list[object] = []

    def connect(address: object, _timeout: float) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    assert not attempt(TargetRules(), "https://rebind.example/").success
    assert connected == [("93.184.216.34", 443)]


def test_the_peer_of_the_connection_is_judged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever network trick leads a public address back inside: nothing is sent."""
    with WebhookReceiver() as receiver:
        resolver(monkeypatch, ["93.184.216.34"])
        plain = socket.socket()
        plain.connect(("127.0.0.1", receiver.port))
        monkeypatch.setattr(socket, "create_connection", lambda *_arguments: plain)
        outcome = attempt(TargetRules(), "https://rebind.example/")
        assert outcome.problem is not None
        assert "non-public" in outcome.problem
        assert receiver.received.empty()


def test_a_host_that_sends_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "TOTAL_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepted: list[socket.socket] = []
        thread = threading.Thread(target=lambda: accepted.append(listening.accept()[0]))
        thread.start()
        outcome = attempt(TargetRules(["127.0.0.1"]), f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join()
        accepted[0].close()
    assert outcome.problem is not None
    assert outcome.problem.startswith("The host closed the connection")


def test_a_host_must_prove_who_it_is() -> None:
    """A receiver that speaks no TLS where https is asked for gets nothing."""
    with WebhookReceiver() as receiver:
        outcome = attempt(TargetRules(["127.0.0.1"]), f"https://127.0.0.1:{receiver.port}/")
        assert not outcome.success
        assert receiver.received.empty()
