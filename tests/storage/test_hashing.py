import hashlib
import os
import socket
from pathlib import Path

import pytest

from siglum.core.errors import ConflictError, InvalidInputError
from siglum.storage import hashing
from siglum.storage.hashing import FileHash, md5_file, md5_object, sha256_object


@pytest.mark.parametrize("size", [0, 1, 4096, (1 << 20) - 1, 1 << 20, (3 << 20) + 5])
def test_hashes_are_of_the_bytes_as_they_are(tmp_path: Path, size: int) -> None:
    data = (b"line\r\n" * (size // 6 + 1))[:size]
    path = tmp_path / "f"
    path.write_bytes(data)
    assert md5_file(str(path)) == FileHash(hashlib.md5(data).hexdigest(), size)
    assert md5_object(str(path)) == hashlib.md5(data).hexdigest()
    assert sha256_object(str(path)) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [1000, 3 << 20])
def test_a_file_that_changes_while_it_is_read_has_no_hash(tmp_path: Path, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * size)
    changed: list[bool] = []

    class ChangesTheFile:
        """A hasher during whose work somebody writes to the file."""

        def update(self, _: object) -> None:
            if not changed:
                changed.append(True)
                with path.open("ab") as file:
                    file.write(b"more")

        def hexdigest(self) -> str:
            return "0" * 32

    with pytest.raises(ConflictError, match=str(path)):
        hashing.hash_file(str(path), ChangesTheFile())
    assert changed


def test_another_name_of_a_file_that_comes_while_it_is_read_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 1000)

    class LinksTheFile:
        """A hasher during whose work somebody links the file elsewhere, which sets its ctime."""

        def update(self, _: object) -> None:
            os.link(path, tmp_path / "other")

        def hexdigest(self) -> str:
            return "0" * 32

    assert hashing.hash_file(str(path), LinksTheFile())[0].size == 1000


def test_what_is_not_a_file_is_named_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "broken").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    for name, word in (("fifo", "FIFO"), ("broken", "nowhere"), ("socket", "socket")):
        with pytest.raises(InvalidInputError, match=f"{name}.*{word}"):
            md5_file(str(tmp_path / name))
    with pytest.raises(IsADirectoryError):
        md5_file(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        md5_file(str(tmp_path / "gone"))
