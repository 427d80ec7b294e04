"""DVC 2's hash and place of objects; and their way to DVC 3's."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from siglum.core.errors import IntegrityError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.storage.hashing import md5_bytes
from siglum.storage.index import StatIndex
from siglum.storage.legacy import LegacyStore, legacy_hash_of, legacy_md5_file, looks_like_text
from siglum.storage.links import LinkType
from siglum.storage.migration import migrate_objects
from siglum.storage.objects import ObjectStore

BLOCK = 1 << 20


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (b"", True),
        (b"plain\r\n", True),
        (b"a\0b", False),
        (b"\xff" * 153 + b"a" * 359, True),  # 29.9 % are odd
        (b"\xff" * 154 + b"a" * 358, False),  # 30.1 %
        (b"a" * 512 + b"\0", True),  # only the beginning counts
        (b"\t\n\r\f\b", True),
    ],
)
def test_what_is_text(block: bytes, text: bool) -> None:
    assert looks_like_text(block) == text


@pytest.mark.parametrize(
    ("content", "hashed"),
    [
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"a\rb\n", b"a\rb\n"),
        (b"\0\r\n", b"\0\r\n"),
        (b"x" * (BLOCK - 1) + b"\r\n", b"x" * (BLOCK - 1) + b"\r\n"),  # split between two blocks
        (b"\0" + b"x" * (BLOCK - 1) + b"\r\n", b"\0" + b"x" * (BLOCK - 1) + b"\n"),  # each block for itself
    ],
)
def test_the_hash(tmp_path: Path, content: bytes, hashed: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    found = legacy_md5_file(str(path))
    assert found.oid == md5_bytes(hashed)
    assert found.size == len(content)


def test_both_hashes_of_a_file_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a\r\n")
    os.utime(path, (1, 1))
    index = StatIndex(str(tmp_path / "index"))
    status = os.stat(path)
    index.put_fact(b"x" * 40, "0" * 32)
    assert legacy_hash_of(str(path), index) == md5_bytes(b"a\n")
    assert index.get(status) is None  # DVC 3's hash is another
    index.put(status, md5_bytes(b"a\r\n"), status.st_ctime_ns + 10**10)
    index.save()
    again = StatIndex(str(tmp_path / "index"))
    assert again.get(status) == md5_bytes(b"a\r\n")
    assert legacy_hash_of(str(path), again) == md5_bytes(b"a\n")


def test_a_data_hash_says_how_it_was_made() -> None:
    assert str(DataHash("0" * 32, legacy=True)) == f"md5-dos2unix:{'0' * 32}"
    assert DataHash.parse(f"md5-dos2unix:{'0' * 32}.dir") == DataHash(f"{'0' * 32}.dir", legacy=True)
    assert DataHash("0" * 32, legacy=True) != DataHash("0" * 32)


@pytest.fixture
def old(tmp_path: Path) -> LegacyStore:
    return LegacyStore(str(tmp_path / "cache"))


def put(store: LegacyStore, content: bytes, hashed: bytes) -> str:
    oid = hashlib.md5(hashed).hexdigest()
    path = Path(store.path_of(oid))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)
    return oid


def test_objects_are_verified_by_their_own_hash(old: LegacyStore, tmp_path: Path) -> None:
    oid = put(old, b"a\r\n", b"a\n")
    assert old.is_sound(oid)
    assert list(old.oids()) == [oid]
    old.place(oid, str(tmp_path / "placed"), (LinkType.COPY,))
    assert (tmp_path / "placed").read_bytes() == b"a\r\n"
    Path(old.path_of(oid)).chmod(0o644)
    Path(old.path_of(oid)).write_bytes(b"b\r\n")
    with pytest.raises(IntegrityError, match=oid):
        old.place(oid, str(tmp_path / "placed"), (LinkType.COPY,))
    assert (tmp_path / "placed").read_bytes() == b"a\r\n"
    assert (tmp_path / "cache/quarantine" / oid).read_bytes() == b"b\r\n"
    with pytest.raises(NotFoundError):
        old.verify(oid)


def test_migration_gives_second_names_and_leaves_damage_alone(old: LegacyStore, tmp_path: Path) -> None:
    new = ObjectStore(f"{old.root}/files/md5")
    text, plain, bad = put(old, b"a\r\n", b"a\n"), put(old, b"same", b"same"), put(old, b"wrong", b"right")
    done = migrate_objects(old, new, sorted(old.oids()), dry=True)
    assert list(new.oids()) == []
    assert done == migrate_objects(old, new, sorted(old.oids()))
    assert done.names == {text: md5_bytes(b"a\r\n"), plain: md5_bytes(b"same")}
    assert set(done.added) == set(done.names.values())
    assert done.damaged == (bad,)
    assert set(new.oids()) == set(done.added)
    assert all(new.is_sound(oid) for oid in new.oids())
    assert os.path.samefile(old.path_of(text), new.path_of(done.names[text]))
    assert migrate_objects(old, new, sorted(old.oids())).added == ()
