"""What lists tell, whose page tokens they take, and what parts of uploads belong to (classes T11 and T12)."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from tests.server.asgi import ask
from tests.server.attacks.table import API, EACH_ROUTE, Scene, ask_all, every_path, fields_of, spellings

from siglum.server.dispatch import Dispatcher
from siglum.server.route import Route

Attacked = tuple[Dispatcher, Scene, Path]

TOKENS = [
    "x", "AAAA", "%00", "-1", "0", "null", "{}", "[]", "../..", "1' OR '1'='1", "\x80", "A" * 20_000,
    base64.b64encode(b'{"offset": -1}').decode(), base64.urlsafe_b64encode(b'["runs",[1,2,3]]').decode(),
    base64.b64encode(b"\x00" * 64).decode(), base64.b64encode(b"[" * 5000).decode(),
]  # fmt: skip


@EACH_ROUTE
def test_a_page_token_that_was_not_given_out_is_refused(attacked: Attacked, route: Route) -> None:
    app, scene, _ = attacked
    if "page_token" not in fields_of(route, str):
        assert not route.path.endswith("/search")
        return
    requests = [scene.request(route, path, {"page_token": token}) for path in spellings(route) for token in TOKENS]
    for sent, answer in ask_all(app, requests):
        # A list that always comes whole has no second page, and passes over the token as MLflow does.
        whole = "artifacts" in route.path
        assert answer.status == 400 or (whole and answer.status in (200, 404)), (sent, answer.status, answer.body)


def test_a_token_of_one_question_is_none_of_another(app: Dispatcher) -> None:
    for number in range(3):
        for path in ("runs", "experiments", "registered-models"):
            body = {"experiment_id": "0"} if path == "runs" else {"name": f"n{number}"}
            assert ask(app, "POST", f"{API}/{path}/create", body).status == 200
    first = ask(app, "POST", f"{API}/runs/search", {"experiment_ids": ["0"], "max_results": 1}).json
    token = first["next_page_token"]
    others: list[dict[str, object]] = [
        {"experiment_ids": ["1"]},
        {"filter": "metrics.a > 1"},
        {"order_by": ["metrics.a"]},
        {"run_view_type": "ALL"},
    ]
    for changed in others:
        question = {"experiment_ids": ["0"], "max_results": 1, "page_token": token, **changed}
        assert ask(app, "POST", f"{API}/runs/search", question).status == 400, changed
    assert ask(app, "POST", f"{API}/experiments/search", {"max_results": 1, "page_token": token}).status == 400
    assert ask(app, "GET", f"{API}/registered-models/search?max_results=1&page_token={token}").status == 400


def test_what_was_deleted_is_in_no_list_and_no_total(app: Dispatcher) -> None:
    """Neither in pages nor in counts, in all spellings, unless deleted things are asked for."""
    runs = [
        ask(app, "POST", f"{API}/runs/create", {"experiment_id": "0", "run_name": f"gone-{number}"}).json["run"]["info"]
        for number in range(3)
    ]
    for run in runs:
        body = {"run_id": run["run_id"], "key": "secret", "value": 4.5, "timestamp": 1}
        assert ask(app, "POST", f"{API}/runs/log-metric", body).status == 200
        assert ask(app, "POST", f"{API}/runs/delete", {"run_id": run["run_id"]}).status == 200
    scene = Scene({"experiment_ids": ["0"], "experiment_id": "0"})
    listing = [
        scene.request(route, path, {"max_results": 100} if "max_results" in fields_of(route, int) else {})
        for route, path in every_path()
        if route.path.endswith(("/search", "/runs/page", "/search-datasets"))
    ]
    assert len(listing) >= 10
    for sent, answer in ask_all(app, listing):
        assert answer.status == 200, (sent, answer.body)
        assert b"gone-" not in answer.body
        assert answer.json.get("total", 0) == 0
        assert not answer.json.get("next_page_token")
    every = ask(app, "POST", f"{API}/runs/search", {"experiment_ids": ["0"], "run_view_type": "DELETED_ONLY"})
    assert len(every.json["runs"]) == 3


@pytest.mark.parametrize("path", ["a/b.txt", "0/other/artifacts/model.pkl"])
def test_no_upload_in_parts_touches_a_file(attacked: Attacked, path: str) -> None:
    """There are none on a folder: each step of one is refused in each spelling, whatever part or upload it names."""
    app, scene, folder = attacked
    before = {str(found): found.stat().st_mtime_ns for found in (folder / "artifacts").rglob("*")}
    forged = {"upload_id": "1", "num_parts": 1, "parts": [{"part_number": 1, "etag": "x", "url": "file:///etc/passwd"}]}
    requests = [
        scene.request(route, at, {"path": path, **forged})
        for route, at in every_path()
        if "/mpu/" in route.path or "presigned" in route.path
    ]
    assert len(requests) == 12
    for sent, answer in ask_all(app, requests):
        assert answer.status in (400, 404, 501), (sent, answer.body)
    assert {str(found): found.stat().st_mtime_ns for found in (folder / "artifacts").rglob("*")} == before
