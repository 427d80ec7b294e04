"""What a tracking URI means, read from text alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from siglum.client.tracking_uri import (
    DatabaseLocation,
    PostgresLocation,
    ServerLocation,
    default_tracking_uri,
    parse_tracking_uri,
)
from siglum.core.errors import InvalidInputError, NotSupportedError, SiglumError
from siglum.tracking.sql.postgres_uri import parse_postgres_uri


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://localhost:5000", ServerLocation("http://localhost:5000")),
        ("https://host/prefix/", ServerLocation("https://host/prefix")),
        ("sqlite:///siglum.db", DatabaseLocation("/cwd/siglum.db")),
        ("sqlite:///some/dir/x.db", DatabaseLocation("/cwd/some/dir/x.db")),
        ("sqlite:////abs/x.db", DatabaseLocation("/abs/x.db")),
        ("sqlite:///a%20b.db", DatabaseLocation("/cwd/a b.db")),
    ],
)
def test_accepted(uri: str, expected: ServerLocation | DatabaseLocation) -> None:
    assert parse_tracking_uri(uri, "/cwd") == expected


def test_an_absolute_uri_means_the_same_again() -> None:
    location = parse_tracking_uri("sqlite:///with space % and ü.db", "/cwd")
    assert parse_tracking_uri(location.uri, "/elsewhere") == location


def test_artifacts_lie_beside_the_database() -> None:
    location = parse_tracking_uri("sqlite:///some/dir/x.db", "/cwd")
    assert isinstance(location, DatabaseLocation)
    assert location.artifact_root == "/cwd/some/dir/artifacts"


@pytest.mark.parametrize(
    ("uri", "kind", "words"),
    [
        ("./mlruns", NotSupportedError, "is a folder"),
        ("file:///tmp/mlruns", NotSupportedError, "sqlite:///path"),
        ("htp://localhost:5000", InvalidInputError, "Did you mean 'http'"),
        ("sqlit:///x.db", InvalidInputError, "Did you mean 'sqlite'"),
        ("databricks://x", InvalidInputError, "http://host:port"),
        ("mysql+pymysql://ann:secret@localhost/x", NotSupportedError, "mysql"),
        ("postgresl://ann:secret@localhost/x", InvalidInputError, "Did you mean 'postgresql'"),
        ("postgresql://ann:sec%ret@localhost/x", InvalidInputError, "%40"),
        ("postgresql://ann:sec/ret@localhost/x", InvalidInputError, "%2F"),
        ("sqlite://x.db", InvalidInputError, "sqlite:///relative"),
        ("sqlite:///", NotSupportedError, "memory"),
        ("sqlite:///:memory:", NotSupportedError, "memory"),
        ("sqlite:///folder/", InvalidInputError, "folder"),
        ("http://", InvalidInputError, "no host"),
    ],
)
def test_refused(uri: str, kind: type[SiglumError], words: str) -> None:
    with pytest.raises(kind) as caught:
        parse_tracking_uri(uri, "/cwd")
    assert words in str(caught.value)
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "connection", "shown"),
    [
        ("postgresql://h/d", "postgresql://h/d", "postgresql://h/d"),
        ("postgres://ann@h:5433/d", "postgresql://ann@h:5433/d", "postgresql://ann@h:5433/d"),
        ("postgresql+psycopg2://ann:secret@h/d", "postgresql://ann:secret@h/d", "postgresql://ann@h/d"),
        ("postgresql://ann:p:%40@h/d", "postgresql://ann:p%3A%40@h/d", "postgresql://ann@h/d"),
        ("postgresql:///d?host=/run/pg", "postgresql:///d?host=/run/pg", "postgresql:///d?host=/run/pg"),
        (
            "postgresql://h/d?password=secret&sslmode=require",
            "postgresql://h/d?password=secret&sslmode=require",
            "postgresql://h/d?password=…&sslmode=require",
        ),
    ],
)
def test_postgresql(uri: str, connection: str, shown: str) -> None:
    location = parse_tracking_uri(uri, "/cwd")
    assert isinstance(location, PostgresLocation)
    assert (location.shown, location.artifact_root) == (shown, "/cwd/.siglum/artifacts")
    assert parse_postgres_uri(uri).connection == connection
    assert parse_tracking_uri(location.uri, "/cwd") == location


def test_the_default_is_the_environment_then_the_project(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert default_tracking_uri({"MLFLOW_TRACKING_URI": "http://m"}, str(below)) == "http://m"
    both = {"SIGLUM_TRACKING_URI": "http://s", "MLFLOW_TRACKING_URI": "http://m"}
    assert default_tracking_uri(both, str(below)) == "http://s"
    assert default_tracking_uri({}, str(below)) == f"sqlite:///{tmp_path}/.siglum/siglum.db"


def test_without_a_project_the_store_is_in_the_current_folder(tmp_path: Path) -> None:
    assert default_tracking_uri({}, str(tmp_path)) == f"sqlite:///{tmp_path}/.siglum/siglum.db"
