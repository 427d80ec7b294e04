"""Paths and locations that lead elsewhere, on every route and in every spelling (classes T1, T2 and T26)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st
from tests.server.attacks.conftest import CANARY
from tests.server.attacks.table import (
    EACH_ROUTE,
    JSON,
    PATH_FIELDS,
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
from tests.server.test_sources import REFUSED

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.server.dispatch import Dispatcher
from siglum.server.route import Route
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.storage.artifacts.paths import parse_artifact_path

Attacked = tuple[Dispatcher, Scene, Path]

# Paths that must be refused in every place that takes one, as they arrive in an address.
ESCAPES = [
    "..", ".", "../canary", "a/../../canary", "./a", "a/./b", "a//b", "/canary", "//host/share", "a/", "a/b/",
    "..%2fcanary", "%2e%2e/canary", "%2e%2e%2fcanary", "%252e%252e%252fcanary", "%25252e%25252e/canary",
    "..%5ccanary", "a%5c..%5c..%5ccanary", "..%255ccanary", "%c0%ae%c0%ae/canary", "a%00b", "%00", "a%0ab", "a%0d%0ab",
    "a%1bb", "a%7fb", "~", "~root/x", "C:/canary", "C:canary", "c%3a%5ccanary", "file:/etc/passwd", "file:///etc/passwd",
    "FILE:///etc/passwd", "file://localhost/etc/passwd", "dbfs:/x", "http://127.0.0.1/x", "%EF%BC%8F..%EF%BC%8Fcanary",
    "%EF%BC%8E%EF%BC%8E/canary", "%E2%80%A5/canary", "%E2%80%A4%E2%80%A4/canary", "a%23b", "/proc/self/root/etc/passwd",
    "%2fetc%2fpasswd", "%2f%2fetc/passwd", ".objects/sha256", ".objects", "%ff%fe", "a/" * 300 + "b", "x" * 5000,
    "..;/canary", "..%3b/canary",
]  # fmt: skip
HARMLESS = {"..;/canary", "..%3b/canary"}
"""Odd names that no file system reads as anything else: they may be refused or be plain names."""


# One of each kind, for fields that are no path: they must not become one either.
FEW = [
    "../canary", "..\\canary", "%2e%2e%2fcanary", "%252e%252e/canary", "a\0b", "a\r\nb: c", "/etc/passwd",
    "file:///etc/passwd", "//host/share", "dbfs:/x", "~", "x" * 5000, "\uff0f..\uff0fcanary",
]  # fmt: skip


def outside(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir() if not entry.name.startswith(("artifacts", "siglum.db"))}


@EACH_ROUTE
def test_no_text_becomes_a_path(attacked: Attacked, route: Route) -> None:
    app, scene, folder = attacked
    before = outside(folder)
    requests = [
        scene.request(route, path, {field: text})
        for path in spellings(route)
        for field in fields_of(route, str)
        for text in FEW
    ]
    with watched() as watch:
        answers = ask_all(app, requests)
    for sent, answer in answers:
        assert_refused_or_harmless(sent, answer)
        assert CANARY not in answer.body
        assert b"root:x:" not in answer.body
    assert watch.outside(str(folder)) == []
    assert [path for _, path in watch.files if "canary" in path or "passwd" in path or ".." in path] == []
    assert outside(folder) == before
    assert (folder / "canary").read_bytes() == CANARY


@pytest.mark.parametrize("text", ESCAPES, ids=lambda text: text[:40])
def test_each_path_is_refused_wherever_one_is_taken(attacked: Attacked, text: str) -> None:
    """As a field of a query or body, and as the end of an address, which is decoded once."""
    app, scene, folder = attacked
    if text in HARMLESS:
        pytest.skip("a plain name for every file system")
    requests = []
    for route, path in every_path():
        for field in PATH_FIELDS & set(fields_of(route, str)):
            if f"{{{field}:path}}" in path:
                requests.append(Sent(route.method, path.replace(f"{{{field}:path}}", text), b"{}", JSON))
            else:
                sent = scene.request(route, path, {field: "@"})
                target = sent.target.replace("=%40", "=" + quote(text, safe="%"))
                body = sent.body.replace(b'"@"', b'"%s"' % _decoded(text))
                requests.append(Sent(sent.method, target, body, sent.headers))
    with watched() as watch:
        answers = ask_all(app, requests)
    for sent, answer in answers:
        assert answer.status in (400, 501), (sent, answer.status, answer.body)
    assert watch.outside(str(folder)) == []


def _decoded(text: str) -> bytes:
    """Return a path as JSON has it: what is no UTF-8 has no such form, and is sent as it is."""
    return "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in unquote(text)).encode()


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:40]))
def test_each_location_is_refused_wherever_one_is_taken(attacked: Attacked, text: str) -> None:
    app, scene, _ = attacked
    requests = [
        scene.request(route, path, {field: text})
        for route, path in every_path()
        for field in URI_FIELDS & set(fields_of(route, str))
    ]
    assert len(requests) == 6
    for sent, answer in ask_all(app, requests):
        assert answer.status in (400, 404), (sent, answer.body)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:40]))
def test_no_imported_record_lies_where_it_must_not(attacked: Attacked, text: str) -> None:
    """A migration says where files are inside its records: the same places are refused there."""
    app, _, _ = attacked
    own, run_id = "/api/siglum/1/import", "0123456789abcdef0123456789abcdef"
    times = {"creation_timestamp": 1, "creation_timestamp_ms": 1, "last_updated_timestamp_ms": 1}
    version = {"name": "new", "version": "1", **times}
    experiment = {"experiment_id": "77", "name": "new"}
    run = {"run_id": run_id, "experiment_id": "0", "status": "FINISHED", "artifact_uri": text}
    model = {"model_id": "m-new", "experiment_id": "0", "name": "n", "artifact_uri": text, "status": 2, **times}

    def models(source: str, place: str) -> dict[str, Any]:
        of_version = [{"version": {**version, "source": source}, "storage_location": place}]
        return {"models": [{"model": {"name": "new", **times}, "versions": of_version, "next_version": 2}]}

    requests: list[tuple[str, dict[str, Any]]] = [
        ("experiment", {"experiment": experiment, "location": text}),
        ("runs", {"runs": [{"run": {"info": run}}]}),
        ("logged-model", {"model": {"info": model}}),
        ("models", models(text, "s3://bucket/m")),
        ("models", models("s3://bucket/m", text)),
    ]
    sent = [Sent("POST", f"{own}/{path}", msgspec.json.encode(body), JSON) for path, body in requests]
    for each, answer in ask_all(app, sent):
        assert answer.status == 400, (each, answer.body)
    assert ask_all(app, [Sent("GET", f"{own}/run?run_id={run_id}")])[0][1].json == {"points": None}


@hypothesis.given(st.text(st.sampled_from("./\\%2eEfFcC0aA~:#?;\0 \u2025\uff0e\uff0f\u202e\ud800x"), max_size=24))
@hypothesis.settings(max_examples=400, deadline=None)
def test_what_is_accepted_is_what_is_opened(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """The parser and the file system agree: an accepted path has its segments, and leads to a place of that name."""
    try:
        segments = parse_artifact_path(text)
    except InvalidInputError:
        return
    assert "/".join(segments) == text
    root = tmp_path_factory.getbasetemp() / "agree"
    root.mkdir(exist_ok=True)
    with watched() as watch, pytest.raises(NotFoundError):
        LocalArtifactStore(str(root)).stat(text)
    assert watch.outside(str(root)) == []
    assert (root / text).resolve().is_relative_to(root.resolve())
