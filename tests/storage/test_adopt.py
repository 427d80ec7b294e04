"""Files that become objects by a hard link: never a wrong object, and nothing of the user's lost."""

from __future__ import annotations

import os
import stat
from hashlib import md5
from pathlib import Path

import pytest

from siglum.core.errors import ConflictError
from siglum.storage import workers
from siglum.storage.adopt import SavedFile, is_object, save_by_link
from siglum.storage.index import StatIndex
from siglum.storage.objects import ObjectStore

FILES = 30


@pytest.fixture(autouse=True, params=[1, 2])
def _workers(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(workers, "_WORTH_FORKING", 0)
    monkeypatch.setattr(workers, "_cores", lambda: request.param)
    monkeypatch.setattr(workers, "_OPENING_A_CORE", 1)
    monkeypatch.setattr(workers, "may_fork", lambda: True)  # test runners have threads of their own


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(str(tmp_path / "cache/files/md5"), StatIndex(str(tmp_path / "index")))


@pytest.fixture
def files(tmp_path: Path) -> list[SavedFile]:
    (tmp_path / "data").mkdir()
    for i in range(FILES):
        (tmp_path / f"data/{i:02}").write_bytes(b"%d" % i)
    return looked_at(tmp_path / "data")


def looked_at(folder: Path) -> list[SavedFile]:
    return [SavedFile(str(p), md5(p.read_bytes()).hexdigest(), p.stat()) for p in sorted(folder.iterdir())]


def save(store: ObjectStore, files: list[SavedFile]) -> None:
    with store.batch() as batch:
        save_by_link(store, files, batch)
        batch.commit()


def test_a_file_and_its_object_are_one(store: ObjectStore, files: list[SavedFile]) -> None:
    save(store, files)
    assert all(is_object(store, SavedFile(f.path, f.oid, os.stat(f.path))) for f in files)
    assert all(stat.S_IMODE(os.stat(f.path).st_mode) == 0o444 for f in files)
    assert sorted(store.oids()) == sorted(f.oid for f in files)
    assert all(store.is_sound(f.oid) for f in files)


def test_what_must_not_be_a_link_is_copied(store: ObjectStore, files: list[SavedFile], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "00").write_bytes(b"")
    (folder / "01").chmod(0o755)
    os.link(folder / "02", tmp_path / "another name")
    (folder / "03").rename(tmp_path / "elsewhere")
    (folder / "03").symlink_to(tmp_path / "elsewhere")
    (folder / "04").write_bytes(b"5")  # as 05 has
    found = looked_at(folder)
    save(store, found)
    assert sorted(store.oids()) == sorted({f.oid for f in found})
    for name in ("00", "01", "02", "03"):
        path = folder / name
        assert os.stat(store.path_of(md5(path.read_bytes()).hexdigest())).st_ino != path.stat().st_ino
    assert (folder / "01").stat().st_mode & 0o777 == 0o755
    assert (folder / "03").is_symlink()


def test_a_file_that_changed_is_no_object(store: ObjectStore, files: list[SavedFile]) -> None:
    Path(files[3].path).write_bytes(b"something else")
    with pytest.raises(ConflictError, match="03 changed"):
        save(store, files)
    assert not store.has(files[3].oid)
    assert Path(files[3].path).read_bytes() == b"something else"
    assert all(store.is_sound(oid) for oid in store.oids())


def test_a_file_that_changes_at_the_last_moment_is_no_object(
    store: ObjectStore, files: list[SavedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    link, changed = os.link, files[3].path

    def changing(source: str, target: str, *, follow_symlinks: bool = True) -> None:
        if source == changed and Path(changed).read_bytes() == b"3":
            Path(changed).write_bytes(b"something else")
        link(source, target, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "link", changing)
    with pytest.raises(ConflictError, match="03 changed"):
        save(store, files)
    assert Path(changed).read_bytes() == b"something else"
    assert not store.has(files[3].oid)


def test_where_links_do_not_work_files_are_copied(
    store: ObjectStore, files: list[SavedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(source: str, target: str, *, follow_symlinks: bool = True) -> None:
        raise PermissionError(1, "Operation not permitted", source)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", refusing)
        save(store, files)
    assert sorted(store.oids()) == sorted(f.oid for f in files)
    assert all(os.stat(f.path).st_nlink == 1 for f in files)


def test_a_damaged_object_is_replaced(store: ObjectStore, files: list[SavedFile]) -> None:
    save(store, files)
    path = Path(store.path_of(files[3].oid))
    path.unlink()
    path.write_bytes(b"damage")
    save(store, looked_at(Path(files[3].path).parent))
    assert store.is_sound(files[3].oid)
