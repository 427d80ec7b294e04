"""Fitted estimators, a folder to save to, and a home that knows of no trusted model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier


@pytest.fixture(scope="session")
def iris() -> tuple[pd.DataFrame, pd.Series[int]]:
    data, target = load_iris(return_X_y=True, as_frame=True)
    return data, target


@pytest.fixture(scope="session")
def forest(iris: tuple[pd.DataFrame, Any]) -> RandomForestClassifier:
    return RandomForestClassifier(5, random_state=0).fit(*iris)


@pytest.fixture
def as_stranger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Forget what this user made: what was saved before is from now on a stranger's."""

    def forget() -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a stranger's state"))

    return forget
