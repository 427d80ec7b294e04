"""The trash of a cache and of a remote: nothing is ever in neither place, and what was taken comes back as it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from siglum.storage.hashing import md5_bytes
from siglum.storage.legacy import LegacyStore
from siglum.storage.manifest import make_manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remote_objects import object_key
from siglum.storage.remote_trash import RemoteTrash
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.local import LocalRemote
from siglum.storage.remotes.moving import MovingRemote
from siglum.storage.trash import Batch, Contents, Trash, new_batch

NOW = 1_800_000_000.25
DAY = 86_400


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(cache: Path) -> ObjectStore:
    return ObjectStore(f"{cache}/files/md5")


@pytest.fixture
def trash(cache: Path, store: ObjectStore) -> Trash:
    return Trash(str(cache), {"md5": store, "md5-dos2unix": LegacyStore(str(cache))})


def put(store: ObjectStore, *contents: bytes) -> list[str]:
    oids = [md5_bytes(content) for content in contents]
    with store.batch() as batch:
        for content, oid in zip(contents, oids, strict=True):
            batch.add_bytes(content, oid)
        batch.commit()
    return oids


def state(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_taken_and_brought_back(cache: Path, store: ObjectStore, trash: Trash) -> None:
    one, two = put(store, b"one", b"two")
    folder = store.write_manifest(make_manifest([("a", one)]))
    before = state(cache)
    batch = new_batch(NOW, 14, "/repo", "the workspace")
    trash.begin(batch)
    assert trash.take(batch, "md5", [one, folder]) == Contents(2, 3 + store_size(before, folder))
    assert list(store.oids()) == [two]
    assert trash.batches() == [batch]
    assert sorted(trash.objects(batch)) == sorted([("md5", one), ("md5", folder)])
    assert trash.find("md5", one) is not None
    restored = trash.restore(batch)
    assert (restored.moved.objects, restored.present) == (2, 0)
    assert state(cache) == before
    assert trash.batches() == []
    assert trash.find("md5", one) is None


def store_size(files: dict[str, bytes], oid: str) -> int:
    return len(files[f"files/md5/{oid[:2]}/{oid[2:]}"])


def test_a_manifest_leaves_first_and_comes_back_last(store: ObjectStore, trash: Trash, cache: Path) -> None:
    oids = put(store, *(b"%d" % number for number in range(20)))
    folder = store.write_manifest(make_manifest([(oid, oid) for oid in oids]))
    batch = new_batch(NOW, 14, "", "")
    trash.begin(batch)
    order: list[str] = []
    with watched_renames(order):
        trash.take(batch, "md5", [*oids, folder])
        taken = list(order)
        order.clear()
        trash.restore(batch)
    assert len(taken) == len(order) == 21
    assert taken[0].endswith(".dir")
    assert order[-1].endswith(".dir")


class watched_renames:
    """Note the names of files that are renamed in a block."""

    def __init__(self, into: list[str]) -> None:
        self._into = into

    def __enter__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        real = os.rename

        def rename(source: str, target: str) -> None:
            self._into.append(os.path.basename(source))
            real(source, target)

        self._patch.setattr(os, "rename", rename)

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


@pytest.mark.parametrize("stop_after", range(7))
@pytest.mark.parametrize("verb", ["take", "restore", "purge"])
def test_interrupted_anywhere_and_repeated(
    cache: Path, store: ObjectStore, trash: Trash, verb: str, stop_after: int
) -> None:
    """A command that ends after any number of renames and removals leaves each object whole, in one place."""
    oids = put(store, b"one", b"two", b"three")
    folder = store.write_manifest(make_manifest([("a", oids[0]), ("b", oids[1])]))
    everything = {*oids, folder}
    batch = new_batch(NOW, 14, "", "")
    trash.begin(batch)
    if verb != "take":
        trash.take(batch, "md5", sorted(everything))
    stopped = False
    try:
        with stopping_after(stop_after):
            run(trash, verb, batch, everything)
    except Stopped:
        stopped = True
    assert stopped == (stop_after < steps_of(verb))
    here, there = set(store.oids()), {oid for _, oid in trash.objects(batch)}
    assert not here & there
    if verb != "purge":
        assert here | there == everything
    if folder in here:
        assert set(oids[:2]) <= here  # a manifest in the cache says that its files are there
    run(trash, verb, batch, everything)
    assert set(store.oids()) == (everything if verb == "restore" else set())
    if verb == "take":
        trash.restore(batch)
        assert all(store.is_sound(oid) for oid in everything)
    assert trash.batches() == []


def run(trash: Trash, verb: str, batch: Batch, oids: Iterable[str]) -> None:
    if verb == "take":
        trash.take(batch, "md5", sorted(oids))
    elif verb == "restore":
        trash.restore(batch)
    else:
        trash.purge(batch)


def steps_of(verb: str) -> int:
    return 4 if verb == "take" else 5  # the record of an emptied batch is removed, too


class Stopped(Exception):
    """The process would have ended here."""


class stopping_after:
    """End a block at the step after so many renames and removals of files."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def __enter__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        for name in ("rename", "unlink"):
            self._patch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, real: Callable[..., None]) -> Callable[..., None]:
        def act(*arguments: str) -> None:
            if self._left == 0:
                raise Stopped
            self._left -= 1
            real(*arguments)

        return act

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


def test_what_was_stored_again_meanwhile_stays(store: ObjectStore, trash: Trash) -> None:
    (oid,) = put(store, b"content")
    batch = new_batch(NOW, 14, "", "")
    trash.begin(batch)
    trash.take(batch, "md5", [oid])
    put(store, b"content")
    restored = trash.restore(batch)
    assert (restored.moved.objects, restored.present, restored.quarantined) == (0, 1, ())
    assert store.is_sound(oid)


def test_a_damaged_object_in_the_way_goes_to_quarantine(store: ObjectStore, trash: Trash) -> None:
    (oid,) = put(store, b"content")
    batch = new_batch(NOW, 14, "", "")
    trash.begin(batch)
    trash.take(batch, "md5", [oid])
    Path(store.path_of(oid)).write_bytes(b"damaged")
    restored = trash.restore(batch)
    assert restored.moved.objects == 1
    assert store.is_sound(oid)
    assert [Path(path).read_bytes() for path in restored.quarantined] == [b"damaged"]


def test_grace(trash: Trash) -> None:
    batch = new_batch(NOW, 0.5, "", "")
    assert not batch.is_past_grace(NOW + DAY / 2 - 1)
    assert batch.is_past_grace(NOW + DAY / 2)
    assert new_batch(NOW, 0, "", "").is_past_grace(NOW)
    assert new_batch(NOW, 1, "", "").id < new_batch(NOW + 1, 1, "", "").id


def test_a_batch_without_its_record_is_not_purged_early(store: ObjectStore, trash: Trash, cache: Path) -> None:
    (oid,) = put(store, b"content")
    batch = new_batch(NOW, 0, "", "")
    trash.begin(batch)
    trash.take(batch, "md5", [oid])
    (cache / "trash" / batch.id / "batch.json").write_bytes(b"{")
    (found,) = trash.batches()
    assert found.id == batch.id
    assert not found.is_past_grace(os.stat(cache / "trash" / batch.id).st_mtime + 13 * DAY)
    assert trash.restore(found).moved.objects == 1


class WithoutMove:
    """A remote that cannot give an object another key: it has the verbs of `Remote` only."""

    def __init__(self, inner: LocalRemote) -> None:
        self.name, self.url = inner.name, inner.url
        self.check, self.exists, self.list = inner.check, inner.exists, inner.list
        self.put, self.get, self.delete = inner.put, inner.get, inner.delete


@pytest.fixture(params=["moves", "copies"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    (tmp_path / "remote").mkdir()
    local = LocalRemote("r", str(tmp_path / "remote"))
    made = local if request.param == "moves" else WithoutMove(local)
    assert isinstance(made, MovingRemote) == (request.param == "moves")
    return made


def send(remote: Remote, tmp_path: Path, content: bytes, algorithm: str = "md5") -> str:
    oid = md5_bytes(content)
    source = tmp_path / "source"
    source.write_bytes(content)
    remote.put(str(source), object_key(algorithm, oid), oid)
    return oid


def test_the_trash_of_a_remote(remote: Remote, tmp_path: Path) -> None:
    one, two = send(remote, tmp_path, b"one"), send(remote, tmp_path, b"two", "md5-dos2unix")
    before = state(tmp_path / "remote")
    trash = RemoteTrash(remote, jobs=4)
    batch = new_batch(NOW, 14, "/repo", "all tags")
    trash.begin(batch)
    assert trash.take(batch, "md5", [one, "0" * 32]).objects == 1
    assert trash.take(batch, "md5-dos2unix", [two]).objects == 1
    assert remote.exists([object_key("md5", one), object_key("md5-dos2unix", two)]) == set()
    assert trash.batches() == [batch]
    assert trash.contents(batch).objects == 2
    restored = trash.restore(batch)
    assert (restored.moved.objects, restored.present) == (2, 0)
    assert state(tmp_path / "remote") == before
    assert trash.batches() == []


def test_a_remote_object_that_came_again(remote: Remote, tmp_path: Path) -> None:
    good, bad = send(remote, tmp_path, b"good"), send(remote, tmp_path, b"bad")
    trash = RemoteTrash(remote)
    batch = new_batch(NOW, 14, "", "")
    trash.begin(batch)
    trash.take(batch, "md5", [good, bad])
    send(remote, tmp_path, b"good")
    source = tmp_path / "wrong"
    source.write_bytes(b"wrong")
    remote.put(str(source), object_key("md5", bad), None)
    restored = trash.restore(batch)
    assert (restored.moved.objects, restored.present) == (1, 1)
    (aside,) = restored.quarantined
    assert (tmp_path / "remote" / aside).read_bytes() == b"wrong"
    for oid, content in ((good, b"good"), (bad, b"bad")):
        assert (tmp_path / "remote" / object_key("md5", oid)).read_bytes() == content


def test_the_trash_of_a_remote_is_purged(remote: Remote, tmp_path: Path) -> None:
    one, two = send(remote, tmp_path, b"one"), send(remote, tmp_path, b"two")
    trash = RemoteTrash(remote)
    batch = new_batch(NOW, 14, "", "")
    trash.begin(batch)
    trash.take(batch, "md5", [one, two])
    assert trash.restore(batch, frozenset({("md5", two)})).moved.objects == 1
    assert trash.purge(batch).objects == 1
    assert set(state(tmp_path / "remote")) == {object_key("md5", two)}
