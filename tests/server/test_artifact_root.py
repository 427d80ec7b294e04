"""Files in a folder that a server was given: found by those who open its database without it."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from siglum.client.stores import Stores, open_stores
from siglum.server.stores import StoreOptions, open_served_stores

URI = "sqlite:///db/siglum.db"


def serve_a_file(folder: Path, root: str | None) -> str:
    """Store a file through a server's stores; return where it is in the root."""
    (folder / "db").mkdir(exist_ok=True)
    (folder / "file").write_text("text")
    with open_served_stores(StoreOptions(backend_uri=URI, artifact_root=root), str(folder)) as config:
        info = config.tracking.create_run("0").info
        path = f"{info.artifact_uri.removeprefix('mlflow-artifacts:/')}/file"
        config.artifacts.put_file(path, str(folder / "file"))
    return path


def listed(stores: Stores, path: str) -> list[str]:
    return [entry.path for entry in stores.artifacts_for("mlflow-artifacts:/").list(path.rpartition("/")[0])]


@pytest.mark.parametrize("root", [None, "./elsewhere", "db/artifacts"])
def test_the_files_are_found(tmp_path: Path, root: str | None) -> None:
    path = serve_a_file(tmp_path, root)
    with closing(open_stores(URI, str(tmp_path))) as stores:
        assert listed(stores, path) == [path]
    # what a server was given is for that database only until another one is started
    path = serve_a_file(tmp_path, None)
    with closing(open_stores(URI, str(tmp_path))) as stores:
        assert listed(stores, path) == [path]


def test_what_was_moved_with_its_files_is_found(tmp_path: Path) -> None:
    path = serve_a_file(tmp_path, str(tmp_path / "there/files"))
    shutil.move(tmp_path / "there/files", tmp_path / "db/artifacts")
    (tmp_path / "there").rmdir()
    with closing(open_stores(URI, str(tmp_path))) as stores:
        assert listed(stores, path) == [path]
