"""`siglum migrate mlflow` from PostgreSQL, with the rows that the real MLflow wrote; and into PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from tests.migration.stores import answers, migrate, state_of, unpack
from tests.postgres import PostgresServer

from siglum.client.stores import open_stores
from siglum.core.errors import FileFormatError, InvalidInputError, UnavailableError

SOURCE = "sqlite:///mlflow.db"
TARGET = "sqlite:///new/siglum.db"
TABLES = """
    alembic_version experiments experiment_tags runs params tags metrics datasets inputs input_tags logged_models
    logged_model_tags logged_model_params logged_model_metrics registered_models registered_model_tags
    registered_model_aliases model_versions model_version_tags
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return unpack("server.tar.gz", tmp_path)


@pytest.fixture
def source(folder: Path, postgres: PostgresServer) -> str:
    """A database with the tables of the recorded one."""
    uri = postgres.new_schema()
    with (
        closing(sqlite3.connect(folder / "mlflow.db")) as recorded,
        psycopg.connect(uri, autocommit=True) as connection,
    ):
        for table in TABLES.split():
            columns = recorded.execute(f"SELECT name, type FROM pragma_table_info('{table}')").fetchall()
            types = {"FLOAT": "DOUBLE PRECISION"}
            declared = ", ".join(f'"{name}" {types.get(kind, kind)}' for name, kind in columns)
            connection.execute(f"CREATE TABLE {table} ({declared})".encode())
            copy = f"COPY {table} ({', '.join(f'{chr(34)}{name}{chr(34)}' for name, _ in columns)}) FROM STDIN"
            with connection.cursor().copy(copy.encode()) as rows:
                for row in recorded.execute(f"SELECT * FROM {table}"):
                    rows.write_row(
                        [
                            bool(value) if kind == "BOOLEAN" else value
                            for value, (_, kind) in zip(row, columns, strict=True)
                        ]
                    )
    return uri


def test_from_postgresql_comes_what_comes_from_sqlite(folder: Path, source: str) -> None:
    migrate(SOURCE, TARGET, folder)
    first = migrate(source, "sqlite:///other/siglum.db", folder, artifacts="mlartifacts")
    again = migrate(source, "sqlite:///other/siglum.db", folder, artifacts="mlartifacts")
    expected, found = state_of(TARGET, folder), state_of("sqlite:///other/siglum.db", folder)
    del expected["audit"], found["audit"]
    assert found == expected
    assert (first.added.runs, first.added.points, first.added.files) == (6, 1364, 8)
    assert again.added == type(again.added)()


def test_without_a_folder_of_files_it_says_what_to_do(folder: Path, source: str) -> None:
    with pytest.raises(InvalidInputError, match="--artifacts FOLDER"):
        migrate(source, TARGET, folder)


def test_an_empty_database_is_none_of_mlflows(folder: Path, postgres: PostgresServer) -> None:
    with pytest.raises(FileFormatError, match="these are not the tables of an MLflow"):
        migrate(postgres.new_schema(), TARGET, folder)


def test_a_server_that_does_not_answer(folder: Path) -> None:
    with pytest.raises(UnavailableError) as refused:
        migrate("postgresql://ann:secret@127.0.0.1:9/mlflow", TARGET, folder)
    assert "secret" not in str(refused.value)


def test_into_postgresql(folder: Path, postgres: PostgresServer) -> None:
    target = postgres.new_schema()
    migrate(SOURCE, target, folder)
    migrate(SOURCE, TARGET, folder)
    expected = state_of(TARGET, folder)
    before = state_of(target, folder)
    assert migrate(SOURCE, target, folder).added.points == 0
    found = state_of(target, folder)
    assert found == before
    del expected["audit"], found["audit"]
    assert found == expected
    with closing(open_stores(target, str(folder))) as stores:
        assert stores.tracking.create_experiment("next") == "4"  # numbers go on above those that came over
        run_id = answers()["runs"][0]["info"]["run_id"]
        assert stores.tracking.get_run(run_id).data.params["depth"] == "0"
