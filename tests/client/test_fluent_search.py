"""Experiments and searches in the fluent API."""

from __future__ import annotations

from pathlib import Path

import pytest

import siglum
from siglum.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from siglum.tracking.entities import ViewType


def three_runs() -> None:
    for number in range(3):
        with siglum.start_run(run_name=f"run {number}"):
            siglum.log_param("n", number)
            siglum.log_metric("score", number / 2)
            siglum.set_tag("parity", number % 2)


def test_setting_an_experiment(project: Path) -> None:
    made = siglum.set_experiment("churn")
    assert siglum.set_experiment("churn").experiment_id == made.experiment_id
    assert siglum.set_experiment(experiment_id=made.experiment_id).name == "churn"
    with siglum.start_run() as run:
        pass
    assert run.info.experiment_id == made.experiment_id
    with pytest.raises(InvalidInputError):
        siglum.set_experiment()
    with pytest.raises(NotFoundError):
        siglum.set_experiment(experiment_id="999")
    siglum.delete_experiment(made.experiment_id)
    with pytest.raises(ConflictError, match="deleted"):
        siglum.set_experiment("churn")
    siglum.restore_experiment(made.experiment_id)
    siglum.set_experiment("churn")


def test_the_environment_names_the_experiment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from-env")
    with siglum.start_run() as run:
        pass
    found = siglum.get_experiment_by_name("from-env")
    assert found is not None
    assert run.info.experiment_id == found.experiment_id


def test_tags_of_experiments(project: Path) -> None:
    experiment = siglum.set_experiment("churn")
    siglum.set_experiment_tag("a", 1)
    siglum.set_experiment_tags({"b": "x"})
    siglum.delete_experiment_tag("a")
    assert siglum.get_experiment(experiment.experiment_id).tags == {"b": "x"}
    with pytest.raises(AlreadyExistsError):
        siglum.create_experiment("churn")


def test_searching_experiments(project: Path) -> None:
    for name in ("a", "b", "c"):
        siglum.create_experiment(name)
    newest_first = siglum.search_experiments()  # those of one millisecond are in no order
    assert [each.creation_time for each in newest_first] == sorted(
        (e.creation_time for e in newest_first), reverse=True
    )
    assert [each.name for each in siglum.search_experiments(max_results=2, order_by=["name DESC"])] == ["c", "b"]
    assert [each.name for each in siglum.search_experiments(filter_string="name = 'a'")] == ["a"]
    siglum.delete_experiment(siglum.search_experiments(filter_string="name = 'a'")[0].experiment_id)
    assert [each.name for each in siglum.search_experiments(ViewType.DELETED_ONLY)] == ["a"]


def test_runs_as_a_polars_table(project: Path) -> None:
    polars = pytest.importorskip("polars")
    siglum.set_experiment("churn")
    assert siglum.search_runs(output_format="polars").shape == (0, 6)
    three_runs()
    table = siglum.search_runs(order_by=["params.n"], output_format="polars")
    assert table["params.n"].to_list() == ["0", "1", "2"]
    assert table.schema["metrics.score"] == polars.Float64
    assert table.schema["start_time"] == polars.Datetime("ms", "UTC")
    siglum.initialize_logged_model("m", params={"a": 1})
    models = siglum.search_logged_models(output_format="polars")
    assert models["params"].to_list() == [[{"key": "a", "value": "1"}]]


def test_runs_as_a_list(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    siglum.set_experiment("churn")
    three_runs()
    found = siglum.search_runs(filter_string="metrics.score > 0.2", order_by=["metrics.score"], output_format="list")
    assert [run.data.params["n"] for run in found] == ["1", "2"]
    assert len(siglum.search_runs(max_results=2, output_format="list")) == 2
    siglum.set_experiment("empty")
    assert siglum.search_runs(output_format="list") == []
    everywhere = siglum.search_runs(search_all_experiments=True, output_format="list")
    assert len(everywhere) == 3
    assert len(siglum.search_runs(experiment_names=["churn"], output_format="list")) == 3
    assert siglum.search_runs(experiment_names=["chrn"], output_format="list") == []
    assert "There is no experiment 'chrn'. Did you mean 'churn'?" in caplog.text
    with pytest.raises(InvalidInputError):
        siglum.search_runs(output_format="polar")


def test_runs_as_a_table(project: Path) -> None:
    pandas = pytest.importorskip("pandas")
    siglum.set_experiment("churn")
    three_runs()
    table = siglum.search_runs(order_by=["metrics.score DESC"])
    assert isinstance(table, pandas.DataFrame)
    assert list(table["metrics.score"]) == [1.0, 0.5, 0.0]
    assert list(table["params.n"]) == ["2", "1", "0"]
    assert list(table["tags.parity"]) == ["0", "1", "0"]
    assert list(table["status"]) == ["FINISHED"] * 3
    assert str(table["start_time"].dtype).startswith("datetime64")
    assert not table["end_time"].isna().any()
    assert list(siglum.search_runs(filter_string="metrics.score > 9").columns[:2]) == ["run_id", "experiment_id"]


def test_points_are_found_at_once(project: Path) -> None:
    with siglum.start_run():
        siglum.log_metric("score", 7)
        assert len(siglum.search_runs(filter_string="metrics.score = 7", output_format="list")) == 1


def test_pages_are_put_together(project: Path) -> None:
    client = siglum.MlflowClient()
    for _ in range(12):
        client.create_run("0")
    page = client.search_runs(["0"], max_results=5)
    assert len(page) == 5
    assert page.token is not None
    second = client.search_runs(["0"], max_results=5, page_token=page.token)
    assert not {run.info.run_id for run in page} & {run.info.run_id for run in second}
    assert len(siglum.search_runs(["0"], output_format="list")) == 12
