import errno
import os
from pathlib import Path

import pytest

from siglum.core.errors import InvalidInputError
from siglum.storage import links
from siglum.storage.links import DEFAULT_TYPES, LinkType, parse_link_types, place


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "object"
    path.write_bytes(b"content")
    path.chmod(0o444)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "work/deep/file"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_parsing() -> None:
    assert parse_link_types(None) == DEFAULT_TYPES == (LinkType.REFLINK, LinkType.COPY)
    assert parse_link_types("hardlink, copy") == (LinkType.HARDLINK, LinkType.COPY)
    assert parse_link_types(["symlink"]) == (LinkType.SYMLINK,)
    with pytest.raises(InvalidInputError, match="'hard'"):
        parse_link_types("hard,copy")


@pytest.mark.parametrize("kind", LinkType)
def test_each_type_replaces_what_was_there(stored: Path, target: Path, kind: LinkType) -> None:
    actual = place(str(stored), str(target), (kind, LinkType.COPY))
    assert target.read_bytes() == b"content"
    place(str(stored), str(target), (kind, LinkType.COPY))  # over itself
    target.unlink()
    target.write_bytes(b"old")
    place(str(stored), str(target), (kind, LinkType.COPY))
    assert target.read_bytes() == b"content"
    assert os.listdir(target.parent) == ["file"]
    if kind in (LinkType.HARDLINK, LinkType.SYMLINK):
        assert actual is kind
        assert target.samefile(stored)
        assert mode(target) == 0o444
    else:
        assert actual in (kind, LinkType.COPY)
        assert not target.samefile(stored)
        assert mode(target) == 0o666 & ~_umask()
    assert target.is_symlink() == (kind is LinkType.SYMLINK)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("kind", LinkType)
def test_executables_get_the_owners_bit_and_objects_keep_their_mode(stored: Path, target: Path, kind: LinkType) -> None:
    place(str(stored), str(target), (kind, LinkType.COPY), executable=True)
    assert mode(target) == 0o766 & ~_umask()
    assert mode(stored) == 0o444


def test_empty_files_are_never_links(stored: Path, target: Path) -> None:
    stored.chmod(0o644)
    stored.write_bytes(b"")
    for kind in (LinkType.HARDLINK, LinkType.SYMLINK):
        assert place(str(stored), str(target), (kind,)) is LinkType.COPY
        assert not target.samefile(stored)


def test_a_type_that_does_not_work_is_followed_by_the_next(
    stored: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def other_file_system(source: str, name: str) -> None:
        tried.append(name)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", other_file_system)
    assert place(str(stored), str(target), (LinkType.HARDLINK, LinkType.SYMLINK)) is LinkType.SYMLINK
    assert tried
    with pytest.raises(OSError, match="cross-device"):
        place(str(stored), str(target), (LinkType.HARDLINK,))
    assert target.is_symlink()


def test_a_failed_copy_leaves_the_users_file(stored: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target.parent.mkdir(parents=True)
    target.write_bytes(b"mine")
    failed = []

    def full(fd: int, data: bytes) -> None:
        failed.append(fd)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(links, "write_all", full)
    with pytest.raises(OSError, match="No space"):
        place(str(stored), str(target), (LinkType.COPY,))
    assert failed
    assert target.read_bytes() == b"mine"
    assert os.listdir(target.parent) == ["file"]
