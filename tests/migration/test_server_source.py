"""`siglum migrate mlflow` from a server: Siglum's, which speaks as MLflow's does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.migration.stores import answers, migrate, state_of, unpack

from siglum.core.errors import UnavailableError
from siglum.testing.server import ServerProcess

HELD = "sqlite:///held/siglum.db"
TARGET = "sqlite:///new/siglum.db"


def test_what_a_server_holds_comes_over(tmp_path: Path) -> None:
    unpack("server.tar.gz", tmp_path)
    migrate("sqlite:///mlflow.db", HELD, tmp_path)
    expected = state_of(HELD, tmp_path)
    with ServerProcess(tmp_path / "held") as server:
        first = migrate(server.url, TARGET, tmp_path)
        state = state_of(TARGET, tmp_path)
        again = migrate(server.url, TARGET, tmp_path)
        untouched = state_of(HELD, tmp_path)
    # what no server tells: deleted logged models, times of deletion, numbers of deleted versions; and who migrated
    failed = answers()["failed_model"]
    other = ("deleted in", "counters", "audit")
    assert _without(other, state) == _without((*other, f"model {failed}", f"files of {failed}"), expected)
    assert untouched == expected
    assert re.search(r": [1-9]\d{12}", state["deleted in 2"])  # not long ago, so that it is not removed at once
    assert (first.added.runs, first.added.points, first.added.logged_models) == (6, 1364, 1)
    assert (first.added.versions, first.added.files) == (2, 8)
    assert first.found.points is None
    assert (again.added.runs, again.added.points, again.added.files) == (0, 0, 0)


def _without(beginnings: tuple[str, ...], state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if not key.startswith(beginnings)}


def test_a_server_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("siglum.client.rest.session.DELAYS", ())
    with pytest.raises(UnavailableError):
        migrate("http://127.0.0.1:9", TARGET, tmp_path)
