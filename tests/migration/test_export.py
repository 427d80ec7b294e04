"""`siglum migrate export` and `siglum migrate siglum`: out to a folder, and back to the same state."""

from __future__ import annotations

import json
import math
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject
from tests.migration.stores import answers, bring, everything_in, migrate, state_of, unpack
from tests.postgres import PostgresServer

from siglum.client.stores import Stores, open_stores
from siglum.core.errors import (
    AlreadyExistsError,
    FileFormatError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
)
from siglum.migration import export_format, point_files
from siglum.migration.export_reader import ExportReader
from siglum.migration.target import export_from
from siglum.registry.entities import Change
from siglum.registry.sql.webhooks import SqlWebhookStore
from siglum.registry.webhook_secrets import SEALED, SecretBox
from siglum.registry.webhooks import MODEL_CREATED, WebhookChange
from siglum.tracking.entities import Metric
from siglum.tracking.sql.store import SqlTrackingStore

SOURCE = "sqlite:///own/siglum.db"
TARGET = "sqlite:///new/siglum.db"
BY = Change("ann", reason="why not")


def fill(stores: Stores, folder: Path) -> None:
    """Add what no store of MLflow's has to one that came from it."""
    tracking, registry = stores.tracking, stores.registry
    assert isinstance(tracking, SqlTrackingStore)
    model = answers()["model"]
    run = tracking.create_run("2", run_name="long").info
    for start in range(0, 2500, 1000):
        points = [Metric("loss", float(i), i, i) for i in range(start, min(start + 1000, 2500))]
        tracking.log_batch(run.run_id, metrics=points)
    odd = [Metric("odd", value, 5, i, model_id=model) for i, value in enumerate((math.nan, math.inf, -math.inf))]
    tracking.log_batch(run.run_id, metrics=odd)
    (folder / "file.txt").write_text("own\n")
    stores.artifacts_for(run.artifact_uri).put_file("sub/file.txt", str(folder / "file.txt"))
    stores.artifacts_for("mlflow-artifacts:/").put_file("of/no run.txt", str(folder / "file.txt"))
    registry.set_alias("champion", "live", "1", change=BY)
    registry.rollback("champion", "live", change=BY)
    registry.create_registered_model("doomed", change=BY)
    registry.create_model_version("doomed", "models:/x", change=BY)
    registry.delete_registered_model("doomed", change=BY)
    registry.create_registered_model("after", change=BY, description="ä")
    hooks = SqlWebhookStore(tracking.database, SecretBox(str(folder / "webhook-key"), {}))
    hooks.create_webhook(
        WebhookChange(name="ci", url="https://127.0.0.1:1/hook", events=(MODEL_CREATED,), secret="hush")
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    unpack("server.tar.gz", tmp_path)
    migrate("sqlite:///mlflow.db", SOURCE, tmp_path)
    return tmp_path


@pytest.fixture
def full(folder: Path) -> Path:
    with closing(open_stores(SOURCE, str(folder))) as stores:
        fill(stores, folder)
    return folder


def export(folder: Path, uri: str = SOURCE, *, parquet: bool = False, files: bool = True) -> Path:
    export_from(uri, str(folder), "out", parquet=parquet, files=files, progress=lambda _: None)
    return folder / "out"


@pytest.fixture
def reader(full: Path) -> Iterator[ExportReader]:
    with closing(ExportReader(str(export(full)))) as reader:
        yield reader


# -- out and back ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("parquet", [False, True], ids=["json", "parquet"])
def test_what_is_read_back_is_the_same_record_by_record(
    full: Path, parquet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(point_files, "_GROUP_ROWS", 700)
    expected = state_of(SOURCE, full)
    out = export(full, parquet=parquet)
    assert (out / "points.parquet").exists() == parquet
    shutil.rmtree(full / "own")
    with closing(ExportReader(str(out))) as reader:
        outcome = bring(reader, TARGET, full)
        assert state_of(TARGET, full) == expected
        again = bring(reader, TARGET, full)
    assert state_of(TARGET, full) == expected
    assert (outcome.added.runs, outcome.added.points, outcome.added.files) == (7, 1364 + 2503, 10)
    assert again.added == type(again.added)()
    stray = full / "new/artifacts/of/no run.txt"
    assert stray.read_text() == "own\n"


def test_from_postgresql_and_back(folder: Path, postgres: PostgresServer) -> None:
    first, second = postgres.new_schema(), postgres.new_schema()
    with closing(ExportReader(str(export(folder)))) as reader:
        bring(reader, first, folder)
    shutil.rmtree(folder / "out")
    expected = state_of(first, folder)
    assert expected == state_of(SOURCE, folder)
    with closing(open_stores(first, str(folder))) as stores:
        fill(stores, folder)
    expected = state_of(first, folder)
    out = export(folder, first)
    with closing(ExportReader(str(out))) as reader:
        bring(reader, second, folder)
    assert state_of(second, folder) == expected
    with closing(open_stores(second, str(folder))) as stores:
        stores.registry.create_registered_model("next", change=BY)  # keys go on above those that came over


def test_history_goes_on_where_it_was(reader: ExportReader, full: Path) -> None:
    bring(reader, TARGET, full)
    with closing(open_stores(TARGET, str(full))) as stores:
        assert stores.registry.create_registered_model("doomed", change=BY).name == "doomed"
        assert stores.registry.create_model_version("doomed", "models:/y", change=BY).version == "2"
        stores.registry.create_registered_model("next", change=BY)
        stores.registry.verify_audit_log()  # type: ignore[attr-defined]


def test_into_a_database_with_a_history_of_its_own(reader: ExportReader, full: Path) -> None:
    with closing(open_stores(TARGET, str(full))) as stores:
        stores.registry.create_registered_model("mine", change=BY)
        stores.registry.create_registered_model("champion", change=BY)
    outcome = bring(reader, TARGET, full)
    assert (outcome.added.registered_models, outcome.added.versions) == (2, 2)
    history = reader.history()
    assert history is not None
    assert (outcome.audit_entries, outcome.webhooks) == (len(history.audit), 1)
    with closing(open_stores(TARGET, str(full))) as stores:
        assert {model.name for model in stores.registry.search_registered_models().items} == {
            "mine",
            "champion",
            "empty",
            "after",
        }
        assert stores.registry.get_registered_model("champion").aliases == {"live": "3", "before": "1"}
        stores.registry.verify_audit_log()  # type: ignore[attr-defined]
    again = bring(reader, TARGET, full)
    assert (again.added.versions, again.audit_entries, again.webhooks) == (0, 0, 0)


def test_an_export_changes_nothing_of_its_source(full: Path) -> None:
    before = state_of(SOURCE, full)
    export(full)
    assert state_of(SOURCE, full) == before


def test_without_files(full: Path) -> None:
    out = export(full, files=False)
    assert not (out / "artifacts").exists()
    with closing(ExportReader(str(out))) as reader:
        assert bring(reader, TARGET, full).added.files == 0


def test_secrets_are_for_the_owner_only(full: Path) -> None:
    out = export(full)
    exported = (out / "registry.json").read_text()
    assert "hush" not in exported
    assert SEALED in exported
    assert stat.S_IMODE((out / "registry.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


# -- what is wrong with a folder ---------------------------------------------------------------------------------------
def test_a_folder_that_is_not_empty_is_left_alone(folder: Path) -> None:
    (folder / "out/artifacts").mkdir(parents=True)
    (folder / "out/artifacts/mine.txt").write_text("mine")
    with pytest.raises(AlreadyExistsError, match="is not empty"):
        export(folder)
    assert everything_in(folder / "out") == {"artifacts/mine.txt": b"mine"}


def test_an_export_that_was_interrupted_starts_anew(folder: Path) -> None:
    class StopError(Exception):
        pass

    def stop(_: object) -> None:
        raise StopError

    with pytest.raises(StopError):
        export_from(SOURCE, str(folder), "out", parquet=False, files=True, progress=stop)
    with pytest.raises(NotFoundError, match="was not completed"):
        ExportReader(str(folder / "out"))
    out = export(folder)
    with pytest.raises(AlreadyExistsError):
        export(folder)
    with closing(ExportReader(str(out))) as reader:
        assert bring(reader, TARGET, folder).added.runs == 6


def test_no_export(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="holds no export"):
        ExportReader(str(tmp_path))


def test_a_newer_format(folder: Path) -> None:
    manifest = export(folder) / export_format.MANIFEST
    manifest.write_text(json.dumps({"format": 99, "siglum": "9.9"}))
    with pytest.raises(NotSupportedError, match="format 99"):
        ExportReader(str(folder / "out"))


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("runs.jsonl", '"run 1"', "1", r"runs\.jsonl:2: Expected `str`"),
        ("experiments.jsonl", '"churn"', '"churn', r"experiments\.jsonl:2: "),
        ("points.jsonl", '"steps":[0,', '"steps":[', r"points\.jsonl: at byte \d+: "),
        ("points.jsonl", '"run_id":"', '"run_id":"x', r"points of run \w+ are missing"),
    ],
)
def test_a_damaged_export(folder: Path, name: str, old: str, new: str, problem: str) -> None:
    path = export(folder) / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with closing(ExportReader(str(folder / "out"))) as reader, pytest.raises(FileFormatError, match=problem):
        bring(reader, TARGET, folder)


def test_an_audit_log_that_was_changed_is_refused(folder: Path) -> None:
    path = export(folder) / "registry.json"
    path.write_text(path.read_text().replace("create_registered_model", "create_registered_mistake"))
    with closing(ExportReader(str(folder / "out"))) as reader, pytest.raises(IntegrityError, match="audit log"):
        bring(reader, TARGET, folder)
    with closing(open_stores(TARGET, str(folder))) as stores:
        assert stores.registry.search_registered_models().items == ()


def test_a_file_that_is_cut(folder: Path) -> None:
    out = export(folder)
    path = out / "points.jsonl"
    path.write_bytes(path.read_bytes()[:200])
    with closing(ExportReader(str(out))) as reader, pytest.raises(FileFormatError, match=r"points\.jsonl"):
        bring(reader, TARGET, folder)


def test_a_parquet_that_is_none(folder: Path) -> None:
    out = export(folder, parquet=True)
    (out / "points.parquet").write_bytes(b"PAR1")
    with pytest.raises(FileFormatError, match="no Parquet"):
        ExportReader(str(out))


def test_a_server_cannot_be_exported(folder: Path) -> None:
    with pytest.raises(InvalidInputError, match="is a server"):
        export(folder, "http://127.0.0.1:9")


# -- the commands ------------------------------------------------------------------------------------------------------
def test_the_commands(folder: Path) -> None:
    project = QuickProject(folder)
    written = project.run("migrate", "export", "out", "--tracking-uri", SOURCE)
    assert written.status == 0, written
    assert written.out.splitlines()[2].split() == ["runs", "6"]
    dry = project.run("migrate", "siglum", "out", "--to", TARGET, "--dry-run")
    assert dry.status == 0, dry
    assert dry.out.splitlines()[2].split() == ["runs", "6", "6"]
    assert not (folder / "new").exists()
    read = project.run("migrate", "siglum", "out", "--to", TARGET, "--json")
    assert json.loads(read.out)["outcome"]["added"]["files"] == 8
    elsewhere = project.run("migrate", "siglum", "out", "--to", "sqlite:///b/x.db", "--to-artifacts", "kept")
    assert elsewhere.status == 0, elsewhere
    assert len(list((folder / "kept/1").rglob("readme.txt"))) == 3
