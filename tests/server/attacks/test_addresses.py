"""Hosts that a client names, and tags that once switched a check off (classes T5, T6, T7)."""

from __future__ import annotations

import itertools
import socket
from pathlib import Path

import pytest
from tests.server.attacks.table import (
    EACH_ROUTE,
    URI_FIELDS,
    Scene,
    Sent,
    ask_all,
    assert_refused_or_harmless,
    every_path,
    fields_of,
    spellings,
)
from tests.server.attacks.watch import watched

from siglum.server.dispatch import Dispatcher
from siglum.server.route import Route

Attacked = tuple[Dispatcher, Scene, Path]

URLS = [
    "http://127.0.0.1:9/x", "https://169.254.169.254/latest/meta-data", "http://[::1]:9/", "ftp://127.0.0.1:9/x",
    "sftp://127.0.0.1/x", "hdfs://127.0.0.1/x", "s3://bucket/x", "gs://bucket/x", "abfss://c@127.0.0.1/x",
    "mlflow-artifacts://127.0.0.1:9/x", "\\\\127.0.0.1\\share", "jdbc:postgresql://127.0.0.1/x",
]  # fmt: skip


@EACH_ROUTE
def test_no_route_connects_to_what_a_client_names(attacked: Attacked, route: Route) -> None:
    """Webhooks look a name up, to judge where it leads; they connect to nothing that is not public."""
    app, scene, _ = attacked
    requests = [
        scene.request(route, path, {field: url})
        for path in spellings(route)
        for field in fields_of(route, str)
        for url in URLS
        if not (route.path.endswith("/test") and field == "webhook_id")
    ]
    with watched() as watch:
        answers = ask_all(app, requests)
    for sent, answer in answers:
        assert_refused_or_harmless(sent, answer)
    connected = [event for event in watch.network if event[0] in ("socket.connect", "socket.sendto")]
    assert connected == []
    if "url" not in fields_of(route, str):
        assert watch.network == []


INSIDE = [
    "https://127.0.0.1/", "https://localhost/", "https://0.0.0.0/", "https://10.0.0.1/", "https://172.16.0.1/",
    "https://192.168.0.1/", "https://100.64.0.1/", "https://169.254.169.254/", "https://168.63.129.16/",
    "https://[::1]/", "https://[::]/", "https://[fe80::1]/", "https://[fc00::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://2130706433/", "https://0x7f.1/",
    "https://0177.0.0.1/", "https://127.1/", "https://1.1.1.1@127.0.0.1/", "http://1.1.1.1/", "file:///etc/passwd",
    "https://224.0.0.1/", "https://255.255.255.255/", "https://metadata.internal/", "https://127.0.0.1:443/",
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_no_webhook_leads_inside(attacked: Attacked, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    app, scene, _ = attacked
    real = socket.getaddrinfo

    def look_up(host: str, *arguments: object, **options: object) -> object:
        # no name server is asked: names get the address that an attacker's would give
        numeric = host[0].isdigit() or ":" in host or host == "localhost"
        return real(host if numeric else "169.254.169.254", *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    requests = [
        scene.request(route, path, {"url": url}) for route, path in every_path() if "url" in fields_of(route, str)
    ]
    assert len(requests) == 4
    with watched() as watch:
        answers = ask_all(app, requests)
    allowed = {"https://127.0.0.1/", "https://localhost/", "https://127.0.0.1:443/"}  # as the administrator said
    for sent, answer in answers:
        assert answer.status == (200 if url in allowed else 400), (sent, answer.body)
    assert [event for event in watch.network if event[0] == "socket.connect"] == []


SPECIAL = [
    {"key": key, "value": value}
    for key, value in (
        ("mlflow.prompt.is_prompt", "true"),
        ("mlflow.prompt.is_prompt", "True"),
        ("mlflow.source.type", "LOCAL"),
        ("mlflow.domino.is_local", "true"),
        ("mlflow.model_version_source", "local"),
        ("_mlflow_internal", "1"),
        ("siglum.trusted", "true"),
    )
]


@pytest.mark.parametrize("source", ["/etc", "file:///etc", "../x", "http://127.0.0.1/x", "dbfs:/x", "prompt-template"])
def test_no_tag_switches_a_check_off(attacked: Attacked, source: str) -> None:
    app, scene, _ = attacked
    requests: list[Sent] = []
    for (route, path), tags in itertools.product(every_path(), [*([tag] for tag in SPECIAL), SPECIAL[1:]]):
        fields = URI_FIELDS & set(fields_of(route, str))
        if "tags" in fields_of(route, list) and fields:
            requests += [scene.request(route, path, {field: source, "tags": tags}) for field in fields]
    assert len(requests) >= 6 * len(SPECIAL)
    for sent, answer in ask_all(app, requests):
        assert answer.status == 400, (sent, answer.body)
