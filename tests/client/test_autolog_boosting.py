"""Autologging of XGBoost and LightGBM, with the real ones."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

import siglum
import siglum.artifacts
import siglum.lightgbm
import siglum.pyfunc
import siglum.sklearn
import siglum.xgboost
from siglum.core.errors import FileFormatError, InvalidInputError
from siglum.models.mlmodel import read_model
from siglum.tracking.entities import Run

xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")

_RANDOM = numpy.random.default_rng(7)
TABLE = pandas.DataFrame(_RANDOM.normal(size=(120, 3)), columns=["a", "b", "c"])
LABELS = (TABLE["a"] > 0).astype(int)
LIGHT = {"objective": "binary", "verbose": -1, "min_data_in_leaf": 5}

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def nothing_unlogged(project: Path, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING, "siglum"):
        yield
    siglum.autolog(disable=True)
    assert not hasattr(xgboost.train, "_siglum_autolog")
    assert not hasattr(lightgbm.LGBMClassifier.fit, "_siglum_autolog")
    assert [record.getMessage() for record in caplog.records] == []


def runs() -> list[Run]:
    found: list[Run] = siglum.search_runs(output_format="list")
    return found


def steps(run: Run, key: str) -> list[int]:
    return [point.step for point in siglum.MlflowClient().get_metric_history(run.info.run_id, key)]


def test_native_xgboost() -> None:
    siglum.xgboost.autolog(importance_types=["weight", "gain"], registered_model_name="boosted")
    train, valid = xgboost.DMatrix(TABLE[:90], LABELS[:90]), xgboost.DMatrix(TABLE[90:], LABELS[90:])
    kept: dict[str, Any] = {}
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 2}, train, 6,
        evals=[(train, "train"), (valid, "valid")], evals_result=kept, early_stopping_rounds=5, verbose_eval=False,
    )  # fmt: skip
    (run,) = runs()
    assert run.data.params["max_depth"] == "2"
    assert run.data.params["num_boost_round"] == "6"
    points = siglum.MlflowClient().get_metric_history(run.info.run_id, "valid-logloss")
    assert [point.value for point in points] == kept["valid"]["logloss"]
    assert [point.step for point in points] == list(range(len(points)))
    assert run.data.metrics["best_iteration"] == booster.best_iteration
    uri = f"runs:/{run.info.run_id}"
    assert siglum.artifacts.load_dict(f"{uri}/feature_importance_gain.json").keys() == booster.get_score().keys()
    (entry,) = run.inputs.dataset_inputs
    assert json.loads(str(entry.dataset.profile))["num_rows"] == 90
    loaded = siglum.pyfunc.load_model("models:/boosted/1")
    assert numpy.allclose(loaded.predict(TABLE[90:]), booster.predict(valid))
    assert loaded.metadata.signature is not None
    again = siglum.xgboost.load_model(f"models:/{run.outputs.model_outputs[0].model_id}")
    assert numpy.allclose(again.predict(valid), booster.predict(valid))


def test_native_lightgbm() -> None:
    siglum.lightgbm.autolog()
    valid = lightgbm.Dataset(TABLE[90:], LABELS[90:])
    booster = lightgbm.train(LIGHT, lightgbm.Dataset(TABLE[:90], LABELS[:90]), 5, valid_sets=[valid])
    (run,) = runs()
    assert run.data.params["objective"] == "binary"
    assert steps(run, "valid_0-binary_logloss") == [0, 1, 2, 3, 4]
    weights = siglum.artifacts.load_dict(f"runs:/{run.info.run_id}/feature_importance_split.json")
    assert set(weights) == {"a", "b", "c"}
    (output,) = run.outputs.model_outputs
    loaded = siglum.pyfunc.load_model(f"models:/{output.model_id}")
    assert numpy.allclose(loaded.predict(TABLE), booster.predict(TABLE))


@pytest.mark.parametrize("also_sklearn", [False, True])
def test_estimators(also_sklearn: bool) -> None:
    if also_sklearn:
        siglum.autolog()
    else:
        siglum.xgboost.autolog()
        siglum.lightgbm.autolog()
    valid = [(TABLE[90:], LABELS[90:])]
    first = xgboost.XGBClassifier(n_estimators=3, max_depth=2).fit(TABLE, LABELS, eval_set=valid, verbose=False)
    second = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(
        TABLE, LABELS, eval_X=(TABLE[90:],), eval_y=(LABELS[90:],)
    )
    light, boosted = runs()
    assert steps(boosted, "validation_0-logloss") == [0, 1, 2]
    assert steps(light, "valid_0-binary_logloss") == [0, 1, 2, 3]
    for run, model, library in ((boosted, first, "xgboost"), (light, second, "lightgbm")):
        assert run.data.tags["mlflow.autologging"] == library
        assert run.data.tags["estimator_name"] == type(model).__name__
        assert run.data.metrics["training_score"] == model.score(TABLE, LABELS)
        (output,) = run.outputs.model_outputs
        loaded = siglum.sklearn.load_model(f"models:/{output.model_id}")
        assert list(loaded.predict(TABLE)) == list(model.predict(TABLE))


def test_scikit_learn_alone_records_them_too() -> None:
    siglum.sklearn.autolog(log_models=False)
    xgboost.XGBRegressor(n_estimators=2).fit(TABLE, LABELS)
    (run,) = runs()
    assert run.data.tags["mlflow.autologging"] == "sklearn"


def test_the_users_callbacks_and_errors_stay() -> None:
    siglum.autolog(log_models=False)
    seen = []

    def mine(env: Any) -> None:
        seen.append(env.iteration)
        if env.iteration == 2:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        lightgbm.train(LIGHT, lightgbm.Dataset(TABLE, LABELS), 5, callbacks=[mine])
    assert seen == [0, 1, 2]
    with pytest.raises(xgboost.core.XGBoostError):
        xgboost.train({"objective": "no:such"}, xgboost.DMatrix(TABLE, LABELS), 2)
    assert [run.info.status for run in runs()] == ["FAILED", "FAILED"]


def test_boosters_by_hand(tmp_path: Path) -> None:
    booster = lightgbm.train(LIGHT, lightgbm.Dataset(TABLE, LABELS), 2)
    example = TABLE[:3]
    siglum.lightgbm.save_model(booster, tmp_path / "m", input_example=example)
    model = read_model(str(tmp_path / "m"))
    assert model.flavors["lightgbm"]["data"] == "model.lgb"
    assert model.signature is not None
    assert numpy.allclose(siglum.lightgbm.load_model(tmp_path / "m").predict(example), booster.predict(example))
    info = siglum.lightgbm.log_model(booster, name="hand", registered_model_name="light")
    assert (info.name, info.registered_model_version) == ("hand", 1)
    with pytest.raises(InvalidInputError, match="not a booster of xgboost"):
        siglum.xgboost.save_model(booster, tmp_path / "x")
    with pytest.raises(InvalidInputError, match="holds no model of xgboost"):
        siglum.xgboost.load_model(tmp_path / "m")
    (tmp_path / "m" / "model.lgb").write_text("tree\nbroken")
    with pytest.raises(FileFormatError, match=r"model\.lgb"):
        siglum.lightgbm.load_model(tmp_path / "m")
