"""The contract of remotes as tests. Subclass in a pytest module, and provide the fixture `remote`.

    class TestMyRemote(RemoteContract):
        @pytest.fixture
        def remote(self, tmp_path):
            return MyRemote(…)

`remote` must be empty. What it holds must last as long as the test.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from siglum.core.errors import IntegrityError, NotFoundError
from siglum.storage.remotes.base import BulkRemote, Remote, Upload


def _key(oid: str) -> str:
    return f"files/md5/{oid[:2]}/{oid[2:]}"


def _write(folder: Path, data: bytes) -> tuple[str, str]:
    oid = hashlib.md5(data, usedforsecurity=False).hexdigest()
    path = folder / f"source-{oid}"
    path.write_bytes(data)
    return str(path), oid


class RemoteContract:
    """What every `Remote` must do."""

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
        assert list(remote.list("")) == []

    def test_wrong_bytes_are_not_sent(self, remote: Remote, tmp_path: Path) -> None:
        """A source that is not what its name says raises, and nothing is left on the remote."""
        source, _ = _write(tmp_path, b"damaged")
        wanted = "0" * 32
        with pytest.raises(IntegrityError):
            remote.put(source, _key(wanted), wanted)
        assert list(remote.list("")) == []

    def test_wrong_bytes_are_not_received(self, remote: Remote, tmp_path: Path) -> None:
        """An object that is not what its name says raises, and leaves no file."""
        source, _ = _write(tmp_path, b"damaged on the remote")
        wanted = "0" * 32
        remote.put(source, _key(wanted), None)
        with pytest.raises(IntegrityError):
            remote.get(_key(wanted), str(tmp_path / "target"), wanted)
        assert not (tmp_path / "target").exists()

    def test_a_manifest_is_hashed_without_its_suffix(self, remote: Remote, tmp_path: Path) -> None:
        """`<hex>.dir` is checked against the hex."""
        source, oid = _write(tmp_path, b"[]")
        remote.put(source, _key(f"{oid}.dir"), f"{oid}.dir")
        assert remote.get(_key(f"{oid}.dir"), str(tmp_path / "target"), f"{oid}.dir") == 2

    def test_put_again(self, remote: Remote, tmp_path: Path) -> None:
        """Putting over an existing key is allowed."""
        source, oid = _write(tmp_path, b"twice")
        assert remote.put(source, _key(oid), oid) == remote.put(source, _key(oid), oid) == 5
        assert list(remote.list("")) == [_key(oid)]

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
        assert len(list(remote.list(""))) == 20


class BulkRemoteContract(RemoteContract):
    """What a `BulkRemote` must do besides."""

    def test_many_at_once(self, remote: Remote, tmp_path: Path) -> None:
        """Each of many is reported, and one bad object does not keep the others back."""
        assert isinstance(remote, BulkRemote)
        good = [_write(tmp_path, b"good %d" % n) for n in range(10)]
        bad, _ = _write(tmp_path, b"bad")
        uploads = [Upload(path, _key(oid), oid) for path, oid in good]
        uploads[5:5] = [Upload(bad, _key("1" * 32), "1" * 32), Upload(f"{bad}-gone", _key("2" * 32), "2" * 32)]
        outcomes = remote.put_many(uploads)
        assert [size for size in outcomes if isinstance(size, int)] == [6] * 10
        assert isinstance(outcomes[5], IntegrityError)
        assert isinstance(outcomes[6], NotFoundError | FileNotFoundError)
        assert set(remote.list("")) == {_key(oid) for _, oid in good}
