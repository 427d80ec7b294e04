"""Names that look like other names (class T14)."""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.server.asgi import ask
from tests.server.attacks.table import API, Scene, ask_all, every_path, fields_of

from siglum.server.dispatch import Dispatcher

Attacked = tuple[Dispatcher, Scene, Path]

PREFIXES = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow")
LOOK_ALIKES = [
    ("victim", "Victim"), ("victim", "victim "), ("victim", " victim"), ("victim", "v\u0456ctim"),
    ("victim", "victim\u200b"), ("victim", "vic%74im"), ("victim", "victim%20"), ("victim", "victim+"),
    ("victim", "victim\u00a0"),
    ("a b", "a+b"), ("a b", "a%20b"), ("a.b", "a/b"), ("a.b", "a%2Fb"), ("a.b", "a:b"),
    (unicodedata.normalize("NFC", "caf\u00e9"), unicodedata.normalize("NFD", "caf\u00e9")), ("victim", "\u202evictim"),
]  # fmt: skip
KINDS = [
    ("experiments", "experiment_name", "get-by-name", lambda answer: answer["experiment"]["name"]),
    ("registered-models", "name", "get", lambda answer: answer["registered_model"]["name"]),
]


@pytest.mark.parametrize(("name", "like"), LOOK_ALIKES, ids=lambda text: ascii(text))
def test_a_name_is_its_characters_and_nothing_else(app: Dispatcher, name: str, like: str) -> None:
    """What was made under one name is not found under a similar one, which is refused or a thing of its own."""
    for (kind, field, get, name_of), prefix in itertools.product(KINDS, PREFIXES):
        ask(app, "POST", f"{API}/{kind}/create", {"name": name})
        found = ask(app, "GET", f"{prefix}/{kind}/{get}?{field}={quote(name, safe='')}")
        assert name_of(found.json) == name
        before = ask(app, "GET", f"{prefix}/{kind}/{get}?{field}={quote(like, safe='')}")
        if before.status == 200:  # made by an earlier spelling of this loop
            assert name_of(before.json) == like
        else:
            assert before.status in (400, 404)
        made = ask(app, "POST", f"{prefix}/{kind}/create", {"name": like})
        assert made.status in (200, 400), made.body
        assert name_of(ask(app, "GET", f"{prefix}/{kind}/{get}?{field}={quote(name, safe='')}").json) == name


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "V12", "a/b", "a@b", "a b", "", ".", ".."])
def test_no_alias_reads_as_something_else(attacked: Attacked, alias: str) -> None:
    """Neither as a version, nor as a stage, nor as a path."""
    app, scene, _ = attacked
    requests = [
        scene.request(route, path, {"alias": alias})
        for route, path in every_path()
        if route.method == "POST" and route.path.endswith("/registered-models/alias")
    ]
    assert len(requests) == 3
    for sent, answer in ask_all(app, requests):
        assert answer.status == 400, (sent, answer.body)


@pytest.mark.parametrize("version", ["+1", " 1", "1 ", "1.0", "1e0", "0x1", "\u0661", "latest", "-1", "0", "", "1;2"])
def test_a_version_is_a_plain_number(attacked: Attacked, version: str) -> None:
    app, scene, _ = attacked
    requests = [
        scene.request(route, path, {"version": version})
        for route, path in every_path()
        if "version" in fields_of(route, str)
    ]
    for sent, answer in ask_all(app, requests):
        assert answer.status in (400, 404), (sent, answer.body)
