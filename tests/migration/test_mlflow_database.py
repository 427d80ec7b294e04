"""`siglum migrate mlflow` from a database that the real MLflow wrote."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.cli.quick import QuickProject
from tests.migration.stores import answers, everything_in, files, history, migrate, state_of, unpack

from siglum.client.stores import Stores, open_stores
from siglum.core.errors import FileFormatError, IntegrityError, InvalidInputError, NotFoundError, NotSupportedError
from siglum.registry.entities import Change, Stage
from siglum.tracking.entities import LifecycleStage, Param, RunStatus, Tag, ViewType

SOURCE = "sqlite:///mlflow.db"
TARGET = "sqlite:///new/siglum.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return unpack("server.tar.gz", tmp_path)


@pytest.fixture
def stores(folder: Path) -> Iterator[Stores]:
    migrate(SOURCE, TARGET, folder)
    with closing(open_stores(TARGET, str(folder))) as stores:
        yield stores


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


# -- what comes over ---------------------------------------------------------------------------------------------------
def test_runs_are_what_mlflows_client_said_they_are(stores: Stores) -> None:
    recorded = answers()["runs"]
    assert len(recorded) == 6
    for said in recorded:
        run = stores.tracking.get_run(said["info"]["run_id"])
        info = {key: said["info"][key] for key in ("run_name", "experiment_id", "user_id", "status", "start_time")}
        assert {key: str(getattr(run.info, key)) for key in info} == {key: str(value) for key, value in info.items()}
        assert run.info.end_time == said["info"]["end_time"]
        assert run.info.artifact_uri == said["info"]["artifact_uri"]
        assert run.info.lifecycle_stage == said["info"]["lifecycle_stage"]
        assert run.data.params == said["data"]["params"]
        assert run.data.tags == said["data"]["tags"]
        # infinities come over as such; MLflow answers with the largest number
        largest = {"1.7976931348623157e+308": "inf", "-1.7976931348623157e+308": "-inf"}
        expected = {
            key: [[step, time, largest.get(value, value)] for step, time, value in points]
            for key, points in said["history"].items()
        }
        assert {key: history(stores, run, key) for key in run.data.metrics} == expected


def test_the_order_of_runs_is_kept(stores: Stores) -> None:
    found = stores.tracking.search_runs(["1"], order_by=["attributes.start_time"]).items
    said = [run["info"]["run_id"] for run in answers()["runs"] if run["info"]["experiment_id"] == "1"]
    assert [run.info.run_id for run in found] == said


def test_experiments_keep_ids_times_tags_and_stage(stores: Stores) -> None:
    for said in answers()["experiments"]:
        found = stores.tracking.get_experiment(said["experiment_id"])
        assert found.name == said["name"]
        assert found.artifact_location == said["artifact_location"]
        assert found.lifecycle_stage == said["lifecycle_stage"]
        assert (found.creation_time, found.last_update_time) == (said["creation_time"], said["last_update_time"])
        assert found.tags == said["tags"]
    assert stores.tracking.create_experiment("next") == "4"


def test_data_sets_and_models_of_runs_come_over(stores: Stores) -> None:
    for said in answers()["runs"]:
        run = stores.tracking.get_run(said["info"]["run_id"])
        expected = [
            (each["dataset"]["name"], each["dataset"]["digest"], each["dataset"]["source"], each["tags"])
            for each in said["inputs"]["dataset_inputs"]
        ]
        found = [
            (each.dataset.name, each.dataset.digest, each.dataset.source, {tag.key: tag.value for tag in each.tags})
            for each in run.inputs.dataset_inputs
        ]
        assert found == expected
    model = answers()["model"]
    runs = stores.tracking.search_runs(["1", "2"], view_type=ViewType.ALL).items
    assert [m.model_id for run in runs for m in run.inputs.model_inputs] == [model]
    assert [(m.model_id, m.step) for run in runs for m in run.outputs.model_outputs] == [(model, 3)]


def test_logged_models_come_over_with_points_and_files(stores: Stores) -> None:
    model = stores.tracking.get_logged_model(answers()["model"])
    assert (model.name, model.model_type, model.params) == ("forest", "classifier", {"trees": "10"})
    assert model.tags["a"] == "b"
    (point,) = model.metrics
    assert (point.key, point.value, point.step, point.dataset_name) == ("auc", 0.9, 4, "table-0")
    assert set(files(stores, model.artifact_location)) == {"MLmodel", "data.bin"}
    with pytest.raises(NotFoundError):
        stores.tracking.get_logged_model(answers()["failed_model"])
    failed = stores.tracking.get_logged_model(answers()["failed_model"], allow_deleted=True)
    assert failed.status.name == "FAILED"


def test_the_registry_comes_over(stores: Stores) -> None:
    (champion, empty) = stores.registry.search_registered_models().items
    said = {each["name"]: each for each in answers()["models"]}
    assert champion.description == "The one."
    assert champion.tags == {"owner": "ann"}
    assert champion.aliases == said["champion"]["aliases"]
    assert champion.creation_timestamp == said["champion"]["creation_timestamp"]
    assert champion.last_updated_timestamp == said["champion"]["last_updated_timestamp"]
    assert empty.description == ""
    versions = {each.version: each for each in stores.registry.search_model_versions().items}
    recorded = {str(each["version"]): each for each in answers()["versions"]}
    assert versions.keys() == recorded.keys() == {"1", "3"}
    for number, version in versions.items():
        for key in ("creation_timestamp", "last_updated_timestamp", "source", "run_id", "status", "tags"):
            assert getattr(version, key) == recorded[number][key], key
    assert versions["1"].current_stage is Stage.PRODUCTION
    assert versions["1"].model_id == answers()["model"]
    place = stores.registry.get_download_uri("champion", "1")
    assert set(files(stores, place)) == {"MLmodel", "data.bin"}


def test_numbers_of_deleted_versions_are_not_used_again(stores: Stores) -> None:
    made = stores.registry.create_model_version("champion", "models:/x", change=_by("bob"))
    assert made.version == "5"


def _by(actor: str) -> Change:
    return Change(actor)


def test_what_came_over_is_in_the_audit_log(stores: Stores) -> None:
    events = stores.registry.audit_log()
    assert {"create_registered_model", "create_model_version", "transition_stage", "set_alias"} == {
        event.action for event in events
    }
    assert all((event.reason or "").endswith("mlflow.db") for event in events)
    assert stores.registry.verify_audit_log() == len(events)  # type: ignore[attr-defined]


def test_files_of_runs_come_over(stores: Stores) -> None:
    run = stores.tracking.search_runs(["1"], filter_string="attributes.run_name = 'run 1'").items[0]
    folder = stores.artifacts_for(run.info.artifact_uri)
    with folder.open("notes/readme.txt") as file:
        assert file.read() == b"of run 1\n"


# -- again, and interrupted --------------------------------------------------------------------------------------------
def test_again_adds_nothing(folder: Path) -> None:
    first = migrate(SOURCE, TARGET, folder)
    before = state_of(TARGET, folder)
    again = migrate(SOURCE, TARGET, folder)
    assert state_of(TARGET, folder) == before
    assert first.found == again.found
    assert again.added == type(again.added)()
    assert (first.added.runs, first.added.points, first.added.versions, first.added.files) == (6, 1364, 2, 8)


KILLED = """
import os, sys
from siglum.migration.sources import open_mlflow
from siglum.migration.target import write_to
calls = 0
def progress(_):
    global calls
    calls += 1
    if calls == int(sys.argv[1]):
        os.kill(os.getpid(), 9)
write_to(open_mlflow("sqlite:///mlflow.db", os.getcwd(), None), "sqlite:///new/siglum.db", os.getcwd(), None,
         files=True, progress=progress)
"""


def test_a_migration_that_was_killed_goes_on(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    calm = unpack("server.tar.gz", tmp_path_factory.mktemp("calm"))
    migrate(SOURCE, TARGET, calm)
    expected = _without_times(state_of(TARGET, calm))
    for step in ("2", "8", "12"):  # among the runs, the logged models and the files
        killed = subprocess.run([sys.executable, "-c", KILLED, step], cwd=folder, check=False)
        assert killed.returncode == -signal.SIGKILL
    migrate(SOURCE, TARGET, folder)
    assert _without_times(state_of(TARGET, folder)) == expected


def _without_times(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key != "audit"}


def test_half_a_run_is_completed(folder: Path) -> None:
    migrate(SOURCE, TARGET, folder)
    before = _without_times(state_of(TARGET, folder))
    with closing(open_stores(TARGET, str(folder))) as stores:
        database = stores.tracking.database  # type: ignore[attr-defined]
        for table in ("metric_segments", "metric_journal", "metric_summaries"):
            database.write(lambda sql, table=table: sql.run(f"DELETE FROM {table}"))
    outcome = migrate(SOURCE, TARGET, folder)
    assert outcome.added.points == 1364
    assert _without_times(state_of(TARGET, folder)) == before


def test_a_run_that_went_on_is_brought_up_to_date(folder: Path) -> None:
    migrate(SOURCE, TARGET, folder)
    run_id = next(run["info"]["run_id"] for run in answers()["runs"] if run["info"]["run_name"] == "run 2")
    change(
        folder,
        f"UPDATE runs SET status = 'FINISHED', end_time = 5 WHERE run_uuid = '{run_id}'",
        f"INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('new', 1, 2, '{run_id}', 3, 0)",
    )
    outcome = migrate(SOURCE, TARGET, folder)
    assert outcome.added.points == 1
    with closing(open_stores(TARGET, str(folder))) as stores:
        run = stores.tracking.get_run(run_id)
        assert (run.info.status, run.info.end_time, run.data.metrics["new"]) == (RunStatus.FINISHED, 5, 1.0)


def test_what_was_changed_here_is_kept(folder: Path) -> None:
    migrate(SOURCE, TARGET, folder)
    run_id = answers()["runs"][0]["info"]["run_id"]
    with closing(open_stores(TARGET, str(folder))) as stores:
        stores.tracking.log_batch(run_id, tags=[Tag("kind", "mine")], params=[Param("own", "1")])
        stores.registry.set_alias("champion", "live", "1", change=_by("bob"))
    migrate(SOURCE, TARGET, folder)
    with closing(open_stores(TARGET, str(folder))) as stores:
        run = stores.tracking.get_run(run_id)
        assert run.data.tags["kind"] == "mine"
        assert run.data.params["own"] == "1"
        assert stores.registry.get_registered_model("champion").aliases["live"] == "1"


def test_into_a_store_that_uses_the_ids(folder: Path) -> None:
    with closing(open_stores(TARGET, str(folder))) as stores:
        assert stores.tracking.create_experiment("mine") == "1"
    outcome = migrate(SOURCE, TARGET, folder)
    assert outcome.renumbered == {"1": "2", "2": "3", "3": "4"}
    assert migrate(SOURCE, TARGET, folder).added.experiments == 0
    with closing(open_stores(TARGET, str(folder))) as stores:
        churn = stores.tracking.get_experiment_by_name("churn")
        assert churn is not None
        assert churn.experiment_id == "2"
        assert len(stores.tracking.search_runs(["2"]).items) == 3
        gone = stores.tracking.get_experiment("4")
        assert gone.lifecycle_stage is LifecycleStage.DELETED


# -- older databases ---------------------------------------------------------------------------------------------------
def test_a_database_of_mlflow_2_is_read(folder: Path) -> None:
    tables = ("logged_models", "logged_model_metrics", "logged_model_tags", "logged_model_params")
    change(
        folder,
        *(f"DROP TABLE {table}" for table in (*tables, "inputs", "input_tags", "datasets", "registered_model_aliases")),
        "ALTER TABLE runs DROP COLUMN deleted_time",
        "ALTER TABLE model_versions DROP COLUMN storage_location",
    )
    outcome = migrate(SOURCE, TARGET, folder)
    assert (outcome.added.runs, outcome.added.logged_models, outcome.added.versions) == (6, 0, 2)
    with closing(open_stores(TARGET, str(folder))) as stores:
        assert stores.registry.get_download_uri("champion", "1") == f"models:/{answers()['model']}"


# -- what is wrong with a source ---------------------------------------------------------------------------------------
def test_a_missing_database(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"There is no database .*mlflow\.db"):
        migrate(SOURCE, TARGET, tmp_path)
    assert not (tmp_path / "new").exists()


def test_an_unknown_schema(folder: Path) -> None:
    change(folder, "ALTER TABLE runs RENAME COLUMN status TO state")
    with pytest.raises(FileFormatError, match=r"there is no runs\.status"):
        migrate(SOURCE, TARGET, folder)


def test_tables_of_something_else(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE things (a)")
    with pytest.raises(FileFormatError, match=r"there is no experiments\.artifact_location and \d+ more"):
        migrate(SOURCE, TARGET, tmp_path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("nothing of the kind\n" * 100)
    with pytest.raises(FileFormatError, match="not an SQLite database"):
        migrate(SOURCE, TARGET, tmp_path)


def test_a_damaged_database(folder: Path) -> None:
    path = folder / "mlflow.db"
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="damaged"):
        migrate(SOURCE, TARGET, folder)


def test_a_record_that_makes_no_sense(folder: Path) -> None:
    change(folder, "PRAGMA ignore_check_constraints = on", "UPDATE runs SET status = 'DREAMING'")
    with pytest.raises(FileFormatError, match="'DREAMING'"):
        migrate(SOURCE, TARGET, folder)


def test_several_workspaces(folder: Path) -> None:
    change(folder, "UPDATE experiments SET workspace = 'other' WHERE experiment_id = 2")
    with pytest.raises(NotSupportedError, match="2 workspaces"):
        migrate(SOURCE, TARGET, folder)


def test_siglums_own_database(folder: Path) -> None:
    migrate(SOURCE, TARGET, folder)
    with pytest.raises(InvalidInputError, match=r"is a database of Siglum's"):
        migrate(TARGET, "sqlite:///other.db", folder)


def test_files_that_cannot_be_found(folder: Path) -> None:
    (folder / "mlartifacts").rename(folder / "elsewhere")
    with pytest.raises(InvalidInputError, match="--artifacts FOLDER"):
        migrate(SOURCE, TARGET, folder)
    assert migrate(SOURCE, TARGET, folder, files=False).added.files == 0
    assert migrate(SOURCE, TARGET, folder, artifacts="elsewhere").added.files == 8


def test_a_file_whose_name_the_store_does_not_take(folder: Path) -> None:
    notes = next(folder.glob("mlartifacts/1/*/artifacts/notes"))
    (notes / "a#b.txt").write_text("x")
    outcome = migrate(SOURCE, TARGET, folder)
    assert outcome.added.files == 8
    assert len(outcome.skipped) == 1
    assert "a#b.txt" in outcome.skipped[0]


# -- the command -------------------------------------------------------------------------------------------------------
def test_a_dry_run_counts_and_changes_nothing(folder: Path) -> None:
    project = QuickProject(folder)
    before = everything_in(folder)
    ended = project.run("migrate", "mlflow", SOURCE, "--to", TARGET, "--dry-run")
    assert ended.status == 0, ended
    assert everything_in(folder) == before
    rows = [line.rsplit(maxsplit=2) for line in ended.out.splitlines()[1:]]
    assert rows[1] == ["runs", "6", "6"]
    assert rows[2] == ["points", "1,364", "1,364"]
    assert rows[6] == ["files", "8", "8"]
    assert project.run("migrate", "mlflow", SOURCE, "--to", TARGET).status == 0
    again = project.run("migrate", "mlflow", SOURCE, "--to", TARGET, "--dry-run")
    assert [line.split()[-1] for line in again.out.splitlines()[1:]] == ["0"] * 8


def test_the_command_tells_what_it_did_in_json(folder: Path) -> None:
    ended = QuickProject(folder).run("migrate", "mlflow", SOURCE, "--to", TARGET, "--json")
    assert ended.status == 0, ended
    told = json.loads(ended.out)
    assert told["outcome"]["added"]["points"] == 1364
    assert told["dry_run"] is False


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["sqlite:///nope.db"], 1, "There is no database"),
        ([SOURCE, "--to", "http://127.0.0.1:1"], 1, "No server answers"),
        ([SOURCE, "--artifacts", "nowhere"], 1, "There is no folder"),
        ([SOURCE, "--artifacts", "mlartifacts", "--no-artifacts"], 2, "do not go together"),
        ([""], 1, "is nothing that runs can be read from"),
        (["ftp://host/x"], 1, "is nothing that runs can be read from"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder: Path, arguments: list[str], status: int, text: str) -> None:
    ended = QuickProject(folder).run("migrate", "mlflow", *arguments)
    assert ended.status == status
    assert text in ended.err
    assert ended.err.count("\n") == 1
