import hashlib
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from siglum.core.errors import InvalidInputError
from siglum.storage import tree as tree_module
from siglum.storage.bulk import FileRead, FileToRead, read_files
from siglum.storage.hashing import LARGE_FILE
from siglum.storage.index import StatIndex
from siglum.storage.ingest import IngestBatch
from siglum.storage.objects import ObjectStore
from siglum.storage.tree import scan_file, scan_tree, summarize_tree


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "sub/deep").mkdir(parents=True)
    (root / "empty folder").mkdir()
    for name in ("Z", "empty", "sub-x", "sub/crlf.txt", "sub/deep/ä ö"):
        (root / name).write_bytes(name.encode() if name != "empty" else b"")
    return root


def test_files_are_sorted_hashed_and_counted(data: Path) -> None:
    state = scan_tree(str(data))
    assert [entry.relpath for entry in state.entries] == ["Z", "empty", "sub-x", "sub/crlf.txt", "sub/deep/ä ö"]
    assert [entry.oid for entry in state.entries][:2] == [md5(b"Z"), md5(b"")]
    assert state.nfiles == 5
    assert state.size == sum(entry.size for entry in state.entries) == 1 + 5 + 12 + 14
    assert [(e.relpath, e.oid) for e in state.manifest.entries] == [(e.relpath, e.oid) for e in state.entries]


def test_links_to_files_are_followed_and_links_to_folders_left_out(data: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_bytes(b"linked")
    (data / "link").symlink_to(tmp_path / "elsewhere/file")
    (data / "folder").symlink_to(tmp_path / "elsewhere")
    (data / "loop").symlink_to(data)
    oids = {entry.relpath: entry.oid for entry in scan_tree(str(data)).entries}
    assert oids["link"] == md5(b"linked")
    assert len(oids) == 6


def test_what_cannot_be_tracked_is_named(data: Path) -> None:
    os.mkfifo(data / "sub/fifo")
    with pytest.raises(InvalidInputError, match=r"sub/fifo.*FIFO"):
        scan_tree(str(data))
    os.unlink(data / "sub/fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(data / "s"))
    with pytest.raises(InvalidInputError, match="data/s is a socket"):
        scan_tree(str(data))
    os.unlink(data / "s")
    (data / "broken").symlink_to("nowhere")
    with pytest.raises(InvalidInputError, match=r"broken.*nowhere"):
        scan_tree(str(data))
    os.unlink(data / "broken")
    Path(os.fsdecode(os.fsencode(data) + b"/bad\xff")).touch()
    with pytest.raises(InvalidInputError, match="UTF-8"):
        scan_tree(str(data))


def test_ignored_files_are_left_out_and_ignored_folders_pruned(data: Path) -> None:
    asked = []

    class Rules:
        def is_ignored(self, path: str, is_dir: bool) -> bool:
            asked.append(path)
            return path in (f"{data}/sub", f"{data}/Z") and is_dir == (path == f"{data}/sub")

        def may_ignore_files(self, folder: str) -> bool:
            return folder == str(data)

    assert [entry.relpath for entry in scan_tree(str(data), None, Rules()).entries] == ["empty", "sub-x"]
    assert not [path for path in asked if path.startswith(f"{data}/sub/")]


def test_unchanged_files_are_not_read(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = StatIndex(str(tmp_path / "index"))
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10**10)
    first = scan_tree(str(data), index)
    (data / "Z").write_bytes(b"changed")
    read: list[str] = []

    def counting(files: Sequence[FileToRead], index: StatIndex | None, into: IngestBatch | None) -> list[FileRead]:
        read.extend(file.path for file in files)
        return read_files(files, index, into)

    monkeypatch.setattr(tree_module, "read_files", counting)
    second = scan_tree(str(data), index)
    assert read == [f"{data}/Z"]
    assert second.entries[0].oid == md5(b"changed")
    assert second.entries[1:] == first.entries[1:]


def test_scanning_into_a_store_is_one_pass(data: Path, tmp_path: Path) -> None:
    store = ObjectStore(str(tmp_path / "cache/files/md5"))
    with store.batch() as batch:
        state = scan_tree(str(data), into=batch)
        batch.add_bytes(state.manifest.encode(), state.manifest.oid)
        batch.commit()
    assert set(store.oids()) == {state.manifest.oid, *(entry.oid for entry in state.entries)}
    assert store.read_manifest(state.manifest.oid) == state.manifest
    assert state.manifest.oid == scan_tree(str(data)).manifest.oid


def test_known_files_still_reach_the_store(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10**10)
    index = StatIndex(str(tmp_path / "index"))
    state = scan_tree(str(data), index)
    assert len(index) == 6  # the files, and the folder as a whole
    store = ObjectStore(str(tmp_path / "cache/files/md5"), index)
    with store.batch() as batch:
        assert scan_tree(str(data), index, into=batch).manifest == state.manifest
        batch.commit()
    assert store.missing(entry.oid for entry in state.entries) == []


@pytest.mark.parametrize("stored", [False, True])
def test_large_files_among_small_ones(tmp_path: Path, stored: bool) -> None:
    contents = {"a": b"a", "b": b"b" * LARGE_FILE, "c": b"", "d": b"d" * (LARGE_FILE + 1), "e": b"b" * LARGE_FILE}
    (tmp_path / "data").mkdir()
    for name, content in contents.items():
        (tmp_path / "data" / name).write_bytes(content)
    store = ObjectStore(str(tmp_path / "cache/files/md5"))
    with store.batch() as batch:
        state = scan_tree(str(tmp_path / "data"), None, None, batch if stored else None)
        batch.commit()
    assert [(e.relpath, e.oid) for e in state.entries] == [(name, md5(data)) for name, data in contents.items()]
    files = [path for path in Path(store.root).rglob("*") if path.is_file()]
    assert len(files) == (4 if stored else 0)


def test_one_file(data: Path) -> None:
    entry = scan_file(str(data / "Z"))
    assert (entry.oid, entry.size) == (md5(b"Z"), 1)
    os.mkfifo(data / "fifo")
    with pytest.raises(InvalidInputError, match="FIFO"):
        scan_file(str(data / "fifo"))


def test_a_folder_in_which_nothing_changed_is_known_whole(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10**10)
    index = StatIndex(str(tmp_path / "index"))
    first = summarize_tree(str(data), index)
    tree = scan_tree(str(data))
    assert (first.oid, first.size, first.nfiles) == (tree.oid, tree.size, tree.nfiles)
    with monkeypatch.context() as patched:
        patched.setattr(tree_module, "_scan", lambda *_: pytest.fail("looked at each file"))
        assert summarize_tree(str(data), index) == first
    (data / "sub/crlf.txt").write_bytes(b"sub/crlf.txu")  # as long as it was
    changed = summarize_tree(str(data), index)
    assert changed.oid == scan_tree(str(data)).oid != first.oid
    (data / "Z").rename(data / "z")
    assert summarize_tree(str(data), index).oid == scan_tree(str(data)).oid != changed.oid
    (data / "sub-x").unlink()
    assert summarize_tree(str(data), index).nfiles == 4


def test_a_folder_with_a_file_too_young_to_be_known_is_not_known_whole(data: Path, tmp_path: Path) -> None:
    index = StatIndex(str(tmp_path / "index"))
    for content in (b"1", b"2") * 20:  # within the tick of the clock, and of the same size: only reading tells
        (data / "young").write_bytes(content)
        assert summarize_tree(str(data), index) == summarize_tree(str(data))
