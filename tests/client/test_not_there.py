"""Runs that do not exist and servers that are down, as a training script meets them: one error that says what to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import siglum
import siglum.pyfunc
from siglum.core.errors import NotFoundError, UnavailableError

NO_RUN = "0" * 32
NO_SERVER = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "look",
    [
        lambda: siglum.start_run(run_id=NO_RUN),
        lambda: siglum.get_run(NO_RUN),
        lambda: siglum.MlflowClient().get_run(NO_RUN),
        lambda: siglum.MlflowClient().log_metric(NO_RUN, "a", 1),
        lambda: siglum.MlflowClient().set_terminated(NO_RUN),
        lambda: siglum.pyfunc.load_model(f"runs:/{NO_RUN}/model"),
    ],
    ids=["start_run", "get_run", "client.get_run", "client.log_metric", "client.set_terminated", "load_model"],
)
def test_a_run_that_does_not_exist(project: Path, look: Callable[[], object]) -> None:
    with pytest.raises(NotFoundError, match=rf"^Run with id={NO_RUN} not found\. See 'siglum runs list'"):
        look()
    assert siglum.active_run() is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: siglum.create_experiment("churn"),
        lambda: siglum.search_experiments(),
        lambda: siglum.MlflowClient().get_run(NO_RUN),
        lambda: siglum.register_model(f"runs:/{NO_RUN}/model", "churn"),
        lambda: siglum.pyfunc.load_model("models:/churn/1"),
    ],
    ids=["create_experiment", "search_experiments", "get_run", "register_model", "load_model"],
)
def test_what_needs_an_answer_of_a_server_that_is_down(
    project: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)  # it tries again for two seconds
    siglum.set_tracking_uri(NO_SERVER)
    with pytest.raises(UnavailableError) as caught:
        call()
    assert str(caught.value) == (
        f"No server answers at {NO_SERVER} (connection refused). "
        "Its answer is needed here: start it with 'siglum server', check the tracking URI, or repeat this later."
    )
    assert siglum.active_run() is None
    assert not (project / ".siglum").exists()
