"""What runs log through the fluent API."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy
import pytest

import siglum
from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError
from siglum.tracking.entities import LoggedModelInput, Metric, Param, RunTag


def test_metrics(project: Path) -> None:
    with siglum.start_run() as run:
        for step in range(5):
            siglum.log_metric("loss", 1 / (step + 1), step=step)
        siglum.log_metrics({"a": 1, "b": 2.5}, step=3, timestamp=77)
        siglum.log_metric("nan", math.nan)
        siglum.log_metric("inf", math.inf)
    client = siglum.MlflowClient()
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(step, 1 / (step + 1)) for step in range(5)]
    (point,) = client.get_metric_history(run.info.run_id, "b")
    assert (point.value, point.step, point.timestamp) == (2.5, 3, 77)
    metrics = siglum.get_run(run.info.run_id).data.metrics
    assert math.isnan(metrics["nan"])
    assert metrics["inf"] == math.inf
    assert metrics["loss"] == 1 / 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"key": "a//b", "value": 1}, "a//b"),
        ({"key": "", "value": 1}, "key"),
        ({"key": "x" * 251, "value": 1}, "251"),
        ({"key": "a", "value": "high"}, "not a number"),
        ({"key": "a", "value": None}, "not a number"),
        ({"key": "a", "value": 1, "step": 1.5}, "not an integer"),
        ({"key": "a", "value": 1, "step": 2**63}, "64 bits"),
        ({"key": "a", "value": 1, "timestamp": -1}, "negative"),
    ],
)
def test_what_can_never_be_stored_is_refused_at_the_call(
    project: Path, arguments: dict[str, object], words: str
) -> None:
    with siglum.start_run() as run, pytest.raises(InvalidInputError, match=words):
        siglum.log_metric(**arguments)  # type: ignore[arg-type]
    assert siglum.get_run(run.info.run_id).data.metrics == {}


def test_numbers_of_other_libraries(project: Path) -> None:
    numpy = pytest.importorskip("numpy")
    with siglum.start_run() as run:
        siglum.log_metric("a", numpy.float32(0.5), step=numpy.int64(3))
        siglum.log_metric("b", numpy.array(2))
        siglum.log_metric("c", True, step=4.0)  # type: ignore[arg-type]
    assert siglum.get_run(run.info.run_id).data.metrics == {"a": 0.5, "b": 2, "c": 1}


def test_points_of_a_deleted_run_are_reported_when_it_ends(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = siglum.start_run()
    siglum.delete_run(run.info.run_id)
    siglum.log_metric("a", 1)
    siglum.log_metric("a", 2)
    with pytest.raises(ConflictError, match=r"has been deleted|must be in the 'active' state"):
        siglum.end_run()
    assert sum(f"of run {run.info.run_id} could not be stored" in message for message in caplog.messages) >= 1
    assert siglum.active_run() is None


def test_an_error_in_the_block_is_not_hidden_by_unsent_points(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = siglum.start_run()
    siglum.delete_run(run.info.run_id)
    siglum.log_metric("a", 1)
    with pytest.raises(ZeroDivisionError) as caught, run:
        raise ZeroDivisionError
    assert any("Also: " in note and run.info.run_id in note for note in caught.value.__notes__)
    assert any("1 metric point of run" in message for message in caplog.messages)


def test_synchronous_and_pending(project: Path) -> None:
    with siglum.start_run() as run:
        store = siglum.MlflowClient()._tracking
        siglum.log_metric("a", 1, synchronous=True)
        assert store.get_run(run.info.run_id).data.metrics == {"a": 1}
        pending = siglum.log_metrics({"b": 2}, synchronous=False)
        assert pending is not None
        pending.wait()
        assert store.get_run(run.info.run_id).data.metrics == {"a": 1, "b": 2}


def test_another_run_than_the_active_one(project: Path) -> None:
    other = siglum.MlflowClient().create_run("0").info.run_id
    with siglum.start_run():
        siglum.log_metric("a", 1, run_id=other)
        siglum.log_params({"p": 1}, run_id=other)
    found = siglum.get_run(other)
    assert (found.data.metrics, found.data.params) == ({"a": 1}, {"p": "1"})


def test_params_and_tags(project: Path) -> None:
    with siglum.start_run() as run:
        assert siglum.log_param("depth", 3) == 3
        siglum.log_params({f"p{number}": number for number in range(250)})
        siglum.set_tag("a", 1)
        siglum.set_tags({"b": None, "c": "x"})
        siglum.delete_tag("c")
        with pytest.raises(ConflictError):
            siglum.log_param("depth", 4)
        with pytest.raises(NotFoundError):
            siglum.delete_tag("never")
    data = siglum.get_run(run.info.run_id).data
    assert len(data.params) == 251
    assert data.params["depth"] == "3"
    assert {key: value for key, value in data.tags.items() if key in "abc"} == {"a": "1", "b": "None"}


def test_an_input_by_path(project: Path) -> None:
    (project / "data").mkdir()
    (project / "data" / "train.csv").write_text("a,b\n1,2\n")
    with siglum.start_run() as run:
        siglum.log_input("data/train.csv", context="training", tags={"split": "all"})
        siglum.log_input(project / "data")
    found = siglum.get_run(run.info.run_id)
    by_name = {entry.dataset.name: entry for entry in found.inputs.dataset_inputs}
    train = by_name["data/train.csv"]
    assert train.dataset.digest == "e5ebd4c02cefbe7955977c67ada242b7"
    assert {(tag.key, tag.value) for tag in train.tags} == {
        ("mlflow.data.context", "training"), ("split", "all"), ("siglum.data.tracked_by", "nothing"),
    }  # fmt: skip
    source = json.loads(train.dataset.source)
    assert source["path"] == "data/train.csv"
    assert source["hash"] == f"md5:{train.dataset.digest}"
    assert by_name["data"].dataset.digest.endswith(".dir")
    recipe = json.loads(found.data.tags["siglum.recipe"])
    assert [path for path, _ in recipe["data"]] == ["data", "data/train.csv"]
    with siglum.start_run(), pytest.raises(NotFoundError, match="nowhere"):
        siglum.log_input("nowhere.csv")


def test_an_input_in_memory_and_a_model(project: Path) -> None:
    pandas = pytest.importorskip("pandas")
    from siglum.data import from_pandas

    table = pandas.DataFrame({"a": [1, 2], "y": [0, 1]})
    dataset = from_pandas(table, targets="y", name="toy")
    model = siglum.initialize_logged_model("m")
    with siglum.start_run() as run:
        siglum.log_input(dataset, context="training")
        siglum.log_inputs(models=[LoggedModelInput(model_id=model.model_id)])
        siglum.log_metric("acc", 0.5, dataset=dataset)
        with pytest.raises(InvalidInputError, match="from_pandas"):
            siglum.log_input(table)
    found = siglum.get_run(run.info.run_id)
    assert [entry.dataset.name for entry in found.inputs.dataset_inputs] == ["toy"]
    assert [entry.model_id for entry in found.inputs.model_inputs] == [model.model_id]
    assert json.loads(found.data.tags["siglum.recipe"])["data"] == [["toy", dataset.hash]]


def test_seeds_go_into_the_recipe(project: Path) -> None:
    import random

    with siglum.start_run() as run:
        assert siglum.seed_everything(7)["random"] == 7
        first = random.random()
        siglum.seed_everything(7)
        assert random.random() == first
    assert json.loads(siglum.get_run(run.info.run_id).data.tags["siglum.recipe"])["seeds"]["random"] == 7
    with pytest.raises(InvalidInputError):
        siglum.seed_everything(-1)


def test_arrays_and_steps_of_one_number(project: Path) -> None:
    with siglum.start_run() as run:
        siglum.log_metric("loss", numpy.array([[0.5]]), step=numpy.float32(3))  # type: ignore[arg-type]
        siglum.MlflowClient().log_metric(run.info.run_id, "loss", numpy.array([0.25]), step=4)  # type: ignore[arg-type]
        for more in ([0.5, 1.0], numpy.array([0.5, 1.0])):
            with pytest.raises(InvalidInputError, match="not a number"):
                siglum.log_metric("loss", more)  # type: ignore[arg-type]
        with pytest.raises(InvalidInputError, match="milliseconds since the epoch"):
            siglum.log_metric("loss", 1, timestamp=1.5)  # type: ignore[arg-type]
    history = siglum.MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert sorted((point.step, point.value) for point in history) == [(3, 0.5), (4, 0.25)]


def test_a_batch_of_any_size(project: Path) -> None:
    """MLflow's client sends as many requests as it takes, and makes strings of values."""
    client = siglum.MlflowClient()
    run_id = client.create_run("0").info.run_id
    client.log_batch(
        run_id,
        [Metric(f"m{number}", number, 1, 0) for number in range(1001)],
        [Param(f"p{number}", number) for number in range(101)],  # type: ignore[arg-type]
        [RunTag(f"t{number}", number) for number in range(101)],  # type: ignore[arg-type]
    )
    data = client.get_run(run_id).data
    assert (len(data.metrics), data.params["p100"], data.tags["t100"]) == (1001, "100", "100")
