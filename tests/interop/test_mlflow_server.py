"""Siglum's client works with a server of MLflow's: runs, metrics, files, models, registry, search.

By default against what a real server answered (`python -m tests.interop.mlflow_server.record` asks it again), with
`--peers` against a real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.mlflow_server.calls import make_calls
from tests.interop.mlflow_server.record import ANSWERS, real_server
from tests.interop.mlflow_server.replay import load, replaying

from siglum.client import active, state

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    active.stack().clear()
    try:
        state.close_all()
    finally:
        state.set_uris(tracking="", registry="")
        state.set_experiment_id(None)


def test_the_client_with_a_server_of_mlflow(here: Path, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--peers"):
        (here / "server").mkdir()
        with real_server(here / "server") as url:
            make_calls(url, here)
            state.close_all()
        return
    answers = load(ANSWERS)
    with replaying(answers) as url:
        make_calls(url, here)
        state.close_all()
    assert answers.missing == []  # another call than were recorded: ask the real server again
