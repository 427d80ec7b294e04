import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from siglum.core.errors import ConflictError, FileFormatError, IntegrityError, InvalidInputError, NotFoundError
from siglum.core.temporary_names import is_temporary
from siglum.storage import durable_batch, objects
from siglum.storage.durability import temporary_name
from siglum.storage.hashing import LARGE_FILE
from siglum.storage.index import StatIndex
from siglum.storage.links import DEFAULT_TYPES, LinkType
from siglum.storage.manifest import make_manifest
from siglum.storage.objects import ObjectStore


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def files_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(cache: Path, tmp_path: Path) -> ObjectStore:
    return ObjectStore(str(cache / "files/md5"), StatIndex(str(tmp_path / "index")))


def add(store: ObjectStore, tmp_path: Path, data: bytes) -> str:
    (tmp_path / "source").write_bytes(data)
    return store.ingest([(str(tmp_path / "source"), None)])[0].oid


def damage(store: ObjectStore, oid: str) -> None:
    path = Path(store.path_of(oid))
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    path.chmod(0o444)


@pytest.mark.parametrize("size", [0, 5, (1 << 20) - 1, 1 << 20, (2 << 20) + 3])
def test_layout_and_mode_are_dvcs(store: ObjectStore, cache: Path, tmp_path: Path, size: int) -> None:
    data = b"x" * size
    oid = add(store, tmp_path, data)
    assert oid == md5(data)
    assert files_below(cache) == {f"files/md5/{oid[:2]}/{oid[2:]}"}
    assert os.stat(store.path_of(oid)).st_mode & 0o777 == 0o444
    assert Path(store.path_of(oid)).read_bytes() == data
    assert store.has(oid)
    assert store.size_of(oid) == size
    assert list(store.oids()) == [oid]


def test_mode_under_a_narrow_umask(store: ObjectStore, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        oid = add(store, tmp_path, b"x")
    finally:
        os.umask(before)
    assert os.stat(store.path_of(oid)).st_mode & 0o777 == 0o444


def test_nothing_is_visible_before_commit_or_after_a_failure(store: ObjectStore, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "big").write_bytes(b"b" * (2 << 20))
    with store.batch() as batch:
        batch.add_file(str(tmp_path / "a"))
        batch.add_file(str(tmp_path / "big"))
        assert list(store.oids()) == []
        assert len(files_below(cache)) == 2
    assert files_below(cache) == set()
    with pytest.raises(ConflictError, match="big"):
        store.ingest([(str(tmp_path / "a"), None), (str(tmp_path / "big"), "0" * 32)])
    with pytest.raises(FileNotFoundError):
        store.ingest([(str(tmp_path / "a"), None), (str(tmp_path / "gone"), None)])
    assert files_below(cache) == set()


def test_a_failed_flush_makes_nothing_visible(
    store: ObjectStore, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"a")
    calls = []

    def fail(fd: int) -> bool:
        calls.append(fd)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(durable_batch, "sync_file_system", fail)
    with pytest.raises(OSError, match="Input/output"):
        store.ingest([(str(tmp_path / "a"), None)])
    assert len(calls) == 1
    assert files_below(cache) == set()


def test_a_large_object_is_known_once_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    data.write_bytes(b"x" * LARGE_FILE)
    index = StatIndex(str(tmp_path / "index"))
    store = ObjectStore(str(tmp_path / "cache"), index)
    with store.batch() as batch:
        found = batch.add_file(str(data))
        time.sleep(0.03)  # as the flush of so much takes: more than a tick of the clock
        batch.commit()
    monkeypatch.setattr(objects, "md5_object", None)  # is not read again
    path = Path(store.verify(found.oid))
    monkeypatch.undo()
    path.chmod(0o644)
    path.write_bytes(b"y" * LARGE_FILE)
    path.chmod(0o444)
    with pytest.raises(IntegrityError):
        store.verify(found.oid)


def test_without_syncfs_each_file_and_folder_is_flushed(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(durable_batch, "sync_file_system", lambda fd: False)
    monkeypatch.setattr(durable_batch, "fsync_path", flushed.append)
    oid = add(store, tmp_path, b"a")
    temporary, *folders = flushed
    assert is_temporary(os.path.basename(temporary))
    assert set(folders) == {store.root, os.path.dirname(store.path_of(oid))}


def test_equal_files_are_stored_once(store: ObjectStore, cache: Path, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"same")
    hashes = store.ingest([(str(tmp_path / name), None) for name in "abc"])
    assert [h.oid for h in hashes] == [md5(b"same")] * 3
    assert len(files_below(cache)) == 1


def test_a_damaged_object_is_found_whatever_its_mode(store: ObjectStore, tmp_path: Path) -> None:
    oid = add(store, tmp_path, b"good")
    store.verify(oid)
    damage(store, oid)
    assert not store.is_sound(oid)
    with pytest.raises(IntegrityError, match=oid):
        store.verify(oid)
    with pytest.raises(IntegrityError, match=oid):
        store.read_bytes(oid)


def test_verified_objects_are_not_read_again(store: ObjectStore, tmp_path: Path) -> None:
    oid = add(store, tmp_path, b"good")
    path = store.path_of(oid)
    assert store.index is not None
    store.index.put(os.stat(path), oid, time.time_ns() + 10**10)
    os.rename(path, f"{path}.aside")
    os.link(f"{path}.aside", path)  # changes the ctime
    assert store.index.get(os.stat(path)) is None
    store.index.put(os.stat(path), oid, time.time_ns() + 10**10)
    atime = os.stat(path).st_atime_ns
    assert store.verify(oid) == path
    assert os.stat(path).st_atime_ns == atime


def test_adding_again_heals_and_quarantine_keeps_the_bytes(store: ObjectStore, cache: Path, tmp_path: Path) -> None:
    for round_ in range(2):
        oid = add(store, tmp_path, b"good")
        damage(store, oid)
        assert add(store, tmp_path, b"good") == oid
        assert store.read_bytes(oid) == b"good"
        assert len(list((cache / "quarantine").iterdir())) == round_ + 1
    assert {path.read_bytes() for path in (cache / "quarantine").iterdir()} == {b"damaged"}


def test_placing_a_damaged_object_leaves_the_users_file(store: ObjectStore, cache: Path, tmp_path: Path) -> None:
    oid = add(store, tmp_path, b"good")
    damage(store, oid)
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    with pytest.raises(IntegrityError, match=oid):
        store.place(oid, str(target), DEFAULT_TYPES)
    assert target.read_bytes() == b"mine"
    assert (cache / "quarantine" / oid).read_bytes() == b"damaged"
    with pytest.raises(NotFoundError, match=oid):
        store.place(oid, str(target), (LinkType.HARDLINK,))


def test_missing_objects(store: ObjectStore, tmp_path: Path) -> None:
    oid = add(store, tmp_path, b"there")
    absent = [md5(b"%d" % n) for n in range(600)]
    assert store.missing([oid, absent[0], oid, absent[0]]) == [absent[0]]
    assert store.missing([*absent, oid]) == absent
    for call in (store.verify, store.size_of, store.read_bytes, store.read_manifest, store.quarantine):
        with pytest.raises(NotFoundError, match=absent[0]):
            call(absent[0])


@pytest.mark.parametrize("oid", ["", "..", "../../etc/passwd", "A" * 32, "a" * 31, "a" * 32 + ".dirx", "a" * 32 + "\n"])
def test_what_is_no_oid_is_no_path(store: ObjectStore, oid: str) -> None:
    with pytest.raises(InvalidInputError):
        store.path_of(oid)


def test_manifests(store: ObjectStore, tmp_path: Path) -> None:
    manifest = make_manifest([("b", "b" * 32), ("a", "a" * 32)])
    assert store.write_manifest(manifest) == manifest.oid
    assert store.read_manifest(manifest.oid) == manifest
    damage(store, manifest.oid)
    with pytest.raises(IntegrityError):
        store.read_manifest(manifest.oid)
    oid = add(store, tmp_path, b"no manifest")
    os.rename(store.path_of(oid), f"{store.path_of(oid)}.dir")
    with pytest.raises(FileFormatError):
        store.read_manifest(f"{oid}.dir")


def test_litter_is_removed_when_it_is_old(store: ObjectStore, tmp_path: Path) -> None:
    oid = add(store, tmp_path, b"x")
    old, young = Path(store.root, temporary_name()), Path(store.path_of(oid)).parent / temporary_name()
    old.write_bytes(b"")
    young.write_bytes(b"")
    os.utime(old, (0, 0))
    assert list(store.oids()) == [oid]
    assert store.remove_litter() == 1
    assert not old.exists()
    assert young.exists()


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    # A file system of 1 MiB in a user namespace; where the kernel forbids that, the limit on a file's size does.
    script = """
import os, resource, signal, sys
from siglum.storage.objects import ObjectStore
root, source, limited = sys.argv[1], sys.argv[2], sys.argv[3] == 'limit'
if limited:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store = ObjectStore(root + '/files/md5')
small = store.ingest([(source + '/small', None)])[0].oid
try:
    store.ingest([(source + '/small2', None), (source + '/big', None)])
except OSError as e:
    print('failed', e.errno)
print(sorted(store.oids()) == [small], sum(len(f) for _, _, f in os.walk(root)))
print(store.is_sound(small))
"""
    source = tmp_path / "source"
    source.mkdir()
    (source / "small").write_bytes(b"s" * 1000)
    (source / "small2").write_bytes(b"t" * 1000)
    (source / "big").write_bytes(b"b" * (3 << 20))
    mount = tmp_path / "mount"
    mount.mkdir()
    run = [sys.executable, "-c", script, str(mount), str(source)]
    inside = f"mount -t tmpfs -o size=1m tmpfs '{mount}' && exec \"$@\""
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", inside, "sh", *run, "disk"], capture_output=True, text=True, check=False
    )
    expected = 28
    if done.returncode != 0 and not done.stdout:
        done = subprocess.run([*run, "limit"], capture_output=True, text=True, check=True)
        expected = 27
    assert done.stdout == f"failed {expected}\nTrue 1\nTrue\n", done.stderr


def test_completeness_is_remembered_until_the_store_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many files are not looked up one by one at every status, and a lost object is noticed all the same."""
    store = ObjectStore(str(tmp_path / "files/md5"), StatIndex(str(tmp_path / "index")))
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    oids = [found.oid for found in store.ingest([(str(first), None), (str(second), None)])]
    manifest = store.write_manifest(make_manifest([("a", oids[0]), ("b", oids[1])]))
    for number in range(256):  # as if the store had been left alone for a while
        folder = f"{store.root}/{number:02x}"
        if os.path.isdir(folder):
            os.utime(folder, (1, 1))
    settled = time.time_ns() + 10_000_000_000
    monkeypatch.setattr("siglum.storage.objects.time.time_ns", lambda: settled)
    assert store.has_all(manifest)
    with monkeypatch.context() as patched:
        patched.setattr(store, "missing", lambda _oids: pytest.fail("looked again"))
        assert store.has_all(manifest, oids)
    os.unlink(store.path_of(oids[1]))
    assert not store.has_all(manifest, oids)
    assert not store.has_all(manifest)
