"""Sources on object stores and SSH servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.sftp_server import SftpHost

from siglum.core.errors import NotFoundError
from siglum.storage.hashing import md5_bytes
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes import open_remote
from siglum.storage.sources import Facts, Source, open_source
from siglum.testing.s3_server import S3Server

FILES = {"f": b"file", "d/a": b"a", "d/sub/b c": b"bb", "d-not": b"n"}


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(str(tmp_path / "store"))


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    with S3Server(["bucket"], page=2) as server:
        remote = open_remote("r", "s3://bucket/top", options(server))
        for name, data in FILES.items():
            (tmp_path / "upload").write_bytes(data)
            remote.put(str(tmp_path / "upload"), name, None)
        yield server


def options(server: S3Server) -> dict[str, str]:
    return {
        "endpointurl": server.url,
        "access_key_id": server.access_key,
        "secret_access_key": server.secret_key,
    }


def check(single: Source, folder: Source, store: ObjectStore) -> None:
    taken = single.take(store)
    assert [(file.relpath, store.read_bytes(file.oid)) for file in taken.files] == [("", b"file")]
    assert taken.facts == single.facts()
    taken = folder.take(store, jobs=1)
    assert [(file.relpath, store.read_bytes(file.oid)) for file in taken.files] == [("a", b"a"), ("sub/b c", b"bb")]
    assert (taken.facts.size, taken.facts.nfiles) == (3, 2)
    assert taken.facts == folder.facts()
    assert [file for group in folder.groups(store) for file in group] == list(taken.files)


def test_s3(s3: S3Server, store: ObjectStore, tmp_path: Path) -> None:
    single, folder = (open_source(f"s3://bucket/top/{name}", options(s3)) for name in ("f", "d"))
    check(single, folder, store)
    assert single.facts() == Facts(etag=md5_bytes(b"file"), size=4)
    etags = [{"etag": md5_bytes(b"a"), "relpath": "a"}, {"etag": md5_bytes(b"bb"), "relpath": "sub/b c"}]
    assert folder.facts().md5 == md5_bytes(json.dumps(etags).encode()) + ".dir"
    before = folder.facts()
    (tmp_path / "upload").write_bytes(b"other")
    open_remote("r", "s3://bucket/top", options(s3)).put(str(tmp_path / "upload"), "d/a", None)
    assert folder.facts().token != before.token
    with pytest.raises(NotFoundError, match=r"s3://bucket/top/none does not exist"):
        open_source("s3://bucket/top/none", options(s3)).take(store)


def test_ssh(tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with SftpHost(tmp_path / "server") as server:
        monkeypatch.setenv("HOME", str(server.home))
        login = {"keyfile": str(server.client_key)}
        for name, data in FILES.items():
            (server.root / "store" / name).parent.mkdir(parents=True, exist_ok=True)
            (server.root / "store" / name).write_bytes(data)
        single, folder = (open_source(server.url(f"/store/{name}"), login) for name in ("f", "d"))
        check(single, folder, store)
        assert single.facts() == Facts(md5=md5_bytes(b"file"), size=4)
        with pytest.raises(NotFoundError):
            open_source(server.url("/store/none"), login).take(store)
