"""Artifacts in object stores: the contract on S3, Google Cloud Storage and Azure, by content and plain."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.azure_server import AzureServer
from tests.storage.gcs_server import GcsServer

from siglum.core.errors import ConflictError, IntegrityError, InvalidInputError, NotFoundError, UnavailableError
from siglum.storage.artifacts.base import ArtifactLayout, ArtifactStore
from siglum.storage.artifacts.index import Content, ContentIndex
from siglum.storage.artifacts.objects import ObjectArtifactStore
from siglum.storage.remotes import open_remote
from siglum.storage.remotes.object_store import ObjectStoreRemote
from siglum.testing.artifacts import ArtifactStoreContract
from siglum.testing.http_server import Fault
from siglum.testing.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from siglum.tracking.sql.content_index import SqlContentIndex
from siglum.tracking.sql.database import Database, open_database


def s3_remote(server: S3Server, url: str = "s3://bucket/some/path") -> ObjectStoreRemote:
    login = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    return opened(url, {"endpointurl": server.url, **login})


def opened(url: str, options: dict[str, str]) -> ObjectStoreRemote:
    remote = open_remote("artifacts", url, options)
    assert isinstance(remote, ObjectStoreRemote)
    return remote


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server(["bucket"], page=7) as server:
        yield server


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path}/index.db")
    yield found
    found.close()


@pytest.fixture
def index(database: Database) -> ContentIndex:
    return SqlContentIndex(database)


@pytest.fixture
def store(s3: S3Server, index: ContentIndex) -> ObjectArtifactStore:
    return ObjectArtifactStore(s3_remote(s3), index)


@pytest.fixture
def plain(s3: S3Server, index: ContentIndex) -> ObjectArtifactStore:
    return ObjectArtifactStore(s3_remote(s3), index, ArtifactLayout.PLAIN)


class TestS3ByContent(ArtifactStoreContract):
    @pytest.fixture
    def artifacts(self, store: ObjectArtifactStore) -> ArtifactStore:
        return store


class TestS3Plain(ArtifactStoreContract):
    @pytest.fixture
    def artifacts(self, plain: ObjectArtifactStore) -> ArtifactStore:
        return plain


class TestGcsWithoutIndex(ArtifactStoreContract):
    @pytest.fixture
    def artifacts(self, tmp_path: Path) -> Iterator[ArtifactStore]:
        with GcsServer(["bucket"], page=7) as server:
            (tmp_path / "key").mkdir()
            login = {"endpointurl": server.url, "credentialpath": server.write_key(tmp_path / "key")}
            yield ObjectArtifactStore(opened("gs://bucket/some/path", login))


class TestAzureByContent(ArtifactStoreContract):
    @pytest.fixture
    def artifacts(self, index: ContentIndex) -> Iterator[ArtifactStore]:
        with AzureServer(["bucket"], page=7) as server:
            login = {"connection_string": server.connection_string()}
            yield ObjectArtifactStore(opened("azure://bucket/some/path", login), index)


LARGE = os.urandom(1 << 20) * 17  # more than what goes from memory, and than one part


def objects(server: S3Server) -> dict[str, bytes]:
    """Return the objects that hold contents, by what follows the store's path."""
    prefix = "some/path/"
    return {key.removeprefix(prefix): data for key, data in server.contents("bucket").items()}


def read(store: ArtifactStore, path: str) -> bytes:
    with store.open(path) as file:
        return file.read()


@pytest.mark.parametrize("data", [b"same", LARGE], ids=["small", "large"])
def test_one_object_for_equal_contents(
    s3: S3Server, store: ObjectArtifactStore, index: ContentIndex, tmp_path: Path, data: bytes
) -> None:
    store.put("run1/a", io.BytesIO(data))
    store.put("run2/b", io.BytesIO(data))
    (tmp_path / "file").write_bytes(data)
    before = len(s3.web.log)
    store.put_file("run3/c", str(tmp_path / "file"))
    assert [request.method for request in s3.web.log[before:]] == ["HEAD"]
    (kept,) = objects(s3)
    assert kept.startswith(".objects/")
    store.delete("run1")
    store.delete("run2/b")
    assert read(store, "run3/c") == data
    store.delete("run3/c")
    assert objects(s3) == {}
    assert index.leftovers(0) == []


def test_a_content_that_is_deleted_while_it_is_put_again_is_kept(
    s3: S3Server, store: ObjectArtifactStore, index: ContentIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", io.BytesIO(b"same"))
    share = SqlContentIndex.share

    def after_a_deletion(self: SqlContentIndex, path: str, content: Content) -> object:
        monkeypatch.undo()
        store.delete("a")
        return share(self, path, content)

    monkeypatch.setattr(SqlContentIndex, "share", after_a_deletion)
    store.put("b", io.BytesIO(b"same"))
    assert read(store, "b") == b"same"
    assert len(objects(s3)) == 1


def test_what_is_damaged_or_lost_is_not_delivered_and_heals(s3: S3Server, store: ObjectArtifactStore) -> None:
    store.put("a", io.BytesIO(b"good"))
    store.put("large", io.BytesIO(LARGE))
    keys = {len(data): f"some/path/{key}" for key, data in objects(s3).items()}
    s3.store("bucket", keys[4], b"baad")
    s3.store("bucket", keys[len(LARGE)], LARGE[:-1] + b"\0")
    with pytest.raises(IntegrityError, match="'a'"):
        read(store, "a")
    with store.open("large") as file:
        assert file.read(16 << 20) == LARGE[: 16 << 20]
        with pytest.raises(IntegrityError, match="'large'"):
            file.read()
    for key in keys.values():
        s3.remove("bucket", key)
    with pytest.raises(IntegrityError, match="'a'"):
        read(store, "a")
    for path, data in (("b", b"good"), ("c", LARGE)):
        store.put(path, io.BytesIO(data))
    assert read(store, "a") == b"good"
    assert read(store, "large") == LARGE


def test_a_large_file_from_its_middle(store: ObjectArtifactStore) -> None:
    store.put("a", io.BytesIO(LARGE))
    with store.open("a") as file:
        file.seek(5_000_000)
        assert file.read(9_000_000) == LARGE[5_000_000:14_000_000]
        file.seek(-7, os.SEEK_END)
        assert file.read() == LARGE[-7:]
        file.seek(0)
        assert file.read() == LARGE


@pytest.mark.parametrize("layout", list(ArtifactLayout))
def test_a_large_upload_that_breaks_off_leaves_nothing(
    s3: S3Server, index: ContentIndex, layout: ArtifactLayout
) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 16_500_000:
                raise ConnectionResetError("the sender went away")
            return super().read(size)

    store = ObjectArtifactStore(s3_remote(s3), index, layout)
    with pytest.raises(ConnectionResetError):
        store.put("a", Broken(LARGE))
    assert list(store.list()) == []
    assert (objects(s3), s3.uploads, index.leftovers(-1)) == ({}, {}, [])


def test_an_object_stays_when_nobody_knows_whether_its_record_does(
    s3: S3Server, store: ObjectArtifactStore, index: ContentIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt = SqlContentIndex.adopt

    def and_then_nobody_knows(self: SqlContentIndex, path: str, content: Content, **more: str | None) -> object:
        adopt(self, path, content, **more)
        raise UnavailableError("the connection broke while it was committed")

    store.put("a", io.BytesIO(b"old"))
    with monkeypatch.context() as patched:
        patched.setattr(SqlContentIndex, "adopt", and_then_nobody_knows)
        with pytest.raises(UnavailableError):
            store.put("a", io.BytesIO(b"new"))
    assert read(store, "a") == b"new"
    store.delete("a")
    assert len(objects(s3)) == len(index.leftovers(0)) == 1  # what was old: the next server removes it


def test_what_the_store_keeps_wrongly_is_noticed(s3: S3Server, store: ObjectArtifactStore) -> None:
    s3.web.faults.append(Fault("wrong upload", "PUT"))
    with pytest.raises(IntegrityError, match="stored other bytes"):
        store.put("a", io.BytesIO(b"x"))
    assert (list(store.list()), objects(s3)) == ([], {})


def test_plain_files_are_objects_at_their_paths(s3: S3Server, plain: ObjectArtifactStore) -> None:
    plain.put("0/run/artifacts/a.txt", io.BytesIO(b"x"))
    plain.put("0/run/artifacts/large", io.BytesIO(LARGE))
    assert objects(s3) == {"0/run/artifacts/a.txt": b"x", "0/run/artifacts/large": LARGE}
    assert read(plain, "0/run/artifacts/large") == LARGE
    with pytest.raises(InvalidInputError, match="longer than 1024 bytes"):
        plain.put("/".join(["x" * 200] * 6), io.BytesIO(b""))


def test_files_of_both_layouts_are_read_in_either(
    s3: S3Server, store: ObjectArtifactStore, plain: ObjectArtifactStore
) -> None:
    s3.store("bucket", "some/path/0/old/model", b"an MLflow server's")
    s3.store("bucket", "some/path/0/bad//name", b"not an artifact")
    store.put("0/new/model", io.BytesIO(b"by content"))
    for each in (store, plain):
        assert [e.path for e in each.list("0")] == ["0/bad", "0/new", "0/old"]
        assert read(each, "0/old/model") == b"an MLflow server's"
        assert read(each, "0/new/model") == b"by content"
        assert each.stat("0/old").is_dir
    plain.put("0/new/model", io.BytesIO(b"plain"))
    store.put("0/old/model", io.BytesIO(b"by content, too"))
    for each in (store, plain):
        assert read(each, "0/new/model") == b"plain"
        assert read(each, "0/old/model") == b"by content, too"
    store.delete("0/new")
    store.delete("0/old/model")
    assert set(objects(s3)) == {"0/bad//name"}
    with pytest.raises(NotFoundError):
        plain.stat("0/old/model")


def test_a_plain_file_and_a_folder_by_content_do_not_share_a_path(
    store: ObjectArtifactStore, plain: ObjectArtifactStore
) -> None:
    store.put("a/b", io.BytesIO(b"x"))
    for path in ("a", "a/b/c"):
        with pytest.raises(ConflictError):
            plain.put(path, io.BytesIO(b"y"))
