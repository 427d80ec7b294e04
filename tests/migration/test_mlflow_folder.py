"""`siglum migrate mlflow` from a file store that the real MLflow wrote."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject
from tests.migration.stores import all_runs, files, history, migrate, state_of, unpack

from siglum.client.stores import Stores, open_stores
from siglum.core.errors import FileFormatError, NotFoundError
from siglum.registry.entities import Stage
from siglum.tracking.entities import LifecycleStage, LoggedModelStatus, Run, RunStatus, ViewType

TARGET = "sqlite:///new/siglum.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return unpack("mlruns.tar.gz", tmp_path)


@pytest.fixture
def stores(folder: Path) -> Iterator[Stores]:
    migrate("mlruns", TARGET, folder)
    with closing(open_stores(TARGET, str(folder))) as stores:
        yield stores


def runs_of(stores: Stores, name: str) -> dict[str, Run]:
    experiment = stores.tracking.get_experiment_by_name(name)
    assert experiment is not None
    return {run.info.run_name: run for run in all_runs(stores, experiment.experiment_id)}


def test_experiments_come_over(stores: Stores, folder: Path) -> None:
    found = {each.name: each for each in stores.tracking.search_experiments(view_type=ViewType.ALL).items}
    assert found.keys() == {"Default", "churn", "other", "gone"}
    assert found["churn"].tags == {"team": "red", "note": "ä — ü"}
    assert found["gone"].lifecycle_stage is LifecycleStage.DELETED
    churn = found["churn"].experiment_id
    assert (folder / "mlruns" / churn).is_dir()
    assert f"creation_time: {found['churn'].creation_time}\n" in (folder / "mlruns" / churn / "meta.yaml").read_text()
    assert found["churn"].artifact_location == f"mlflow-artifacts:/{churn}"


def test_runs_come_over_with_their_histories(stores: Stores) -> None:
    runs = runs_of(stores, "churn")
    assert [runs[f"run {number}"].info.status for number in range(3)] == [
        RunStatus.FINISHED,
        RunStatus.FAILED,
        RunStatus.RUNNING,
    ]
    run = runs["run 1"]
    assert (run.info.start_time, run.info.end_time) == (1_700_000_000_001, 1_700_000_200_000)
    assert run.data.params == {"depth": "1", "model/kind": "tree"}
    assert run.data.tags == {"kind": "trial", "long": "x" * 4000, "mlflow.runName": "run 1"}
    assert history(stores, run, "loss") == [[i, 1_700_000_001_000 + i, str(1 / (i + 1))] for i in range(450)]
    assert history(stores, run, "odd/inf") == [[1, 1_700_000_001_000, "inf"], [2, 1_700_000_001_001, "-inf"]]
    assert history(stores, run, "odd/nan") == [[0, 1_700_000_001_000, "nan"]]
    assert history(stores, run, "accuracy") == [[-1, 1_700_000_002_000, "0.6"]]
    assert set(files(stores, run.info.artifact_uri)) == {"facts.json", "notes/readme.txt"}
    (read,) = run.inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest, read.dataset.source) == (
        "table-1",
        "f3ec2ad7",
        '{"tags": {"by": "hand"}}',
    )
    assert [(tag.key, tag.value) for tag in read.tags] == [("mlflow.data.context", "training")]


def test_a_step_of_a_point_on_a_data_set_is_kept(stores: Stores) -> None:
    assert history(stores, runs_of(stores, "churn")["run 0"], "auc") == [[4, 1_700_000_003_000, "0.9"]]


def test_deleted_runs_stay_deleted(stores: Stores) -> None:
    stages = [run.info.lifecycle_stage for run in runs_of(stores, "other").values()]
    assert sorted(stages) == [LifecycleStage.ACTIVE, LifecycleStage.DELETED]


def test_logged_models_come_over(stores: Stores) -> None:
    run = runs_of(stores, "churn")["run 0"]
    (made,) = run.outputs.model_outputs
    assert made.step == 3
    model = stores.tracking.get_logged_model(made.model_id)
    assert (model.name, model.status, model.params) == ("forest", LoggedModelStatus.READY, {"trees": "10"})
    (point,) = model.metrics
    assert (point.value, point.step, point.run_id, point.dataset_digest) == (0.9, 4, run.info.run_id, "49c9db9d")
    assert set(files(stores, model.artifact_location)) == {"MLmodel", "data.bin"}
    read = [each for other in runs_of(stores, "other").values() for each in other.inputs.model_inputs]
    assert [each.model_id for each in read] == [made.model_id]


def test_the_registry_comes_over_and_its_places_follow_the_files(stores: Stores) -> None:
    champion = stores.registry.get_registered_model("champion")
    assert champion.aliases == {"live": "3", "before": "1"}
    assert champion.tags == {"owner": "ann"}
    versions = {each.version: each for each in stores.registry.search_model_versions().items}
    assert versions.keys() == {"1", "3"}
    assert versions["1"].current_stage is Stage.PRODUCTION
    assert versions["1"].tags == {"t": "1"}
    run = runs_of(stores, "churn")["run 1"]
    assert versions["3"].source == run.info.artifact_uri
    assert stores.registry.get_download_uri("champion", "3") == run.info.artifact_uri
    assert set(files(stores, stores.registry.get_download_uri("champion", "1"))) == {"MLmodel", "data.bin"}


def test_again_adds_nothing(folder: Path) -> None:
    first = migrate("mlruns", TARGET, folder)
    before = state_of(TARGET, folder)
    again = migrate(f"file://{folder}/mlruns", TARGET, folder)
    assert state_of(TARGET, folder) == before
    assert again.found == first.found
    assert again.added == type(again.added)()
    assert (first.added.runs, first.added.points, first.added.versions, first.added.files) == (6, 1364, 2, 8)


def test_files_may_stay_where_they_are(folder: Path) -> None:
    assert migrate("mlruns", TARGET, folder, files=False).added.files == 0
    with closing(open_stores(TARGET, str(folder))) as stores:
        assert runs_of(stores, "churn")["run 1"].info.artifact_uri.endswith("/artifacts")
        assert "mlruns" in runs_of(stores, "churn")["run 1"].info.artifact_uri


# -- what is wrong with a source ---------------------------------------------------------------------------------------
def a_run(folder: Path) -> Path:
    return next(folder.glob("mlruns/[0-9]*/*/metrics/loss")).parent.parent


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no folder"):
        migrate("mlruns", TARGET, tmp_path)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "mlruns").mkdir()
    with pytest.raises(FileFormatError, match="no file store of MLflow's"):
        migrate("mlruns", TARGET, tmp_path)


def test_a_line_that_is_cut(folder: Path) -> None:
    path = a_run(folder) / "metrics/loss"
    path.write_text(path.read_text() + "1700000\n")
    with pytest.raises(FileFormatError, match=r"metrics/loss:\d+: this is not a time, a value and a step"):
        migrate("mlruns", TARGET, folder)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "this is empty"),
        (b"a: [\n", "this is no YAML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"start_time: soon\n", "start_time is 'soon'"),
        (b"status: 9\n", "9 is no status"),
    ],
)
def test_a_damaged_record(folder: Path, content: bytes, problem: str) -> None:
    (a_run(folder) / "meta.yaml").write_bytes(content)
    with pytest.raises(FileFormatError, match=problem):
        migrate("mlruns", TARGET, folder)


def test_a_missing_record(folder: Path) -> None:
    (a_run(folder) / "meta.yaml").unlink()
    with pytest.raises(FileFormatError, match=r"meta\.yaml: this file is missing"):
        migrate("mlruns", TARGET, folder)


def test_a_missing_data_set(folder: Path) -> None:
    for each in folder.glob("mlruns/[0-9]*/datasets"):
        shutil.rmtree(each)
    with pytest.raises(FileFormatError, match="there is no data set"):
        migrate("mlruns", TARGET, folder)


def test_the_command_takes_a_folder(folder: Path) -> None:
    ended = QuickProject(folder).run("migrate", "mlflow", "mlruns", "--dry-run")
    assert ended.status == 0, ended
    assert ended.out.splitlines()[2].split() == ["runs", "6", "6"]
    assert not (folder / ".siglum").exists()
