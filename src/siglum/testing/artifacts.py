"""The contract of artifact stores as tests. Subclass in a pytest module, and provide the fixture `artifacts`.

    class TestMyArtifacts(ArtifactStoreContract):
        @pytest.fixture
        def artifacts(self, tmp_path):
            return MyArtifactStore(…)

`artifacts` must be empty.
"""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from siglum.core.errors import InvalidInputError, NotFoundError, SiglumError
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactStore

BAD_PATHS = (
    "", ".", "..", "/", "/etc/passwd", "//host/share", "a/", "/a", "a//b", "a/./b", "a/../b", "../a", "./a", "a/..",
    "a\\b", "..\\a", "\\\\host\\share", "a\0b", "a\nb", "a\rb", "a\x1bb", "a\x7fb",
    "%2e%2e/a", "%2e%2e%2fa", "%252e%252e%252fa", "a%2fb", "a%5cb", "a%00b", "%c0%ae%c0%ae%2fa", "a%0d%0ab",
    "C:", "C:/a", "C:a", "file:", "file:/a", "FILE:/a", "file:///etc/passwd", "file://localhost/etc/passwd",
    "dbfs:/a", "http://host/a", "s3://bucket/a", "~", "~/a", "~root/a", "a#b", "#/../../a", "a%23b",
    "a/" * 300 + "b", "x" * 5_000, "x" * 256, "\udcff", "．．/a", "a／b", "a＼b", "․․/a",
)  # fmt: skip

ODD_PATHS = (
    "a b", " a", "a ", "-a", "a;b", "a?b", "a%b", "95%.png", "a&b=c", "$(a)", "`a`", "a'b\"c", "*",
    "äöü/naïve 文件.txt", "...", ".hidden", "run:b", "a..b", "CON", "x" * 255, "a/b/c/d/e/f/g/h",
)  # fmt: skip


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class ArtifactStoreContract:
    """What every `ArtifactStore` must do."""

    @pytest.fixture
    def artifacts(self) -> ArtifactStore:
        """Return an empty store."""
        raise TypeError("A subclass of ArtifactStoreContract provides the fixture 'artifacts'.")

    @pytest.mark.parametrize("size", [0, 1, 8191, 1 << 20, (8 << 20) + 1])
    def test_what_is_put_is_read(self, artifacts: ArtifactStore, tmp_path: Path, size: int) -> None:
        """Bytes of every size come back, from a stream and from a file."""
        data = (bytes(range(256)) * (size // 256 + 1))[:size]
        entry = artifacts.put("a/stream", io.BytesIO(data))
        assert (entry.path, entry.is_dir, entry.size) == ("a/stream", False, size)
        assert entry.sha256 in (_sha256(data), None)
        (tmp_path / "source").write_bytes(data)
        assert artifacts.put_file("a/file", str(tmp_path / "source")).size == size
        for path in ("a/stream", "a/file"):
            with artifacts.open(path) as file:
                assert file.read() == data
            artifacts.get_file(path, str(tmp_path / "target"))
            assert (tmp_path / "target").read_bytes() == data
            (tmp_path / "target").unlink()
            assert artifacts.stat(path).size == size

    def test_reading_in_pieces(self, artifacts: ArtifactStore) -> None:
        """A reader can be read in small pieces, and closed early."""
        artifacts.put("a", io.BytesIO(b"0123456789" * 1_000_000))
        with artifacts.open("a") as file:
            assert file.read(4) == b"0123"
        with artifacts.open("a") as file:
            total = 0
            while block := file.read(65_536):
                total += len(block)
            assert total == 10_000_000

    def test_folders(self, artifacts: ArtifactStore) -> None:
        """A folder lists what is directly in it, by name; a file or nothing lists as nothing."""
        for path in ("b", "a/2", "a/1", "a/c/3"):
            artifacts.put(path, io.BytesIO(path.encode()))
        assert [(e.path, e.is_dir) for e in artifacts.list()] == [("a", True), ("b", False)]
        assert [(e.path, e.is_dir, e.size) for e in artifacts.list("a")] == [
            ("a/1", False, 3),
            ("a/2", False, 3),
            ("a/c", True, None),
        ]
        assert list(artifacts.list("b")) == list(artifacts.list("nothing/here")) == []
        assert artifacts.stat("a") == ArtifactEntry(path="a", is_dir=True)

    def test_replace(self, artifacts: ArtifactStore) -> None:
        """Putting again replaces, the same content too."""
        for data in (b"old", b"new!", b"new!"):
            artifacts.put("a/b", io.BytesIO(data))
        with artifacts.open("a/b") as file:
            assert file.read() == b"new!"
        assert [(e.path, e.size) for e in artifacts.list("a")] == [("a/b", 4)]

    def test_same_content_under_two_paths(self, artifacts: ArtifactStore) -> None:
        """Deleting or replacing one of two paths with the same content leaves the other."""
        for path in ("a", "b", "c"):
            artifacts.put(path, io.BytesIO(b"same"))
        artifacts.delete("a")
        artifacts.put("b", io.BytesIO(b"other"))
        with artifacts.open("c") as file:
            assert file.read() == b"same"

    def test_delete(self, artifacts: ArtifactStore) -> None:
        """A file or a whole folder goes, its neighbours stay; what is not there is nothing."""
        for path in ("ab", "a/1", "a/c/2", "d"):
            artifacts.put(path, io.BytesIO(b"x"))
        artifacts.delete("a")
        artifacts.delete("d")
        artifacts.delete("d")
        artifacts.delete("never/was")
        assert [e.path for e in artifacts.list()] == ["ab"]
        for path in ("a", "a/1", "d"):
            with pytest.raises(NotFoundError):
                artifacts.stat(path)
            with pytest.raises(NotFoundError), artifacts.open(path):
                pass

    def test_missing(self, artifacts: ArtifactStore, tmp_path: Path) -> None:
        """What is not there, or is a folder, cannot be read, and leaves no file."""
        artifacts.put("folder/file", io.BytesIO(b"x"))
        for path in ("nothing", "folder/nothing", "folder/file/below", "folder"):
            with pytest.raises(NotFoundError), artifacts.open(path):
                pass
            with pytest.raises(NotFoundError):
                artifacts.get_file(path, str(tmp_path / "target"))
            assert not (tmp_path / "target").exists()

    def test_file_and_folder_do_not_share_a_path(self, artifacts: ArtifactStore) -> None:
        """A file cannot be put where a folder is, or below a file; what was there stays."""
        artifacts.put("a/b", io.BytesIO(b"x"))
        for path in ("a", "a/b/c"):
            with pytest.raises(SiglumError):
                artifacts.put(path, io.BytesIO(b"y"))
        with artifacts.open("a/b") as file:
            assert file.read() == b"x"

    @pytest.mark.parametrize("path", BAD_PATHS, ids=lambda path: ascii(path)[1:40])
    def test_bad_paths(self, artifacts: ArtifactStore, tmp_path: Path, path: str) -> None:
        """A path that cannot be one is refused by every method, before anything else is looked at."""
        (tmp_path / "source").write_bytes(b"x")
        with pytest.raises(InvalidInputError):
            artifacts.put(path, io.BytesIO(b"x"))
        with pytest.raises(InvalidInputError):
            artifacts.put_file(path, str(tmp_path / "source"))
        with pytest.raises(InvalidInputError), artifacts.open(path):
            pass
        with pytest.raises(InvalidInputError):
            artifacts.get_file(path, str(tmp_path / "target"))
        with pytest.raises(InvalidInputError):
            artifacts.stat(path)
        with pytest.raises(InvalidInputError):
            artifacts.delete(path)
        if path:
            with pytest.raises(InvalidInputError):
                artifacts.list(path)
        assert list(artifacts.list()) == []
        assert not (tmp_path / "target").exists()

    @pytest.mark.parametrize("path", ODD_PATHS, ids=lambda path: ascii(path)[1:40])
    def test_odd_paths(self, artifacts: ArtifactStore, path: str) -> None:
        """Names that are odd but mean only themselves work."""
        artifacts.put(path, io.BytesIO(path.encode()))
        with artifacts.open(path) as file:
            assert file.read() == path.encode()
        folder, _, _ = path.rpartition("/")
        assert [e.path for e in artifacts.list(folder)] == [path]
        artifacts.delete(path)
        assert list(artifacts.list(folder)) == []

    def test_a_source_that_fails_leaves_nothing(self, artifacts: ArtifactStore) -> None:
        """When the source breaks off, the old content stays."""

        class Broken(io.BytesIO):
            def read(self, _size: int | None = -1, /) -> bytes:
                if self.tell() > 0:
                    raise ConnectionResetError("the sender went away")
                return super().read(10)

        artifacts.put("a", io.BytesIO(b"old"))
        for path in ("a", "b"):
            with pytest.raises(ConnectionResetError):
                artifacts.put(path, Broken(b"x" * 100))
        assert [e.path for e in artifacts.list()] == ["a"]
        with artifacts.open("a") as file:
            assert file.read() == b"old"

    def test_several_threads(self, artifacts: ArtifactStore) -> None:
        """Writers of different paths, and of one, do not disturb each other."""

        def write(n: int) -> None:
            artifacts.put(f"run/{n % 10}/file{n}", io.BytesIO(b"%d" % (n % 7)))
            artifacts.put("run/shared", io.BytesIO(b"%d" % n * 1000))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(40)))
        for n in range(40):
            with artifacts.open(f"run/{n % 10}/file{n}") as file:
                assert file.read() == b"%d" % (n % 7)
        with artifacts.open("run/shared") as file:
            data = file.read()
        assert data in {b"%d" % n * 1000 for n in range(40)}
