"""Many objects at once: whether each is there and sound, by looking at each or at whole folders of the store."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from hashlib import md5
from pathlib import Path

import pytest

from siglum.storage import soundness
from siglum.storage.bulk import FileToRead, read_many
from siglum.storage.index import TICK_NS, StatIndex
from siglum.storage.objects import ObjectStore
from siglum.storage.soundness import on_record, sound_each

ABSENT = "ab" * 16


@pytest.fixture(params=["each", "by folder"])
def store(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    if request.param == "by folder":
        monkeypatch.setattr(soundness, "_MANY", 1)
    return ObjectStore(str(tmp_path / "cache/files/md5"), StatIndex(str(tmp_path / "index")))


@pytest.fixture
def oids(store: ObjectStore) -> list[str]:
    contents = [b"%d" % number for number in range(300)]
    found = [md5(content).hexdigest() for content in contents]
    with store.batch() as batch:
        for content, oid in zip(contents, found, strict=True):
            batch.add_bytes(content, oid)
        batch.commit()
    time.sleep(2 * TICK_NS / 1e9)
    assert all(sound_each(store, found))
    return found


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    counts: list[int] = []

    def counting(files: Sequence[FileToRead]) -> list[str | None]:
        counts.append(len(files))
        return read_many(files)

    monkeypatch.setattr(soundness, "read_many", counting)
    return counts


def damage(store: ObjectStore, oid: str) -> None:
    """Flip a byte as a bad disk would, and give the file its mode and mtime back."""
    path = store.path_of(oid)
    status = os.stat(path)
    os.chmod(path, 0o644)
    data = Path(path).read_bytes()
    Path(path).write_bytes(bytes([data[0] ^ 1]) + data[1:])
    os.chmod(path, 0o444)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_what_is_on_record_is_not_read(store: ObjectStore, oids: list[str], reads: list[int]) -> None:
    for _ in range(2):  # the second time whole folders are on record
        assert on_record(store, [*oids, ABSENT]) == [True] * 300 + [False]
        assert sound_each(store, [*oids, ABSENT]) == [True] * 300 + [False]
    assert sum(reads) == 0


def test_whole_folders_are_known_to_the_next_command(store: ObjectStore, oids: list[str], tmp_path: Path) -> None:
    on_record(store, oids)
    assert store.index is not None
    store.index.save()
    again = ObjectStore(store.root, StatIndex(str(tmp_path / "index")))
    assert on_record(again, oids) == [True] * 300


@pytest.mark.parametrize("times", [0, 2])
def test_a_damaged_object_is_found_whatever_was_known(store: ObjectStore, oids: list[str], times: int) -> None:
    for _ in range(times):
        on_record(store, oids)
    damage(store, oids[7])
    expected = [oid != oids[7] for oid in oids]
    assert on_record(store, oids) == expected
    assert sound_each(store, oids) == expected


def test_an_object_that_came_or_went_is_seen(store: ObjectStore, oids: list[str]) -> None:
    on_record(store, oids)
    os.unlink(store.path_of(oids[3]))
    new = md5(b"new").hexdigest()
    with store.batch() as batch:
        batch.add_bytes(b"new", new)
        batch.commit()
    time.sleep(2 * TICK_NS / 1e9)
    assert sound_each(store, [*oids, new]) == [oid != oids[3] for oid in oids] + [True]


def test_files_that_are_no_objects_do_not_matter(store: ObjectStore, oids: list[str]) -> None:
    folder = Path(store.root, oids[0][:2])
    (folder / "README").write_text("mine")
    (folder / ".abc.tmp").touch()
    (folder / "x\udcff").touch()
    assert on_record(store, oids) == [True] * 300
