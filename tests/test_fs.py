"""`SiglumFileSystem`: the same names and bytes from workspace, commit, cache and remote; only what is asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import fsspec
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest
from tests.workspace.data_project import DataProject

import siglum.fs
from siglum.core.errors import IntegrityError, InvalidInputError, NotFoundError
from siglum.fs import SiglumFileSystem
from siglum.lineage.inputs import InputLog, close_log, open_log
from siglum.repo import Repo
from siglum.storage.hashing import md5_bytes
from siglum.storage.remotes.local import LocalRemote

ROWS = 200_000


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    """Two committed and pushed states, `v1` and `v2`."""
    made = DataProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    made.write({".dvc/config": "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n"})
    repo = Repo()
    frame = pd.DataFrame({"x": range(ROWS), "y": [str(n) for n in range(ROWS)]})
    (made.root / "folder/sub").mkdir(parents=True)
    frame.to_parquet("folder/sub/big.parquet", row_group_size=ROWS // 20)
    for tag in ("v1", "v2"):
        made.write({"train.csv": f"tag,ü\n{tag},1\n", "folder/note": tag, "code.py": f"# {tag}\n", "empty": ""})
        repo.add(["train.csv", "folder", "empty"])
        repo.push()
        made.commit(tag)
        made.git("tag", tag)
    return made


@pytest.fixture
def without_cache(project: DataProject) -> DataProject:
    shutil.rmtree(project.root / ".dvc/cache")
    return project


NAMES = [".gitignore", "code.py", "empty", "folder", "train.csv"]
METAFILES = [".dvcignore", "empty.dvc", "folder.dvc", "train.csv.dvc"]


@pytest.mark.parametrize("rev", [None, "v1"])
def test_names(without_cache: DataProject, rev: str | None) -> None:
    files = SiglumFileSystem(rev=rev)
    assert files.ls("", detail=False) == NAMES
    assert files.ls("", detail=False, dvcfiles=True) == sorted(NAMES + METAFILES)
    assert sorted(files.glob("*.dvc", dvcfiles=True)) == METAFILES[1:]
    assert not files.glob("*.dvc")
    assert files.isfile("empty.dvc")
    assert files.ls("siglum://folder/", detail=False) == ["folder/note", "folder/sub"]
    assert set(files.find("folder")) == {"folder/note", "folder/sub/big.parquet"}
    recorded = {"empty", "folder/note", "folder/sub/big.parquet", "train.csv"}
    assert set(files.find("", dvc_only=True)) == recorded
    assert files.ls("", detail=False, dvc_only=True) == ["empty", "folder", "train.csv"]
    assert set(files.glob("**/*.parquet")) == {"folder/sub/big.parquet"}
    assert files.isdir("folder")
    assert not files.isfile("folder")
    assert files.isfile("folder/note")
    assert [files.isdvc(name) for name in ("folder", "folder/note", "code.py", "nowhere")] == [True, True, False, False]
    assert not files.exists("nowhere")
    assert files.info("train.csv")["md5"] is not None
    assert files.unstrip_protocol("folder/note") == "siglum://folder/note"


@pytest.mark.parametrize("place", ["workspace", "commit", "folder", "url"])
@pytest.mark.parametrize("cached", [True, False])
def test_content(project: DataProject, place: str, cached: bool) -> None:
    if not cached:
        shutil.rmtree(project.root / ".dvc/cache")
    repo = {"workspace": None, "commit": None, "folder": str(project.root / "folder"), "url": f"file://{project.root}"}
    files = SiglumFileSystem(repo[place], rev=None if place == "workspace" else "v1")
    tag = "v2" if place == "workspace" else "v1"
    assert files.cat_file("train.csv") == f"tag,ü\n{tag},1\n".encode()
    assert files.cat_file("train.csv", 4, 6) == "ü".encode()
    assert files.cat_file("train.csv", -2) == b"1\n"
    assert files.cat_file("code.py") == f"# {tag}\n".encode()
    assert files.cat_file("empty") == b""
    assert files.read_text("folder/note", encoding="utf-8") == tag
    with files.open("siglum://folder/note", "r") as file:
        assert file.read() == tag
    target = project.root.parent / "got"
    files.get("folder", str(target), recursive=True)
    assert {path.name for path in target.rglob("*")} == {"note", "sub", "big.parquet"}
    assert files.size("folder/note") == 2


def test_only_what_is_asked_for_is_fetched(without_cache: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """One column of a few row groups costs a part of the file; nothing is written to the cache."""
    fetched: list[int] = []
    get_range = LocalRemote.get_range

    def counted(remote: LocalRemote, key: str, start: int, length: int) -> bytes:
        fetched.append(length)
        return get_range(remote, key, start, length)

    monkeypatch.setattr(LocalRemote, "get_range", counted)
    files = SiglumFileSystem(rev="v1")
    size = files.size("folder/sub/big.parquet")
    with files.open("folder/sub/big.parquet", block_size=1 << 16) as file:
        assert fetched == []
        file.seek(size - 8)
        file.read(8)
    assert 0 < sum(fetched) < size / 10
    fetched.clear()
    monkeypatch.setattr(siglum.fs._RemoteFile, "DEFAULT_BLOCK_SIZE", 1 << 16)
    table = ds.dataset("folder/sub/big.parquet", filesystem=files).to_table(columns=["x"], filter=ds.field("x") < 100)
    assert table.num_rows == 100
    assert 0 < sum(fetched) < size / 2
    assert not (without_cache.root / ".dvc/cache").exists()


def test_data_frames(without_cache: DataProject) -> None:
    options = {"rev": "v1", "repo": str(without_cache.root)}
    assert pd.read_csv("siglum://train.csv", storage_options=options)["tag"].tolist() == ["v1"]
    frame = pd.read_parquet("siglum://folder/sub/big.parquet", storage_options=options, columns=["x"])
    assert frame["x"].sum() == sum(range(ROWS))
    files = fsspec.filesystem("siglum", **options)
    assert isinstance(files, SiglumFileSystem)
    dataset = ds.dataset("folder/sub", filesystem=files)
    assert dataset.count_rows() == ROWS
    assert pl.scan_pyarrow_dataset(dataset).select("x").sum().collect().item() == sum(range(ROWS))
    with files.open("train.csv") as file:
        assert pl.read_csv(file)["tag"].to_list() == ["v1"]
    with files.open("folder/sub/big.parquet") as file:
        assert pl.scan_parquet(file).select("y").collect().height == ROWS
    with fsspec.open(f"siglum://train.csv::file://{without_cache.root}", "rt", encoding="utf-8") as file:
        assert file.read() == "tag,ü\nv2,1\n"


def test_damage_is_never_read_to_the_end(without_cache: DataProject) -> None:
    data = b"v1"
    oid = md5_bytes(data)
    path = without_cache.root.parent / "store/files/md5" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"v?")
    files = SiglumFileSystem(rev="v1")
    with pytest.raises(IntegrityError, match="is damaged"):
        files.cat_file("folder/note")
    with pytest.raises(IntegrityError), files.open("folder/note") as file:
        file.read()
    path.write_bytes(b"v")
    with files.open("folder/note") as file, pytest.raises(IntegrityError):
        file.read()
    assert path.read_bytes() == b"v"  # what was read was really damaged


def test_a_damaged_cache_is_passed_over(project: DataProject) -> None:
    oid = md5_bytes(b"v1")
    path = project.root / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"v?")
    assert SiglumFileSystem(rev="v1").cat_file("folder/note") == b"v1"


def test_what_cannot_be(project: DataProject) -> None:
    files = SiglumFileSystem()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        files.open("nowhere")
    with pytest.raises(FileNotFoundError):
        files.info("folder/nowhere")
    with pytest.raises(IsADirectoryError):
        files.open("folder")
    with pytest.raises(OSError, match="can only be read"):
        files.open("train.csv", "wb")
    with pytest.raises(NotFoundError, match="v9"):
        SiglumFileSystem(rev="v9")
    with pytest.raises(InvalidInputError, match="one of them"):
        SiglumFileSystem("a", url="b")


def test_a_change_is_seen_when_asked_anew(project: DataProject) -> None:
    files = SiglumFileSystem()
    assert files.cat_file("folder/note") == b"v2"
    project.write({"folder/note": "edited"})
    assert files.cat_file("folder/note") == b"edited"
    assert SiglumFileSystem().size("folder/note") == 6


def test_what_is_read_is_reported(project: DataProject) -> None:
    log = open_log(InputLog())  # not with what earlier tests of this process read
    try:
        for rev in (None, "v1"):
            SiglumFileSystem(rev=rev).cat_file("folder/note")
            SiglumFileSystem(rev=rev).cat_file("code.py")
    finally:
        close_log(log)
    found = [(each.path, each.hash, each.repo) for each in log.all()]
    assert found == [
        ("folder/note", f"md5:{md5_bytes(b'v2')}", None),
        ("folder/note", f"md5:{md5_bytes(b'v1')}", None),
    ]
