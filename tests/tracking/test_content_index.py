"""Which object holds which artifact: the index of contents on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from siglum.core.errors import ConflictError
from siglum.storage.artifacts.index import UPLOAD, Content
from siglum.tracking.sql import content_index
from siglum.tracking.sql.artifact_index import SqlArtifactIndex
from siglum.tracking.sql.content_index import SqlContentIndex
from siglum.tracking.sql.database import Database, open_database

A, B = "a" * 64, "b" * 64


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        uri = f"sqlite:///{tmp_path}/index.db"
    else:
        uri = request.getfixturevalue("postgres").new_schema()
    found = open_database(uri, lambda: 10_000)
    yield found
    found.close()


@pytest.fixture
def index(database: Database) -> SqlContentIndex:
    return SqlContentIndex(database)


def test_one_object_for_one_content(index: SqlContentIndex) -> None:
    for key in ("k1", "k2"):
        index.begin(key)
    assert index.adopt("run/1", Content(A, 5, "k1")) == []
    assert index.adopt("run/2", Content(A, 5, "k2")) == ["k2"]
    assert index.share("run/3", Content(A, 5, "k1")) == []
    assert index.find("run/2") == Content(A, 5, "k1")
    assert index.leftovers(0) == ["k2"]
    index.gone(["k2"])
    assert index.leftovers(0) == []
    assert index.forget("run/1") == []
    assert index.adopt("run/2", Content(B, 7, "k3")) == []
    assert sorted(index.forget("run")) == ["k1", "k3"]
    assert (index.find("run/3"), index.key_of(A), index.key_of(B)) == (None, None, None)
    assert sorted(index.leftovers(0)) == ["k1", "k3"]


def test_what_was_deleted_meanwhile_is_not_shared(index: SqlContentIndex) -> None:
    index.adopt("a", Content(A, 5, "k1"))
    index.forget("a")
    assert index.share("b", Content(A, 5, "k1")) is None
    assert index.adopt("b", Content(A, 5, "k2")) == []
    assert index.find("b") == Content(A, 5, "k2")


def test_an_object_that_is_lost_is_replaced_for_all(index: SqlContentIndex) -> None:
    index.adopt("a", Content(A, 5, "k1"))
    assert index.adopt("b", Content(A, 5, "k2"), instead_of="k1") == ["k1"]
    assert index.find("a") == Content(A, 5, "k2")


def test_files_and_folders_do_not_share_a_path(index: SqlContentIndex) -> None:
    index.adopt("a/b", Content(A, 5, "k1"))
    for path in ("a", "a/b/c", "a/b/c/d"):
        with pytest.raises(ConflictError):
            index.adopt(path, Content(B, 7, "k2"))
        with pytest.raises(ConflictError):
            index.share(path, Content(A, 5, "k1"))
    assert index.key_of(B) is None
    assert index.is_folder("a")
    assert not index.is_folder("a/b")


def test_folders_are_listed_page_by_page(index: SqlContentIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_index, "_PAGE", 2)
    for path in ("f", "f.txt", "f-1/x", "f0", "g/a/1", "g/a/2", "g/a/3", "g/b", "g/é", "z"):
        index.adopt(path, Content(A, 5, "k1"))
    assert [(e.path, e.is_dir) for e in index.entries("")] == [
        ("f", False),
        ("f-1", True),
        ("f.txt", False),
        ("f0", False),
        ("g", True),
        ("z", False),
    ]
    assert [(e.path, e.size, e.sha256) for e in index.entries("g")] == [
        ("g/a", None, None),
        ("g/b", 5, A),
        ("g/é", 5, A),
    ]
    assert list(index.entries("f")) == list(index.entries("nothing")) == []
    index.forget("g")
    assert [e.path for e in index.entries("")] == ["f", "f-1", "f.txt", "f0", "z"]


def test_an_upload_gets_its_hash_later(index: SqlContentIndex, database: Database) -> None:
    first, second = Content(f"{UPLOAD}1", 5, "k1"), Content(f"{UPLOAD}2", 5, "k2")
    for path, content in (("a", first), ("b", second)):
        index.adopt(path, content)
    assert index.unsettled() == [first, second]
    assert [entry.sha256 for entry in index.entries("")] == [None, None]
    assert SqlArtifactIndex(database).get("a") is None
    assert index.settle(first.name, A) == []
    assert index.settle(second.name, A) == ["k2"]
    assert index.find("a") == index.find("b") == Content(A, 5, "k1")
    assert index.unsettled() == []
    assert index.settle(f"{UPLOAD}3", A) == []
    # Completed once more, since the first answer was lost.
    assert index.adopt("a", first) == []
    assert index.find("a") == Content(A, 5, "k1")


def test_uploads_that_began_long_ago_are_leftovers(index: SqlContentIndex) -> None:
    index.begin("k1")
    assert index.leftovers(1) == []
    assert index.leftovers(-1) == ["k1"]
