"""Autologging of Optuna, with the real one: a study as a run, trials as runs below it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

import siglum
import siglum.optuna
from siglum.tracking.entities import Run

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def nothing_unlogged(project: Path, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    before = optuna.study.Study.optimize
    siglum.optuna.autolog()
    with caplog.at_level(logging.WARNING, "siglum"):
        yield
    siglum.optuna.autolog(disable=True)
    assert optuna.study.Study.optimize is before
    assert [record.getMessage() for record in caplog.records] == []


def runs() -> list[Run]:
    found: list[Run] = siglum.search_runs(order_by=["start_time"], output_format="list")
    return found


def objective(trial: optuna.Trial) -> float:
    x: float = trial.suggest_float("x", -5, 5)
    siglum.log_metric("own", x)
    for step in range(3):
        trial.report(x**2 + step, step)
        if trial.number == 1 and step == 1:
            raise optuna.TrialPruned
    if trial.number == 2:
        raise ValueError("bad")
    trial.set_user_attr("size", 3)
    return x**2


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study(jobs: int) -> None:
    study = optuna.create_study(study_name="depths", direction="minimize")
    study.optimize(objective, n_trials=5, n_jobs=jobs, catch=(ValueError,))
    (parent,) = [run for run in runs() if "mlflow.parentRunId" not in run.data.tags]
    trials = {run.data.tags["optuna.trial"]: run for run in runs() if "mlflow.parentRunId" in run.data.tags}
    assert siglum.active_run() is None
    assert (parent.info.run_name, parent.info.status) == ("depths", "FINISHED")
    assert parent.data.metrics["best_value"] == study.best_value
    assert parent.data.params["best_x"] == str(study.best_params["x"])
    assert parent.data.params["optuna.sampler"] == "TPESampler"
    counted = {key: value for key, value in parent.data.metrics.items() if key.startswith("trials_")}
    assert counted == {"trials_complete": 3, "trials_pruned": 1, "trials_fail": 1}
    assert parent.data.tags["optuna.directions"] == "minimize"
    assert set(trials) == {"0", "1", "2", "3", "4"}
    assert {run.data.tags["mlflow.parentRunId"] for run in trials.values()} == {parent.info.run_id}
    assert trials["1"].data.tags["optuna.state"] == "PRUNED"
    assert [trials[key].info.status for key in "012"] == ["FINISHED", "FINISHED", "FAILED"]
    for number, frozen in enumerate(study.trials):
        data = trials[str(number)].data
        assert data.params["x"] == str(frozen.params["x"])
        assert data.metrics["own"] == frozen.params["x"]
        assert data.metrics.get("value") == (frozen.value if frozen.state.name == "COMPLETE" else None)
    points = siglum.MlflowClient().get_metric_history(trials["0"].info.run_id, "intermediate_value")
    assert {point.step: point.value for point in points} == study.trials[0].intermediate_values
    assert trials["0"].data.tags["optuna.user_attr.size"] == "3"


def test_inside_a_run_with_several_values_and_an_error() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"])
    with siglum.start_run() as outer:
        study.optimize(lambda trial: (trial.suggest_int("n", 1, 3), 2.0), n_trials=2)
        with pytest.raises(ZeroDivisionError):
            study.optimize(lambda _: 1 / 0, n_trials=1)
        siglum.log_metric("still_here", 1)
    found = siglum.get_run(outer.info.run_id)
    assert found.data.metrics["still_here"] == 1
    assert found.data.metrics["best_trials"] == len(study.best_trials)
    children = [run for run in runs() if run.data.tags.get("mlflow.parentRunId") == outer.info.run_id]
    assert [run.info.status for run in children] == ["FINISHED", "FINISHED", "FAILED"]
    assert set(children[0].data.metrics) == {"value_0", "value_1"}


def test_trainings_in_trials_are_recorded_there() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    siglum.autolog(log_models=False)

    def train(trial: optuna.Trial) -> float:
        model = linear.Ridge(alpha=trial.suggest_float("strength", 0.1, 1)).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 3.0])
        return float(model.coef_[0])

    optuna.create_study().optimize(train, n_trials=2)
    siglum.autolog(disable=True)
    found = runs()
    assert len(found) == 3
    for run in found[1:]:
        assert {"alpha", "strength"} <= set(run.data.params)
        assert {"training_r2_score", "value"} <= set(run.data.metrics)
