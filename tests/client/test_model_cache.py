"""Downloaded models are kept by content hash: the second load of a version moves no bytes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import siglum
import siglum.pyfunc
from siglum.client import active, state
from siglum.client.model_cache import ModelCache
from siglum.core.errors import SiglumError
from siglum.models.content import model_content_hash
from siglum.testing.server import ServerProcess


def model(folder: Path, text: str = "weights") -> tuple[str, str]:
    """Make something like a model; return its folder and content hash."""
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\nrun_id: r\n")
    (folder / "data" / "file").write_text(text)
    return str(folder), model_content_hash(str(folder))


def test_what_was_kept_is_there(tmp_path: Path) -> None:
    cache = ModelCache(str(tmp_path / "cache"))
    folder, content = model(tmp_path / "m")
    target = str(tmp_path / "t")
    assert not cache.take("here", content, target, links=False)
    cache.keep("here", content, folder)
    cache.keep("here", content, folder)
    shutil.rmtree(folder)
    assert cache.take("here", content, target, links=False)
    assert Path(target, "data", "file").read_text() == "weights"
    assert model_content_hash(target) == content
    assert not cache.take("elsewhere", content, str(tmp_path / "u"), links=False)
    linked = tmp_path / "linked"
    assert cache.take("here", content, str(linked), links=True)
    assert (linked / "data" / "file").stat().st_nlink == 2
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["changed", "missing", "extra", "link"])
def test_what_is_damaged_is_thrown_away(damage: str, tmp_path: Path) -> None:
    cache = ModelCache(str(tmp_path / "cache"))
    folder, content = model(tmp_path / "m")
    cache.keep("here", content, folder)
    (entry,) = (tmp_path / "cache").iterdir()
    if damage == "changed":
        (entry / "data" / "file").write_text("evil")
    elif damage == "missing":
        (entry / "data" / "file").unlink()
    elif damage == "extra":
        (entry / "data" / "more").write_text("x")
    else:
        (entry / "data" / "file").unlink()
        (entry / "data" / "file").symlink_to("/etc/hostname")
    target = tmp_path / "t"
    assert not cache.take("here", content, str(target), links=True)
    assert list(target.iterdir()) == []
    assert not entry.exists()


def test_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    for name, age in ((".new-old", 10**6), (".new-young", 10)):
        (tmp_path / "cache" / name).mkdir(parents=True)
        then = (tmp_path.stat().st_mtime) - age
        os.utime(tmp_path / "cache" / name, (then, then))
    folder, content = model(tmp_path / "m")
    ModelCache(str(tmp_path / "cache")).keep("here", content, folder)
    assert {path.name for path in (tmp_path / "cache").glob(".new-*")} == {".new-young"}


def test_the_least_lately_used_go(tmp_path: Path) -> None:
    folders = [model(tmp_path / f"m{n}", "x" * 1000 + str(n)) for n in range(3)]
    cache = ModelCache(str(tmp_path / "cache"), limit=2200)
    for number, (folder, content) in enumerate(folders):
        cache.keep("here", content, folder)
        for age, entry in enumerate(sorted((tmp_path / "cache").iterdir(), key=lambda e: e.stat().st_mtime_ns)):
            os.utime(entry, ns=(10**9 * (number * 10 + age), 10**9 * (number * 10 + age)))
        if number == 1:
            assert cache.take("here", folders[0][1], str(tmp_path / "used"), links=False)  # now later than the second
    there = [
        cache.take("here", content, str(tmp_path / f"t{n}"), links=False) for n, (_, content) in enumerate(folders)
    ]
    assert there == [True, False, True]
    off = ModelCache(str(tmp_path / "off"), limit=0)
    off.keep("here", folders[0][1], folders[0][0])
    assert not (tmp_path / "off").exists()
    assert not off.take("here", folders[0][1], str(tmp_path / "z"), links=False)
    small = ModelCache(str(tmp_path / "small"), limit=10)
    small.keep("here", folders[0][1], folders[0][0])
    assert not (tmp_path / "small").exists()


@pytest.fixture
def server(project: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server") as running:
        siglum.set_tracking_uri(running.url)
        yield running
        active.stack().clear()
        state.close_all()


class Twice(siglum.pyfunc.PythonModel):
    def predict(self, context: object, model_input: object, params: object = None) -> object:
        return model_input


def test_the_second_load_moves_no_bytes(server: ServerProcess, tmp_path: Path) -> None:
    with siglum.start_run():
        siglum.pyfunc.log_model(python_model=Twice(), name="m", registered_model_name="twice")
    uri = "models:/twice/1"
    siglum.pyfunc.load_model(uri)
    stored = [path for path in (tmp_path / "server").rglob("python_model.pkl") if path.is_file()]
    assert stored
    for path in (tmp_path / "server").rglob("*"):
        if path.is_file() and "artifacts" in path.parts:
            path.unlink()  # nothing can be downloaded any more
    assert siglum.pyfunc.load_model(uri).predict([1]) == [1]
    copied = siglum.pyfunc.load_model(uri, dst_path=str(tmp_path / "copy"))
    assert copied.predict([2]) == [2]
    cached = Path(os.environ["XDG_CACHE_HOME"], "siglum", "models")
    assert (tmp_path / "copy" / "python_model.pkl").stat().st_nlink == 1
    shutil.rmtree(cached)
    with pytest.raises(SiglumError):
        siglum.pyfunc.load_model(uri)
