"""Opening stores by URI, and the files behind artifact URIs."""

from __future__ import annotations

import io
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from siglum.client.artifact_folder import download, files_below, upload_folder
from siglum.client.rest.tracking import RestTrackingStore
from siglum.client.stores import open_stores
from siglum.core.errors import InvalidInputError, NotFoundError, NotSupportedError


def test_the_embedded_store_keeps_itself_out_of_git(project: Path) -> None:
    with closing(open_stores()) as stores:
        stores.tracking.create_experiment("a")
    assert (project / ".siglum" / "siglum.db").exists()
    status = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True)
    assert status.stdout == ""


def test_another_database_has_its_folder_made_and_no_gitignore(tmp_path: Path) -> None:
    with closing(open_stores("sqlite:///deep/er/x.db", str(tmp_path))) as stores:
        stores.tracking.create_experiment("a")
        stores.artifacts_for("mlflow-artifacts:/1/r/artifacts").put("f.txt", io.BytesIO(b"x"))
    assert (tmp_path / "deep/er/x.db").exists()
    assert (tmp_path / "deep/er/artifacts/1/r/artifacts/f.txt").read_bytes() == b"x"
    assert not (tmp_path / "deep/er/.gitignore").exists()


def test_what_is_written_is_there_when_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        with closing(open_stores("sqlite:///x.db", str(tmp_path))) as stores:
            if stores.tracking.get_experiment_by_name("a") is None:
                stores.tracking.create_experiment("a")
    with closing(open_stores("sqlite:///x.db", str(tmp_path))) as stores:
        assert [each.name for each in stores.tracking.search_experiments().items] == ["a", "Default"]


def test_a_registry_of_its_own(tmp_path: Path) -> None:
    uris = "sqlite:///runs.db", "sqlite:///models.db"
    with closing(open_stores(uris[0], str(tmp_path), registry_uri=uris[1])) as stores:
        from siglum.client.change import change_from_here

        stores.registry.create_registered_model("m", change=change_from_here())
    with closing(open_stores(uris[1], str(tmp_path))) as stores:
        assert stores.registry.get_registered_model("m").name == "m"
    with closing(open_stores(uris[0], str(tmp_path))) as stores, pytest.raises(NotFoundError):
        stores.registry.get_registered_model("m")


def test_a_server_is_not_called_when_it_is_opened(tmp_path: Path) -> None:
    with closing(open_stores("http://127.0.0.1:9", str(tmp_path))) as stores:
        assert isinstance(stores.tracking, RestTrackingStore)


def test_artifact_uris(tmp_path: Path) -> None:
    with closing(open_stores("sqlite:///x.db", str(tmp_path))) as stores:
        folder = stores.artifacts_for((tmp_path / "here").as_uri())
        folder.put("a/b.txt", io.BytesIO(b"1"))
        assert (tmp_path / "here/a/b.txt").read_bytes() == b"1"
        assert [entry.path for entry in files_below(folder)] == ["a/b.txt"]
        for uri, kind in (("hdfs://host/x", NotSupportedError), ("relative/folder", InvalidInputError)):
            with pytest.raises(kind):
                stores.artifacts_for(uri)


def test_a_folder_sees_nothing_beside_itself(tmp_path: Path) -> None:
    with closing(open_stores("sqlite:///x.db", str(tmp_path))) as stores:
        one, other = (stores.artifacts_for(f"mlflow-artifacts:/1/{run}/artifacts") for run in "ab")
        one.put("f.txt", io.BytesIO(b"1"))
        assert list(files_below(other)) == []
        with pytest.raises(InvalidInputError):
            other.open("../../a/artifacts/f.txt").__enter__()


def test_folders_go_up_and_come_back_whole(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name, content in {"a.txt": b"1", "sub/b ä.txt": b"2", "sub/deep/c": b""}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    with closing(open_stores("sqlite:///x.db", str(tmp_path))) as stores:
        folder = stores.artifacts_for("mlflow-artifacts:/1/r/artifacts")
        upload_folder(folder, str(source), "up")
        download(folder, "up", str(tmp_path / "back"), what="Run r")
        download(folder, "up/a.txt", str(tmp_path / "one"), what="Run r")
        with pytest.raises(NotFoundError, match=r"Did you mean 'a\.txt'"):
            download(folder, "up/b.txt", str(tmp_path / "none"), what="Run r")
    back = {
        str(p.relative_to(tmp_path / "back")): p.read_bytes() for p in (tmp_path / "back").rglob("*") if p.is_file()
    }
    assert back == {"a.txt": b"1", "sub/b ä.txt": b"2", "sub/deep/c": b""}
    assert (tmp_path / "one").read_bytes() == b"1"


def test_who_only_looks_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"There is no database .*/deep/x\.db\. Check the tracking URI"):
        open_stores("sqlite:///deep/x.db", str(tmp_path), create=False)
    assert not (tmp_path / "deep").exists()


def test_who_only_looks_finds_an_empty_project(project: Path) -> None:
    with closing(open_stores(create=False)) as stores:
        assert stores.tracking.search_experiments().items[0].name == "Default"
