"""Many objects into the workspace: the same as one by one, known afterwards, and nobody's change is lost."""

from __future__ import annotations

import os
import signal
import time
from hashlib import md5
from pathlib import Path

import pytest

from siglum.core.errors import ConflictError, IntegrityError
from siglum.storage import placing, workers
from siglum.storage.index import StatIndex
from siglum.storage.links import LinkType
from siglum.storage.objects import ObjectStore
from siglum.storage.placing import Placement, place_many
from siglum.storage.swap import exchange

FILES = 40
COPY = (LinkType.REFLINK, LinkType.COPY)


@pytest.fixture(autouse=True)
def _two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_WORTH_FORKING", 0)
    monkeypatch.setattr(workers, "_cores", lambda: 2)
    monkeypatch.setattr(workers, "_OPENING_A_CORE", 1)
    monkeypatch.setattr(workers, "may_fork", lambda: True)  # test runners have threads of their own


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    store = ObjectStore(str(tmp_path / "cache/files/md5"), StatIndex(str(tmp_path / "index")))
    with store.batch() as batch:
        for i in range(FILES):
            data = content(i)
            batch.add_bytes(data, md5(data).hexdigest())
        batch.commit()
    return store


@pytest.fixture
def staging(tmp_path: Path) -> str:
    (tmp_path / "staging").mkdir()
    return str(tmp_path / "staging")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def content(i: int) -> bytes:
    return b"" if i == 3 else b"%d" % i * (100_000 if i == 5 else 1)


def placements(folder: Path, *, executable: int | None = None) -> list[Placement]:
    planned = []
    for i in range(FILES):
        path = folder / f"{i:02}"
        before = path.stat() if path.exists() else None
        planned.append(Placement(md5(content(i)).hexdigest(), str(path), i == executable, before))
    return planned


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("kind", [LinkType.COPY, LinkType.HARDLINK, LinkType.SYMLINK])
@pytest.mark.parametrize("replacing", [False, True])
def test_all_are_there(store: ObjectStore, staging: str, folder: Path, kind: LinkType, replacing: bool) -> None:
    if replacing:
        for i in range(FILES):
            (folder / f"{i:02}").write_bytes(b"old")
    place_many(store, placements(folder, executable=7), (kind,), staging)
    assert contents(folder) == [content(i) for i in range(FILES)]
    assert os.listdir(staging) == []
    assert os.access(folder / "07", os.X_OK)
    for i in (7, 3):  # an executable, an empty file: never links
        assert not (folder / f"{i:02}").is_symlink()
        assert (folder / f"{i:02}").stat().st_nlink == 1
    if kind is LinkType.HARDLINK:
        assert (folder / "00").stat().st_ino == os.stat(store.path_of(md5(b"0").hexdigest())).st_ino
    assert (folder / "00").is_symlink() == (kind is LinkType.SYMLINK)


@pytest.mark.parametrize("kind", [LinkType.COPY, LinkType.HARDLINK])
def test_what_was_placed_need_not_be_read(
    store: ObjectStore, staging: str, folder: Path, kind: LinkType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "_FILES_BETWEEN_LOOKS", 4)
    time.sleep(0.05)  # so that the objects are older than a tick of the clock
    planned = placements(folder)
    place_many(store, planned, (kind,), staging)
    assert store.index is not None
    known = [store.index.get(os.stat(each.target)) for each in planned]
    # The first was placed on its own, and is read again if it is a copy.
    assert known.count(None) <= 1 + (3 if kind is LinkType.HARDLINK else 0)
    assert all(oid in {None, each.oid} for oid, each in zip(known, planned, strict=True))


def test_a_file_written_to_just_after_it_was_placed_is_seen(store: ObjectStore, staging: str, folder: Path) -> None:
    planned = placements(folder)
    place_many(store, planned, COPY, staging)
    last = planned[-1]
    Path(last.target).write_bytes(b"XX")  # as long as what was there, and within the same tick perhaps
    assert store.index is not None
    assert store.index.get(os.stat(last.target)) is None


def test_a_change_since_the_plan_is_kept(store: ObjectStore, staging: str, folder: Path) -> None:
    for i in range(FILES):
        (folder / f"{i:02}").write_bytes(b"old")
    planned = placements(folder)
    (folder / "20").write_bytes(b"precious")
    with pytest.raises(ConflictError, match="20 changed while it was being replaced"):
        place_many(store, planned, COPY, staging)
    assert (folder / "20").read_bytes() == b"precious"
    assert os.listdir(staging) == []


def test_a_file_that_appeared_since_the_plan_is_kept(store: ObjectStore, staging: str, folder: Path) -> None:
    planned = placements(folder)
    (folder / "20").write_bytes(b"precious")
    with pytest.raises(ConflictError, match="20 changed while it was being replaced"):
        place_many(store, planned, COPY, staging)
    assert (folder / "20").read_bytes() == b"precious"


def test_damage_that_comes_late_is_not_delivered(store: ObjectStore, staging: str, folder: Path) -> None:
    planned = placements(folder)
    damaged = Path(store.path_of(planned[20].oid))
    damaged.chmod(0o644)
    damaged.write_bytes(b"2!")
    damaged.chmod(0o444)
    with pytest.raises(IntegrityError, match="damaged"):
        place_many(store, planned, COPY, staging)
    assert not (folder / "20").exists()


def test_what_a_dead_worker_left_is_done_here(
    store: ObjectStore, staging: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for i in range(FILES):
        (folder / f"{i:02}").write_bytes(b"old")
    parent = os.getpid()
    died = tmp_path / "died"

    def dying(temporary: str, target: str) -> bool:
        done = exchange(temporary, target)
        if os.getpid() != parent and target.endswith("/20"):
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    monkeypatch.setattr("siglum.storage.placing.exchange", dying)
    planned = placements(folder)
    place_many(store, planned, COPY, staging)
    assert died.exists()
    assert contents(folder) == [content(i) for i in range(FILES)]


def test_without_the_system_call_all_is_placed_as_well(
    store: ObjectStore, staging: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("siglum.storage.swap._renameat2", lambda: None)
    for i in range(0, FILES, 2):
        (folder / f"{i:02}").write_bytes(b"old")
    place_many(store, placements(folder), COPY, staging)
    assert contents(folder) == [content(i) for i in range(FILES)]
    assert os.listdir(staging) == []
