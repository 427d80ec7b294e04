"""Nothing that a client sends is run, unpickled or told on (classes T20 to T23); no spelling is special (T26)."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest
from tests.server.asgi import ask
from tests.server.attacks.conftest import SECRET
from tests.server.attacks.table import API, EACH_ROUTE, Scene, ask_all, every_path, fields_of, spellings
from tests.server.attacks.watch import watched

from siglum.server.dispatch import Dispatcher
from siglum.server.route import Api, Route

Attacked = tuple[Dispatcher, Scene, Path]

COMMANDS = [
    "$(touch pwned)", "`touch pwned`", "; touch pwned", "| touch pwned", "-rf", "--output=pwned", "a\ntouch pwned",
    " {{ 7*191 }} ", "{% import os %}", " ${7*191} ", "__import__('os').system('touch pwned')",
    "cos\nsystem\n(S'touch pwned'\ntR.", "!!python/object/apply:os.system ['touch pwned']", "%s%s%s%n", "{0.__class__}",
]  # fmt: skip


@EACH_ROUTE
def test_no_text_is_run(attacked: Attacked, route: Route) -> None:
    app, scene, folder = attacked
    requests = [
        scene.request(route, path, {field: text})
        for path in spellings(route)
        for field in fields_of(route, str)
        for text in COMMANDS
        if not (field == "url" or route.path.endswith("/test"))
    ]
    requests += [scene.request(route, path) for path in spellings(route)]
    with watched() as watch:
        answers = ask_all(app, requests)
    for sent, answer in answers:
        assert answer.status < 500 or answer.status == 501, (sent, answer.body)
        assert b" 1337 " not in answer.body, "an expression was computed"
        assert SECRET.encode() not in answer.body
    assert watch.execution == []
    assert not (folder / "pwned").exists()
    assert not Path("pwned").exists()


def test_a_pickle_is_kept_and_not_opened(attacked: Attacked) -> None:
    app, scene, _ = attacked
    root = str(scene.values["path"]).removesuffix("/a/b.txt")
    pickled = b"cos\nsystem\n(S'touch pwned'\ntR."
    with watched() as watch:
        for name in ("model.pkl", "python_model.pkl", "MLmodel", "conda.yaml"):
            target = f"/api/2.0/mlflow-artifacts/artifacts/{root}/{name}"
            assert ask(app, "PUT", target, pickled).status == 200
            assert ask(app, "GET", target).body == pickled
            source = {"name": "m", "source": f"runs:/{scene.values['run_id']}", "run_id": scene.values["run_id"]}
            ask(app, "POST", f"{API}/model-versions/create", source)
    assert watch.execution == []


def test_what_is_stored_is_not_for_everybody_to_write(attacked: Attacked) -> None:
    app, scene, folder = attacked
    with watched() as watch:
        target = f"/api/2.0/mlflow-artifacts/artifacts/{scene.values['path']}.new"
        assert ask(app, "PUT", target, b"x" * 100_000).status == 200
    assert [event for event in watch.files if event[0].startswith("tempfile.")] == []
    assert watch.outside(str(folder)) == []
    for path in (folder / "artifacts").rglob("*"):
        assert not path.lstat().st_mode & stat.S_IWOTH or path.is_symlink(), path
        assert not path.name.endswith(".tmp"), path


def test_no_answer_tells_a_secret(attacked: Attacked, caplog: pytest.LogCaptureFixture) -> None:
    """Of a webhook, which only its receiver may know: not when it is made, read, listed, changed, or goes wrong."""
    app, scene, _ = attacked
    caplog.set_level(logging.DEBUG)
    requests = []
    for route, path in every_path():
        requests.append(scene.request(route, path))
        if "secret" in fields_of(route, str):
            requests += [
                scene.request(route, path, {"secret": SECRET}),
                scene.request(route, path, {"secret": SECRET, "name": "Bad Name"}),
                scene.request(route, path, {"secret": SECRET * 100}),
                scene.request(route, path, {"secret": SECRET, "events": 7}),
            ]
    for sent, answer in ask_all(app, requests):
        assert SECRET.encode() not in answer.body, sent
        assert not any(SECRET in value for value in answer.headers.values())
    assert SECRET not in caplog.text


@EACH_ROUTE
def test_every_spelling_judges_alike(attacked: Attacked, route: Route) -> None:
    """The same wrong request gets the same answer below each prefix: no old one is let through."""
    app, scene, _ = attacked
    for changed in ({}, dict.fromkeys(fields_of(route, str)[:2], "../canary"), {"max_results": -5}):
        if route.method != "GET" and not set(changed) & {*fields_of(route, str), *fields_of(route, int)}:
            continue  # a right request, which changes something for the next spelling
        sent = [scene.request(route, path, changed) for path in route.paths]
        answers = ask_all(app, sent)
        first = answers[0][1]
        for _, answer in answers[1:]:
            assert answer.status == first.status, (route.path, answer.body, first.body)
            if answer.status >= 400:
                assert answer.body == first.body
    if route.api is Api.V2:
        assert len(route.paths) == 4
