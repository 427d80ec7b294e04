"""Downloaded files are kept by SHA-256: the second download moves no bytes, and nothing wrong is ever taken out."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

import siglum
from siglum.client.file_cache import FileCache
from siglum.client.rest.artifacts import RestArtifactStore
from siglum.testing.server import ServerProcess

CONTENT = b"content" * 1000
LONG = 50_000
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    (tmp_path / "file").write_bytes(CONTENT)
    made = FileCache(str(tmp_path / "cache"), 20_000)
    made.keep(SHA, str(tmp_path / "file"))
    return made


def test_a_file_comes_out_as_a_copy(cache: FileCache, tmp_path: Path) -> None:
    assert cache.take(SHA, str(tmp_path / "a"))
    (tmp_path / "a").write_bytes(b"mine now")
    assert cache.take(SHA, str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == CONTENT
    assert not cache.take("0" * 64, str(tmp_path / "c"))
    assert not (tmp_path / "c").exists()
    with pytest.raises(FileExistsError):
        cache.take(SHA, str(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == b"mine now"


def test_what_is_damaged_is_thrown_away(cache: FileCache, tmp_path: Path) -> None:
    (tmp_path / "cache" / SHA).write_bytes(b"other bytes")
    assert not cache.take(SHA, str(tmp_path / "a"))
    assert list((tmp_path / "cache").iterdir()) == []
    assert not (tmp_path / "a").exists()


def test_the_least_lately_used_go(cache: FileCache, tmp_path: Path) -> None:
    for number in range(3):
        name = tmp_path / f"{number}"
        name.write_bytes(bytes([number]) * 7_000)
        cache.keep(f"{number}" * 64, str(name))
        os.utime(tmp_path / "cache" / (f"{number}" * 64), ns=(number, number))
    assert cache.take(SHA, str(tmp_path / "used"))
    cache.make_room()
    assert sorted(each.name[0] for each in (tmp_path / "cache").iterdir()) == sorted(["2", SHA[0]])
    (tmp_path / "large").write_bytes(b"x" * 30_000)
    cache.keep("f" * 64, str(tmp_path / "large"))
    assert not (tmp_path / "cache" / ("f" * 64)).exists()
    FileCache(str(tmp_path / "off"), 0).keep(SHA, str(tmp_path / "file"))
    assert not (tmp_path / "off").exists()


@pytest.mark.slow
def test_a_second_download_moves_no_bytes(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    get = RestArtifactStore.get_file

    def counted(self: RestArtifactStore, path: str, local_path: str) -> None:
        asked.append(path)
        get(self, path, local_path)

    monkeypatch.setattr(RestArtifactStore, "get_file", counted)
    with ServerProcess(tmp_path / "server") as server:
        siglum.set_tracking_uri(server.url)
        with siglum.start_run() as run:
            siglum.log_text("one" * LONG, "a/one.txt")
            siglum.log_text("two" * LONG, "a/two.txt")
        first = siglum.artifacts.download_artifacts(f"runs:/{run.info.run_id}/a")
        assert len(asked) == 2
        second = siglum.artifacts.download_artifacts(f"runs:/{run.info.run_id}/a")
        client = siglum.MlflowClient()
        third = client.download_artifacts(run.info.run_id, "a/one.txt", str(tmp_path))
        assert len(asked) == 2
        with siglum.start_run(run_id=run.info.run_id):
            siglum.log_text("new" * LONG, "a/one.txt")
        fourth = siglum.artifacts.download_artifacts(f"runs:/{run.info.run_id}/a")
        assert len(asked) == 3
    for folder, text in ((first, "one"), (second, "one"), (fourth, "new")):
        assert (Path(folder) / "one.txt").read_text() == text * LONG
        assert (Path(folder) / "two.txt").read_text() == "two" * LONG
    assert Path(third).read_text() == "one" * LONG
