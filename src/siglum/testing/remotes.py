"""The contract of remotes as tests. Subclass in a pytest module, and provide the fixture `remote`.

    class TestMyRemote(RemoteContract):
        @pytest.fixture
        def remote(self, tmp_path):
            return MyRemote(…)

`remote` must be empty. What it holds must last as long as the test. A place that cannot say what it has sets
`can_list = False`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from siglum.core.errors import IntegrityError, InvalidInputError, NotFoundError, NotSupportedError
from siglum.storage.manifest import make_manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.base import BulkRemote, Download, RangedRemote, Remote, Upload
from siglum.storage.remotes.moving import move
from siglum.storage.transfer import plan_fetch, plan_push, run_transfer


def _key(oid: str) -> str:
    return f"files/md5/{oid[:2]}/{oid[2:]}"


def _write(folder: Path, data: bytes) -> tuple[str, str]:
    oid = hashlib.md5(data, usedforsecurity=False).hexdigest()
    path = folder / f"source-{oid}"
    path.write_bytes(data)
    return str(path), oid


class RemoteContract:
    """What every `Remote` must do."""

    can_list = True

    @pytest.fixture
    def remote(self) -> Remote:
        """Return an empty remote."""
        raise TypeError("A subclass of RemoteContract provides the fixture 'remote'.")

    @pytest.mark.parametrize("size", [0, 1, 4096, (1 << 20) - 1, 1 << 20, (3 << 20) + 7])
    def test_what_is_put_is_got(self, remote: Remote, tmp_path: Path, size: int) -> None:
        """Bytes of every size come back, and sizes are reported."""
        data = bytes(i % 251 for i in range(1000)) * (size // 1000 + 1)
        source, oid = _write(tmp_path, data[:size])
        assert remote.put(source, _key(oid), oid) == size
        target = tmp_path / "target"
        assert remote.get(_key(oid), str(target), oid) == size
        assert target.read_bytes() == data[:size]

    def test_an_object_gets_another_key(self, remote: Remote, tmp_path: Path) -> None:
        """An object moves to another key with its bytes, over what is there; one that is not there is named."""
        source, oid = _write(tmp_path, b"moved")
        other, other_oid = _write(tmp_path, b"replaced")
        remote.put(source, _key(oid), oid)
        remote.put(other, "siglum-trash/batch/md5/x", other_oid)
        move(remote, _key(oid), "siglum-trash/batch/md5/x")
        assert remote.exists([_key(oid), "siglum-trash/batch/md5/x"]) == {"siglum-trash/batch/md5/x"}
        remote.get("siglum-trash/batch/md5/x", str(tmp_path / "target"), oid)
        with pytest.raises(NotFoundError):
            move(remote, _key(oid), "siglum-trash/batch/md5/y")

    def test_exists_and_list(self, remote: Remote, tmp_path: Path) -> None:
        """Keys are found, also among many, and listed below a prefix."""
        oids = []
        for n in range(3):
            source, oid = _write(tmp_path, b"%d" % n)
            remote.put(source, _key(oid), oid)
            oids.append(oid)
        absent = [hashlib.md5(b"absent %d" % n, usedforsecurity=False).hexdigest() for n in range(1000)]
        keys = {_key(oid) for oid in oids}
        assert remote.exists([*keys, _key(absent[0])]) == keys
        assert remote.exists([*keys, *map(_key, absent)]) == keys
        assert remote.exists([]) == set()
        if not self.can_list:
            with pytest.raises(NotSupportedError):
                list(remote.list(""))
            return
        assert set(remote.list("")) == keys
        assert set(remote.list("files/md5/")) == keys
        assert set(remote.list(f"files/md5/{oids[0][:2]}")) == {k for k in keys if k.split("/")[2] == oids[0][:2]}

    def test_a_missing_key(self, remote: Remote, tmp_path: Path) -> None:
        """Getting what is not there says so and leaves no file; deleting it is nothing."""
        source, oid = _write(tmp_path, b"there")
        remote.put(source, _key(oid), oid)
        key = _key("0" * 32)
        with pytest.raises(NotFoundError):
            remote.get(key, str(tmp_path / "target"), None)
        assert not (tmp_path / "target").exists()
        remote.delete(key)
        remote.delete(_key(oid))
        assert remote.exists([_key(oid)]) == set()
        self.holds(remote, [], [_key(oid)])

    def test_wrong_bytes_are_not_sent(self, remote: Remote, tmp_path: Path) -> None:
        """A source that is not what its name says raises, and nothing is left on the remote."""
        source, _ = _write(tmp_path, b"damaged")
        wanted = "0" * 32
        with pytest.raises(IntegrityError):
            remote.put(source, _key(wanted), wanted)
        self.holds(remote, [], [_key(wanted)])

    def test_wrong_bytes_are_not_received(self, remote: Remote, tmp_path: Path) -> None:
        """An object that is not what its name says raises, and leaves no file."""
        source, _ = _write(tmp_path, b"damaged on the remote")
        wanted = "0" * 32
        remote.put(source, _key(wanted), None)
        with pytest.raises(IntegrityError):
            remote.get(_key(wanted), str(tmp_path / "target"), wanted)
        assert not (tmp_path / "target").exists()

    def test_parts(self, remote: Remote, tmp_path: Path) -> None:
        """A remote that offers parts gives those that were asked for, to the end and not beyond it."""
        if not isinstance(remote, RangedRemote):
            return
        source, oid = _write(tmp_path, b"0123456789")
        key = _key(oid)
        remote.put(source, key, oid)
        assert remote.size_of(key) == 10
        assert remote.size_of(_key("0" * 32)) is None
        for start, length in ((0, 10), (3, 4), (9, 1), (6, 4)):
            assert remote.get_range(key, start, length) == b"0123456789"[start : start + length]
        assert remote.get_range(key, 8, 100) == b"89"
        with pytest.raises(NotFoundError):
            remote.get_range(_key("0" * 32), 0, 1)

    def test_a_manifest_is_hashed_without_its_suffix(self, remote: Remote, tmp_path: Path) -> None:
        """`<hex>.dir` is checked against the hex."""
        source, oid = _write(tmp_path, b"[]")
        remote.put(source, _key(f"{oid}.dir"), f"{oid}.dir")
        assert remote.get(_key(f"{oid}.dir"), str(tmp_path / "target"), f"{oid}.dir") == 2

    def test_put_again(self, remote: Remote, tmp_path: Path) -> None:
        """Putting over an existing key is allowed."""
        source, oid = _write(tmp_path, b"twice")
        assert remote.put(source, _key(oid), oid) == remote.put(source, _key(oid), oid) == 5
        self.holds(remote, [_key(oid)])

    def test_several_threads(self, remote: Remote, tmp_path: Path) -> None:
        """Eight threads put and get at once, also the same key."""
        items = [_write(tmp_path, b"%d" % (n % 20)) for n in range(60)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda item: remote.put(item[0], _key(item[1]), item[1]), items))
            targets = [str(tmp_path / f"target-{n}") for n in range(60)]
            list(
                pool.map(
                    lambda pair: remote.get(_key(pair[0][1]), pair[1], pair[0][1]), zip(items, targets, strict=True)
                )
            )
        assert [Path(target).read_bytes() for target in targets] == [b"%d" % (n % 20) for n in range(60)]
        self.holds(remote, [_key(oid) for _, oid in items])

    def test_good_and_bad_uploads_of_one_key_at_once(self, remote: Remote, tmp_path: Path) -> None:
        """However they fall together, the key holds the right bytes, and nothing else is left."""
        good, oid = _write(tmp_path, b"right" * 5000)
        bad, _ = _write(tmp_path, b"wrong" * 5000)

        def put(n: int) -> int | IntegrityError:
            try:
                return remote.put(bad if n % 2 else good, _key(oid), oid)
            except IntegrityError as e:
                return e

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(put, range(16)))
        assert [outcome == 25_000 for outcome in outcomes] == [n % 2 == 0 for n in range(16)]
        self.holds(remote, [_key(oid)])
        assert remote.get(_key(oid), str(tmp_path / "target"), oid) == 25_000

    def test_an_empty_object_and_odd_names(self, remote: Remote, tmp_path: Path) -> None:
        """No byte at all is content, too; keys of the run cache are no hashes of what they hold."""
        source, oid = _write(tmp_path, b"")
        for key in (_key(oid), f"runs/ab/{'ab' * 32}/{'cd' * 32}"):
            assert remote.put(source, key, None) == 0
            assert remote.get(key, str(tmp_path / f"target-{key[:4]}"), None) == 0
        if self.can_list:
            assert set(remote.list("runs")) == {f"runs/ab/{'ab' * 32}/{'cd' * 32}"}

    def test_a_key_that_is_none(self, remote: Remote, tmp_path: Path) -> None:
        """A key cannot lead out of the remote."""
        source, oid = _write(tmp_path, b"x")
        for key in ("../x", "files/../../x", "a//b", "/x", "files/./x"):
            with pytest.raises(InvalidInputError):
                remote.put(source, key, oid)
            with pytest.raises(InvalidInputError):
                remote.get(key, str(tmp_path / "target"), oid)

    def test_an_interrupted_transfer_goes_on(self, remote: Remote, tmp_path: Path) -> None:
        """What arrived before is not sent again; the manifest is sent last; a second push has nothing to do."""
        cache = ObjectStore(str(tmp_path / "cache/files/md5"))
        data = [b"part %d" % n for n in range(20)]
        with cache.batch() as batch:
            for each in data:
                batch.add_bytes(each, hashlib.md5(each, usedforsecurity=False).hexdigest())
            batch.commit()
        manifest = make_manifest(
            [(f"f{n}", hashlib.md5(each, usedforsecurity=False).hexdigest()) for n, each in enumerate(data)]
        )
        cache.write_manifest(manifest)
        for entry in manifest.entries[:12]:
            remote.put(cache.path_of(entry.oid), _key(entry.oid), entry.oid)
        plan = plan_push([manifest.oid], cache, remote)
        assert plan.oids == (*sorted(entry.oid for entry in manifest.entries[12:]), manifest.oid)
        assert len(run_transfer(plan).moved) == 9
        assert plan_push([manifest.oid], cache, remote).oids == ()
        other = ObjectStore(str(tmp_path / "other/files/md5"))
        assert run_transfer(plan_fetch([manifest.oid], other, remote)).failures == ()
        assert set(other.oids()) == set(cache.oids())
        assert all(other.is_sound(oid) for oid in other.oids())

    def holds(self, remote: Remote, keys: Iterable[str], absent: Sequence[str] = ()) -> None:
        """Assert that a remote has these keys and no other; where it cannot list, that it lacks those of `absent`."""
        wanted = set(keys)
        assert remote.exists([*wanted, *absent]) == wanted
        if self.can_list:
            assert set(remote.list("")) == wanted


class BulkRemoteContract(RemoteContract):
    """What a `BulkRemote` must do besides."""

    @pytest.mark.parametrize("jobs", [None, 1, 4])
    def test_many_at_once(self, remote: Remote, tmp_path: Path, jobs: int | None) -> None:
        """Each of many is reported, and one bad object does not keep the others back."""
        assert isinstance(remote, BulkRemote)
        good = [_write(tmp_path, b"good %d" % n) for n in range(10)]
        bad, _ = _write(tmp_path, b"bad")
        uploads = [Upload(path, _key(oid), oid) for path, oid in good]
        uploads[5:5] = [Upload(bad, _key("1" * 32), "1" * 32), Upload(f"{bad}-gone", _key("2" * 32), "2" * 32)]
        outcomes = remote.put_many(uploads, jobs)
        assert [size for size in outcomes if isinstance(size, int)] == [6] * 10
        assert isinstance(outcomes[5], IntegrityError)
        assert isinstance(outcomes[6], NotFoundError | FileNotFoundError)
        self.holds(remote, [_key(oid) for _, oid in good], [_key("1" * 32), _key("2" * 32)])

    @pytest.mark.parametrize("jobs", [None, 1, 4])
    def test_many_come_at_once(self, remote: Remote, tmp_path: Path, jobs: int | None) -> None:
        """Each of many is reported; nothing is left under the target of what is missing or damaged."""
        assert isinstance(remote, BulkRemote)
        good = [_write(tmp_path, b"good %d" % n) for n in range(10)]
        bad, _ = _write(tmp_path, b"bad")
        remote.put_many([Upload(path, _key(oid), oid) for path, oid in good])
        remote.put(bad, _key("1" * 32), None)
        folder = tmp_path / "targets"
        folder.mkdir()
        wanted = [*(oid for _, oid in good[:5]), "1" * 32, "2" * 32, *(oid for _, oid in good[5:])]
        outcomes = remote.get_many([Download(_key(oid), f"{folder}/{oid}", oid) for oid in wanted], jobs)
        assert [size for size in outcomes if isinstance(size, int)] == [6] * 10
        assert isinstance(outcomes[5], IntegrityError)
        assert isinstance(outcomes[6], NotFoundError)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
            oid: Path(path).read_bytes() for path, oid in good
        }
        assert list(remote.put_many([])) == list(remote.get_many([])) == []
