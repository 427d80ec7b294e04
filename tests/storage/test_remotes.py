import os
from pathlib import Path

import pytest

from siglum.core.errors import NotSupportedError, UnavailableError
from siglum.storage.remotes import Remote, open_remote
from siglum.testing.remotes import BulkRemoteContract


class TestLocalRemote(BulkRemoteContract):
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Remote:
        (tmp_path / "remote").mkdir()
        return open_remote("r", str(tmp_path / "remote"))


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(NotSupportedError, match="type s4://"):
        open_remote("r", "s4://bucket/path", {})


def test_an_option_is_not_ignored(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match="version_aware"):
        open_remote("r", str(tmp_path), {"version_aware": "true"})


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    assert open_remote("r", f"file://{tmp_path}").url == str(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    remote = open_remote("r", str(tmp_path / "gone" / "remote"))
    for call in (
        remote.check,
        lambda: remote.exists(["files/md5/aa/b"]),
        lambda: list(remote.list("")),
        lambda: remote.get("files/md5/aa/b", str(tmp_path / "t"), None),
        lambda: remote.put(str(tmp_path / "f"), "files/md5/aa/b", None),
    ):
        with pytest.raises(UnavailableError, match="'r'"):
            call()
    assert not (tmp_path / "gone").exists()


def test_the_first_put_makes_the_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    remote = open_remote("r", str(tmp_path / "remote"))
    assert remote.exists(["files/md5/9d/d4e461268c8034f5c8564e155c67a6"]) == set()
    with pytest.raises(UnavailableError):
        remote.check()
    remote.put(str(tmp_path / "f"), "files/md5/9d/d4e461268c8034f5c8564e155c67a6", "9dd4e461268c8034f5c8564e155c67a6")
    remote.check()
    stored = tmp_path / "remote/files/md5/9d/d4e461268c8034f5c8564e155c67a6"
    assert os.stat(stored).st_mode & 0o777 == 0o444


@pytest.mark.parametrize("in_the_way", ["file", "dead link"])
def test_something_else_is_in_its_place(tmp_path: Path, in_the_way: str) -> None:
    (tmp_path / "f").write_bytes(b"x")
    place = tmp_path / "remote"
    if in_the_way == "file":
        place.write_text("a file")
    else:
        place.symlink_to(tmp_path / "unplugged")
    remote = open_remote("r", str(place))
    for call in (
        lambda: remote.exists(["files/md5/aa/b"]),
        lambda: remote.put(str(tmp_path / "f"), "files/md5/9d/b", None),
    ):
        with pytest.raises(UnavailableError, match="is not a folder"):
            call()
