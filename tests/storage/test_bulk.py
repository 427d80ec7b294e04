"""Many small files in several processes: the same hashes and objects as one by one, also when a worker dies."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest

from siglum.core.errors import ConflictError, PermissionDeniedError
from siglum.core.failures import file_errors
from siglum.storage import bulk, durable_batch, workers
from siglum.storage.bulk import FileToRead, read_many
from siglum.storage.ingest import IngestBatch
from siglum.storage.objects import ObjectStore
from siglum.storage.tree import scan_tree

FILES = 90


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    for i in range(FILES):
        (data / f"{i:03}").write_bytes(b"%d" % (i // 2))  # each content twice
    return data


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(str(tmp_path / "cache/files/md5"))


@pytest.fixture
def _three_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_WORTH_FORKING", 0)
    monkeypatch.setattr(workers, "_cores", lambda: 3)
    monkeypatch.setattr(workers, "_OPENING_A_CORE", 1)
    monkeypatch.setattr(workers, "may_fork", lambda: True)  # test runners have threads of their own


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    started: list[int] = []
    fork = os.fork

    def counting() -> int:
        pid = fork()
        if pid:
            started.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", counting)
    yield started
    for pid in started:
        with pytest.raises(ChildProcessError):  # none is left behind, not even as a zombie
            os.waitpid(pid, os.WNOHANG)


def small_files(folder: Path) -> list[FileToRead]:
    return [FileToRead(path.name, str(path), path.stat()) for path in sorted(folder.iterdir())]


def oids(folder: Path) -> list[str]:
    return [md5(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())]


def litter(store: ObjectStore) -> list[str]:
    """Return what is in the store's folder and no object: temporaries, and what is in new folders."""
    return [name for folder, _, names in os.walk(store.root) for name in names if "/." in f"{folder}/{name}"]


@pytest.mark.usefixtures("_three_workers")
def test_hashes_come_back_in_order(folder: Path, forks: list[int]) -> None:
    assert read_many(small_files(folder)) == oids(folder)
    assert len(forks) == 2


def test_few_files_are_read_here(folder: Path, forks: list[int]) -> None:
    assert read_many(small_files(folder)) == oids(folder)
    assert forks == []


def test_a_process_with_threads_does_not_fork(folder: Path, forks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_WORTH_FORKING", 0)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert read_many(small_files(folder)) == oids(folder)
    finally:
        stop.set()
        thread.join()
    assert forks == []


@pytest.mark.usefixtures("_three_workers")
def test_objects_of_all_workers_are_stored_once(folder: Path, store: ObjectStore, forks: list[int]) -> None:
    with store.batch() as batch:
        read_many(small_files(folder), batch)
        assert list(store.oids()) == []  # nothing is visible yet
        batch.commit()
    assert sorted(store.oids()) == sorted(set(oids(folder)))
    assert all(store.is_sound(oid) for oid in store.oids())
    assert litter(store) == []
    assert len(forks) == 2


def test_what_many_files_hold_is_flushed_while_more_is_prepared_and_once_more_at_the_end(
    folder: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_WORTH_FLUSHING_AHEAD", FILES)
    flushed: list[int] = []

    def flush(_fd: int) -> bool:
        flushed.append(len(litter(store)))
        return True

    monkeypatch.setattr(durable_batch, "sync_file_system", flush)
    with store.batch() as batch:
        read_many(small_files(folder), batch)
        batch.add_bytes(b"later", md5(b"later").hexdigest())
        batch.commit()
    written = FILES // 2
    assert flushed in ([written, written + 1, 0], [written + 1, written + 1, 0])


def test_a_flush_ahead_that_fails_makes_nothing_visible_and_is_not_tried_again(
    folder: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_WORTH_FLUSHING_AHEAD", FILES)
    calls: list[int] = []

    def fail(fd: int) -> bool:
        calls.append(fd)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(durable_batch, "sync_file_system", fail)
    with store.batch() as batch:
        read_many(small_files(folder), batch)
        with pytest.raises(OSError, match="Input/output"):
            batch.commit()
    assert len(calls) == 1
    assert list(store.oids()) == litter(store) == []


@pytest.mark.usefixtures("_three_workers")
def test_objects_that_are_there_are_not_written_again(folder: Path, store: ObjectStore) -> None:
    for _ in range(2):
        with store.batch() as batch:
            assert read_many(small_files(folder), batch) == oids(folder)
            staged = len(batch)
            batch.commit()
    assert staged == 0
    assert litter(store) == []


@pytest.mark.usefixtures("_three_workers")
def test_a_worker_that_dies_costs_time_and_nothing_else(
    folder: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, forks: list[int]
) -> None:
    write, parent = IngestBatch.write_aside, os.getpid()

    def dying(batch: IngestBatch, data: bytes, oid: str) -> bytes | None:
        digest = write(batch, data, oid)
        if os.getpid() != parent and data == b"20":
            os.kill(os.getpid(), signal.SIGKILL)
        return digest

    monkeypatch.setattr(IngestBatch, "write_aside", dying)
    with store.batch() as batch:
        assert None in read_many(small_files(folder), batch)
        assert litter(store)
    assert litter(store) == []  # also what the dead worker had written
    with store.batch() as batch:
        tree = scan_tree(str(folder), into=batch)
        batch.commit()
    assert [entry.oid for entry in tree.entries] == oids(folder)
    assert sorted(store.oids()) == sorted(set(oids(folder)))
    assert litter(store) == []
    assert len(forks) == 4


@pytest.mark.usefixtures("_three_workers")
def test_an_interrupt_stops_the_workers(
    folder: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, forks: list[int]
) -> None:
    write, parent = IngestBatch.write_aside, os.getpid()

    def interrupted(batch: IngestBatch, data: bytes, oid: str) -> None:
        write(batch, data, oid)
        if os.getpid() == parent:
            raise KeyboardInterrupt
        signal.pause()

    monkeypatch.setattr(IngestBatch, "write_aside", interrupted)
    with pytest.raises(KeyboardInterrupt), store.batch() as batch:
        read_many(small_files(folder), batch)
    assert len(forks) == 2
    assert litter(store) == []
    assert list(store.oids()) == []


@pytest.mark.usefixtures("_three_workers")
def test_a_file_that_is_not_as_it_was_is_left_to_be_looked_at(folder: Path) -> None:
    files = small_files(folder)
    (folder / "004").write_bytes(b"other")
    (folder / "010").unlink()
    found = read_many(files)
    # What comes after the one that is gone, in the same worker's part, is left as well.
    assert found[4] is None
    assert found[10] is None
    assert found[0] == md5(b"0").hexdigest()


@pytest.mark.usefixtures("_three_workers")
def test_what_a_worker_cannot_write_is_said_once(
    folder: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[str] = []

    def refusing(batch: IngestBatch, data: bytes, oid: str) -> None:
        met.append(oid)
        raise PermissionError(13, "Permission denied", store.root)

    monkeypatch.setattr(IngestBatch, "write_aside", refusing)
    monkeypatch.setattr(IngestBatch, "write", lambda batch, temporary, data: refusing(batch, data, temporary))
    with pytest.raises(PermissionDeniedError), file_errors("the cache"), store.batch() as batch:
        scan_tree(str(folder), into=batch)
    assert len(met) == 2  # once in this process's part, once when the first file was looked at on its own
    assert list(store.oids()) == []


@pytest.mark.usefixtures("_three_workers")
def test_a_file_that_keeps_changing_has_no_hash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = os.read

    def writing(fd: int, size: int) -> bytes:
        data = read(fd, size)
        path = os.readlink(f"/proc/self/fd/{fd}")
        if path.endswith("/007"):
            with open(path, "ab") as file:
                file.write(b"more")
        return data

    monkeypatch.setattr(os, "read", writing)
    with pytest.raises(ConflictError, match="007 changed while it was read"):
        scan_tree(str(folder))
