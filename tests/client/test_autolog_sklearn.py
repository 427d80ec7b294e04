"""Autologging of scikit-learn, with the real one."""

from __future__ import annotations

import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy
import pandas
import polars
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import siglum
import siglum.artifacts
import siglum.pyfunc
import siglum.sklearn
from siglum.client import state
from siglum.core.errors import UnavailableError
from siglum.tracking.entities import Run

pytestmark = pytest.mark.slow

_RANDOM = numpy.random.default_rng(7)
TABLE = pandas.DataFrame(_RANDOM.normal(size=(60, 3)), columns=["a", "b", "c"])
LABELS = pandas.Series((TABLE["a"] > 0).astype(int), name="y")
NUMBERS = TABLE["a"] * 2 + TABLE["b"]
ORIGINAL_FIT = LogisticRegression.fit


@pytest.fixture(autouse=True)
def nothing_unlogged(project: Path, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Autologging is off afterwards; a warning that a test did not clear fails it."""
    with caplog.at_level(logging.WARNING, "siglum"):
        yield
    siglum.autolog(disable=True)
    assert LogisticRegression.fit is ORIGINAL_FIT
    assert [record.getMessage() for record in caplog.records] == []


def runs() -> list[Run]:
    found: list[Run] = siglum.search_runs(output_format="list")
    return found


def files_of(run: Run) -> set[str]:
    entries = siglum.artifacts.list_artifacts(f"runs:/{run.info.run_id}")
    return {entry.path for entry in entries} - {"siglum"}


def test_a_classifier() -> None:
    siglum.sklearn.autolog(extra_tags={"team": "x"})
    model = LogisticRegression(C=0.5).fit(TABLE, LABELS)
    (run,) = runs()
    assert siglum.active_run() is None
    assert run.info.status == "FINISHED"
    assert run.data.params["C"] == "0.5"
    assert {
        "training_precision_score", "training_recall_score", "training_f1_score", "training_accuracy_score",
        "training_log_loss", "training_roc_auc", "training_score",
    } == set(run.data.metrics)  # fmt: skip
    assert run.data.metrics["training_score"] == model.score(TABLE, LABELS)
    tags = run.data.tags
    assert (tags["estimator_name"], tags["mlflow.autologging"], tags["team"]) == ("LogisticRegression", "sklearn", "x")
    assert tags["estimator_class"] == "sklearn.linear_model._logistic.LogisticRegression"
    assert files_of(run) == {
        "estimator.html", "feature_importance.json", "feature_importance.png", "training_confusion_matrix.png",
        "training_precision_recall_curve.png", "training_roc_curve.png",
    }  # fmt: skip
    weights = siglum.artifacts.load_dict(f"runs:/{run.info.run_id}/feature_importance.json")
    assert next(iter(weights)) == "a"
    assert set(weights) == {"a", "b", "c"}
    (entry,) = run.inputs.dataset_inputs
    assert json.loads(str(entry.dataset.profile)) == {"num_rows": 60, "num_elements": 240}
    (output,) = run.outputs.model_outputs
    loaded = siglum.pyfunc.load_model(f"models:/{output.model_id}")
    assert list(loaded.predict(TABLE)) == list(model.predict(TABLE))
    signature = loaded.metadata.signature
    assert signature is not None
    assert signature.inputs is not None
    assert signature.inputs.input_names() == ["a", "b", "c"]
    assert signature.outputs is not None


def test_pipelines_and_other_estimators() -> None:
    siglum.autolog()
    steps = ColumnTransformer([("scaled", StandardScaler(), ["a", "b"])], remainder="drop")
    Pipeline([("prepare", steps), ("model", LinearRegression())]).fit(TABLE, NUMBERS)
    RandomForestRegressor(n_estimators=3, random_state=0).fit(TABLE.to_numpy(), NUMBERS.to_numpy())
    KMeans(n_clusters=2, n_init=1, random_state=0).fit(TABLE)
    StandardScaler().fit(TABLE)  # prepares data: no training
    clusters, forest, pipeline = runs()
    assert pipeline.data.params["prepare__scaled__with_mean"] == "True"
    assert set(pipeline.data.metrics) == {
        "training_mean_squared_error", "training_root_mean_squared_error", "training_mean_absolute_error",
        "training_r2_score", "training_score",
    }  # fmt: skip
    weights = siglum.artifacts.load_dict(f"runs:/{pipeline.info.run_id}/feature_importance.json")
    assert set(weights) == {"scaled__a", "scaled__b"}
    weights = siglum.artifacts.load_dict(f"runs:/{forest.info.run_id}/feature_importance.json")
    assert set(weights) == {"feature_0", "feature_1", "feature_2"}
    assert set(clusters.data.metrics) == {"training_score"}
    assert all(run.outputs.model_outputs for run in (clusters, forest, pipeline))


def test_data_of_many_kinds() -> None:
    """Whatever scikit-learn takes is logged without a warning, or left out."""
    siglum.sklearn.autolog(log_models=False)
    matrix, words = TABLE.to_numpy(), pandas.Series(["one two", "three four"] * 30)
    names = LABELS.map({0: "no", 1: "yes"})
    both = pandas.DataFrame({"u": NUMBERS, "a": NUMBERS})
    LinearRegression().fit(TABLE, both)
    LinearRegression().fit(matrix, both.to_numpy())
    LinearRegression().fit(y=NUMBERS, X=polars.DataFrame(matrix, schema=["a", "b", "c"]))
    LogisticRegression().fit(scipy.sparse.csr_matrix(matrix), names, numpy.ones(60))
    LogisticRegression().fit(matrix.tolist(), names.astype("category"))
    make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(words, names)
    AgglomerativeClustering().fit(matrix)
    found = runs()[::-1]
    assert [run.info.status for run in found] == ["FINISHED"] * 7
    profiles = [[json.loads(str(each.dataset.profile)) for each in run.inputs.dataset_inputs] for run in found]
    rows = [profile[0]["num_rows"] if profile else None for profile in profiles]
    assert rows == [60, 60, 60, 60, 60, None, 60]
    assert profiles[0][0]["num_elements"] == 300
    assert all("training_score" in run.data.metrics for run in found[:6])


@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_a_search(backend: str) -> None:
    siglum.sklearn.autolog(max_tuning_runs=2)
    with siglum.start_run() as outer, joblib.parallel_backend(backend):
        search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1, 10]}, cv=2, n_jobs=2).fit(TABLE, LABELS)
    found = runs()
    parent = siglum.get_run(outer.info.run_id)
    children = [run for run in found if run.data.tags.get("mlflow.parentRunId") == outer.info.run_id]
    assert len(found) == 3
    assert len(children) == 2
    assert parent.data.params["best_C"] == str(search.best_params_["C"])
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    assert {"cv_results.csv", "estimator.html"} <= files_of(parent)
    table = siglum.artifacts.load_text(f"runs:/{outer.info.run_id}/cv_results.csv").splitlines()
    assert len(table) == 4
    assert "mean_test_score" in table[0]
    names = {siglum.get_logged_model(each.model_id).name for each in parent.outputs.model_outputs}
    assert names == {"model", "best_estimator"}
    for run in children:
        assert run.info.status == "FINISHED"
        assert run.data.params["C"] in ("0.01", "1", "10")
        assert {"mean_test_score", "std_test_score", "rank_test_score", "mean_fit_time"} <= set(run.data.metrics)


def test_a_random_search_of_a_pipeline_without_models() -> None:
    siglum.sklearn.autolog(log_models=False, log_datasets=False, max_tuning_runs=None)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    choices = {"logisticregression__C": [0.1, 1, 10]}
    RandomizedSearchCV(pipeline, choices, n_iter=3, cv=2, random_state=0).fit(TABLE, LABELS)
    found = runs()
    assert len(found) == 4
    assert all(not run.outputs.model_outputs and not run.inputs.dataset_inputs for run in found)


class Stubborn(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A user's estimator: fits, and answers nothing but an error."""

    def __init__(self, broken: bool = True) -> None:
        self.broken = broken

    def fit(self, features: Any, y: Any) -> Stubborn:
        self.classes_ = numpy.unique(y)
        self.seen_ = len(features)
        return self

    def predict(self, features: Any) -> Any:
        if self.broken:
            raise RuntimeError("cannot answer\nnever")
        return numpy.zeros(len(features), dtype=int)


def test_what_cannot_be_logged_is_a_line(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    siglum.sklearn.autolog()
    assert Stubborn().fit(TABLE, LABELS).seen_ == 60
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "Autologging of sklearn: metrics was not logged: cannot answer"
    assert all("\n" not in line for line in said)
    assert runs()[0].info.status == "FINISHED"
    caplog.clear()
    monkeypatch.setenv("SIGLUM_TRACKING_URI", "http://127.0.0.1:9")
    assert LogisticRegression().fit(TABLE, LABELS).n_iter_ > 0
    away, later = [record.getMessage() for record in caplog.records]
    assert away.endswith("'siglum sync' sends it, too. The training goes on.")
    assert later.startswith("The server does not answer: the model 'model' is sent with the files of run ")
    caplog.clear()
    siglum.sklearn.autolog(silent=True)
    LogisticRegression().fit(TABLE, LABELS)
    with pytest.raises(UnavailableError, match=r"\d+ records could not be sent"):
        state.close_all()


def test_a_training_that_fails() -> None:
    siglum.sklearn.autolog()
    with pytest.raises(ValueError, match="NaN"):
        LogisticRegression().fit(TABLE.assign(a=float("nan")), LABELS)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        LogisticRegression().fit(TABLE)
    assert [run.info.status for run in runs()] == ["FAILED", "FAILED"]
    assert siglum.active_run() is None


def test_two_trainings_in_one_run(caplog: pytest.LogCaptureFixture) -> None:
    siglum.sklearn.autolog(log_models=False)
    with siglum.start_run() as run:
        LogisticRegression(C=1.0).fit(TABLE, LABELS)
        LogisticRegression(C=2.0).fit(TABLE, LABELS)
    assert siglum.get_run(run.info.run_id).data.params["C"] == "1.0"
    (record,) = caplog.records
    assert "an earlier training in this run has other values" in record.getMessage()
    caplog.clear()
    siglum.sklearn.autolog(exclusive=True)
    with siglum.start_run() as run:
        LogisticRegression().fit(TABLE, LABELS)
    assert siglum.get_run(run.info.run_id).data.params == {}
    assert len(runs()) == 2


def test_taking_it_back() -> None:
    before = {kind: vars(kind).get("fit") for kind in (LogisticRegression, GridSearchCV, Pipeline, KMeans)}
    had = vars(BaseEstimator).get("__init_subclass__")
    for _ in range(2):
        siglum.sklearn.autolog()
    assert LogisticRegression.fit is not before[LogisticRegression]

    class Later(LogisticRegression):  # type: ignore[misc]
        def fit(self, X: Any, y: Any) -> Any:
            return super().fit(X, y)

    Later().fit(TABLE, LABELS)
    assert len(runs()) == 1  # not once for each class
    assert pickle.loads(pickle.dumps(Later.__base__().fit(TABLE, LABELS))).n_iter_ > 0
    siglum.sklearn.autolog(disable=True)
    assert {kind: vars(kind).get("fit") for kind in before} == before
    assert vars(BaseEstimator).get("__init_subclass__") is had
    assert not hasattr(Later.fit, "_siglum_autolog")
    Later().fit(TABLE, LABELS)
    assert len(runs()) == 2


@pytest.mark.long
def test_a_class_of_the_script_in_other_processes(project: Path) -> None:
    """joblib pickles such classes by value, with what wraps them."""
    (project / "search.py").write_text(
        "import numpy, siglum\n"
        "siglum.autolog(log_models=False)\n"
        "from sklearn.linear_model import Ridge\n"
        "from sklearn.model_selection import GridSearchCV\n"
        "class Mine(Ridge):\n"
        "    def fit(self, X, y):\n"
        "        return super().fit(X, y)\n"
        "x = numpy.arange(40.0).reshape(20, 2)\n"
        "GridSearchCV(Mine(), {'alpha': [1, 2]}, cv=2, n_jobs=2).fit(x, x[:, 0])\n"
    )
    done = subprocess.run([sys.executable, "search.py"], cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(runs()) == 3


def test_a_library_that_comes_later(project: Path) -> None:
    (project / "later.py").write_text(
        "import sys, siglum\n"
        "siglum.autolog()\n"
        "assert not {'sklearn', 'xgboost', 'optuna', 'numpy', 'pandas'} & set(sys.modules)\n"
        "import sklearn\n"
        "from sklearn.linear_model import LinearRegression\n"
        "assert LinearRegression.fit._siglum_autolog == 'sklearn'\n"
        "assert type(sklearn.__spec__.loader).__module__ == '_frozen_importlib_external'\n"
        "siglum.autolog(disable=True)\n"
        "assert not hasattr(LinearRegression.fit, '_siglum_autolog')\n"
        "assert all(type(each).__module__ != 'siglum.client.autolog.imports' for each in sys.meta_path)\n"
    )
    done = subprocess.run([sys.executable, "later.py"], cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
