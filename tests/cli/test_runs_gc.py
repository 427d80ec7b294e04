"""`siglum runs gc` on both databases: what it removes, and what it refuses to remove."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject
from tests.postgres import PostgresServer

from siglum.client.artifact_folder import files_below
from siglum.client.stores import Stores, open_stores
from siglum.core.errors import NotFoundError
from siglum.registry.entities import Change
from siglum.tracking.entities import Dataset, DatasetInput, LoggedModelInput, LoggedModelOutput, Metric, Param, Tag
from siglum.tracking.sql.store import SqlTrackingStore

BY = Change("ann")


class Place:
    """A database, the stores on it, and the command."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.uri = uri
        self.stores: Stores = open_stores(uri, str(folder))
        self._project = QuickProject(folder)

    def gc(self, *options: str, status: int = 0) -> str:
        ended = self._project.run("runs", "gc", "--tracking-uri", self.uri, *options)
        assert ended.status == status, ended
        assert status == 0 or ended.err.count("\n") == 1
        return ended.out + ended.err

    def new_run(self, *, deleted: bool = True) -> str:
        """Return a run that has some of all there is."""
        tracking = self.stores.tracking
        run = tracking.create_run("0")
        run_id = run.info.run_id
        model = tracking.create_logged_model("0").model_id
        dataset = Dataset(name="d", digest="1", source_type="local", source="{}")
        tracking.log_inputs(
            run_id,
            datasets=[DatasetInput(dataset=dataset, tags=(Tag("a", "b"),))],
            models=[LoggedModelInput(model_id=model)],
        )
        tracking.log_outputs(run_id, [LoggedModelOutput(model_id=model, step=1)])
        for part in range(2):
            tracking.log_batch(
                run_id,
                metrics=[Metric("m", float(i), i, part, model_id=model if i == 0 else None) for i in range(600)],
                params=[Param("p", "1")],
                tags=[Tag("t", "1")],
                idempotency_key=str(part),
            )
        local = self._project.root / "file.txt"
        local.write_text(run_id)
        self.stores.artifacts_for(run.info.artifact_uri).put_file("some/file.txt", str(local))
        if deleted:
            tracking.delete_run(run_id)
        return run_id

    def has(self, run_id: str) -> bool:
        try:
            run = self.stores.tracking.get_run(run_id)
        except NotFoundError:
            return False
        assert run.data.metrics == {"m": 599.0}
        return True

    def files(self, run_id: str) -> list[str]:
        return [entry.path for entry in files_below(self.stores.artifacts_for(f"mlflow-artifacts:/0/{run_id}"))]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        uri = f"sqlite:///{tmp_path}/siglum.db"
    else:
        postgres: PostgresServer = request.getfixturevalue("postgres")
        uri = postgres.new_schema()
    place = Place(tmp_path, uri)
    with closing(place.stores):
        yield place


def test_deleted_runs_go_with_all_that_they_had(place: Place) -> None:
    active, first, second = place.new_run(deleted=False), place.new_run(), place.new_run()
    assert "There is no deleted run to remove." in place.gc(), "they were deleted just now"
    assert (
        json.loads(place.gc("--older-than", "0s", "--dry-run", "--json"))["collection"]["removed"][0]["run_id"] == first
    )
    assert place.has(first)
    said = place.gc("--older-than", "0s")
    assert first in said
    assert "2 deleted runs removed." in said
    assert [place.has(run) for run in (active, first, second)] == [True, False, False]
    assert [place.files(run) for run in (active, first, second)] == [["artifacts/some/file.txt"], [], []]
    tracking = place.stores.tracking
    assert isinstance(tracking, SqlTrackingStore)
    assert tracking.removed_runs() == []
    with pytest.raises(NotFoundError):
        tracking.restore_run(first)
    assert len(tracking.search_logged_models(["0"]).items) == 3, "models are not runs"
    tracking.delete_run(active)
    assert "1 deleted run removed." in place.gc("--older-than", "0s", "--run-ids", active, "--experiment-ids", "0")


def test_what_a_model_version_needs_is_never_removed(place: Place) -> None:
    """MLflow 3.17.2 removes such a run, and leaves the version pointing at nothing."""
    registry, tracking = place.stores.registry, place.stores.tracking
    by_run, by_path, by_model, free = (place.new_run() for _ in range(4))
    model = tracking.create_logged_model("0", source_run_id=by_model).model_id
    registry.create_registered_model("churn", change=BY)
    registry.create_model_version("churn", "somewhere", run_id=by_run, change=BY)
    registry.create_model_version("churn", f"mlflow-artifacts:/0/{by_path}/artifacts/model", change=BY)
    registry.create_model_version("churn", f"models:/{model}", change=BY)
    registry.set_alias("churn", "champion", "1", change=BY)
    said = place.gc("--older-than", "0s", status=1)
    for words in ("churn@1", "churn@2", "churn@3", by_run, by_path, by_model):
        assert words in said
    assert "churn@2" in place.gc("--older-than", "0s", "--run-ids", by_path, status=1)
    assert all(place.has(run) for run in (by_run, by_path, by_model, free))
    assert "Kept" in place.gc("--older-than", "0s", "--skip-needed")
    assert [place.has(run) for run in (by_run, by_path, by_model, free)] == [True, True, True, False]
    assert place.files(by_path) == ["artifacts/some/file.txt"]
    registry.delete_registered_model("churn", change=BY)
    assert "3 deleted runs removed." in place.gc("--older-than", "0s")


def test_a_collection_that_was_killed_is_gone_on_with(place: Place) -> None:
    run = place.new_run()
    tracking = place.stores.tracking
    assert isinstance(tracking, SqlTrackingStore)
    tracking.remove_runs([run], before=2**62)
    assert place.files(run) == ["artifacts/some/file.txt"]
    place.gc()
    assert place.files(run) == []
    assert tracking.removed_runs() == []


def test_files_that_cannot_be_reached_are_said(place: Place) -> None:
    tracking = place.stores.tracking
    assert isinstance(tracking, SqlTrackingStore)
    odd = tracking.create_run(tracking.create_experiment("far", "nowhere://host/folder")).info.run_id
    tracking.delete_run(odd)
    said = place.gc("--older-than", "0s", status=1)
    assert odd in said
    assert "nowhere" in said
    assert [left.run_id for left in tracking.removed_runs()] == [odd]


def test_what_is_refused(place: Place) -> None:
    active = place.new_run(deleted=False)
    assert "not deleted" in place.gc("--run-ids", active, status=1)
    assert "not found" in place.gc("--run-ids", "0" * 32, status=1)
    assert "is not an age" in place.gc("--older-than", "soon", status=2)
    place.uri = "http://localhost:1"
    assert "through a server" in place.gc(status=1)
