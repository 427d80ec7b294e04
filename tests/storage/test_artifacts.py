import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from siglum.core.errors import IntegrityError, InvalidInputError, NotFoundError
from siglum.storage.artifacts import reading
from siglum.storage.artifacts.base import ArtifactLayout, ArtifactStore
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.storage.artifacts.paths import parse_artifact_path
from siglum.testing.artifacts import ArtifactStoreContract


class Records:
    """An artifact index in memory."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, str]] = {}

    def record(self, path: str, size: int, sha256: str) -> None:
        self.files[path] = (size, sha256)

    def get(self, path: str) -> tuple[int, str] | None:
        return self.files.get(path)

    def get_many(self, paths: Sequence[str]) -> dict[str, tuple[int, str]]:
        return {path: self.files[path] for path in paths if path in self.files}

    def remove(self, path_prefix: str) -> None:
        below = [path for path in self.files if path == path_prefix or path.startswith(f"{path_prefix}/")]
        for path in below:
            del self.files[path]


class TestWithIndex(ArtifactStoreContract):
    @pytest.fixture
    def artifacts(self, tmp_path: Path) -> ArtifactStore:
        return LocalArtifactStore(str(tmp_path / "artifacts"), Records())


class TestWithoutIndex(ArtifactStoreContract):
    @pytest.fixture
    def artifacts(self, tmp_path: Path) -> ArtifactStore:
        return LocalArtifactStore(str(tmp_path / "artifacts"))


class TestPlain(ArtifactStoreContract):
    @pytest.fixture
    def artifacts(self, tmp_path: Path) -> ArtifactStore:
        return LocalArtifactStore(str(tmp_path / "artifacts"), Records(), ArtifactLayout.PLAIN)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def store(root: Path) -> LocalArtifactStore:
    return LocalArtifactStore(str(root), Records())


def object_path(root: Path, data: bytes) -> Path:
    sha256 = hashlib.sha256(data).hexdigest()
    return root / ".objects/sha256" / sha256[:2] / sha256[2:]


def files_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def read_to_the_end(store: LocalArtifactStore, delivered: list[bytes]) -> None:
    with store.open("a") as file:
        while block := file.read(65_536):
            delivered.append(block)


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def test_one_copy_for_equal_contents(store: LocalArtifactStore, root: Path) -> None:
    store.put("a/1", io.BytesIO(b"same"))
    store.put("b/2", io.BytesIO(b"same"))
    shared = object_path(root, b"same")
    assert (root / "a/1").samefile(shared)
    assert (root / "b/2").samefile(shared)
    assert shared.stat().st_mode & 0o777 == 0o444
    assert files_below(root) == {"a/1", "b/2", str(shared.relative_to(root))}


def test_a_content_goes_with_its_last_path(store: LocalArtifactStore, root: Path) -> None:
    for path in ("a/1", "a/2", "b"):
        store.put(path, io.BytesIO(b"same"))
    store.delete("a")
    assert object_path(root, b"same").exists()
    store.delete("b")
    assert files_below(root) == set()


@pytest.mark.parametrize("size", [10, reading.CHECKED_FIRST + (3 << 20) + 1])
def test_damaged_bytes_are_not_delivered(store: LocalArtifactStore, root: Path, tmp_path: Path, size: int) -> None:
    store.put("a", io.BytesIO(b"x" * size))
    overwrite(root / "a", b"x" * (size - 1) + b"y")
    delivered: list[bytes] = []
    with pytest.raises(IntegrityError, match="'a'"):
        read_to_the_end(store, delivered)
    assert sum(map(len, delivered)) < size
    with pytest.raises(IntegrityError):
        store.get_file("a", str(tmp_path / "target"))
    assert os.listdir(tmp_path) == ["artifacts"]


def test_a_truncated_file_is_damaged(store: LocalArtifactStore, root: Path) -> None:
    size = reading.CHECKED_FIRST + (3 << 20)
    store.put("a", io.BytesIO(b"x" * size))
    with store.open("a") as file:
        file.read(65_536)
        os.truncate(root / "a", size - (2 << 20))
        with pytest.raises(IntegrityError):
            file.read()
    with pytest.raises(IntegrityError), store.open("a"):
        pass


def test_putting_again_heals_and_keeps_the_damaged_bytes(store: LocalArtifactStore, root: Path) -> None:
    store.put("a", io.BytesIO(b"good"))
    overwrite(root / "a", b"baad")
    store.put("b", io.BytesIO(b"good"))
    for path in ("a", "b"):
        with store.open(path) as file:
            assert file.read() == b"good"
    (kept,) = (root / ".objects/quarantine").iterdir()
    assert kept.read_bytes() == b"baad"


def test_a_put_without_a_record_leaves_the_old_content(root: Path) -> None:
    class FailsToRecord(Records):
        broken = False

        def record(self, path: str, size: int, sha256: str) -> None:
            if self.broken:
                raise RuntimeError("the database went away")
            super().record(path, size, sha256)

    records = FailsToRecord()
    store = LocalArtifactStore(str(root), records)
    store.put("a", io.BytesIO(b"old"))
    records.broken = True
    with pytest.raises(RuntimeError):
        store.put("a", io.BytesIO(b"new"))
    with store.open("a") as file:
        assert file.read() == b"old"


def test_links_lead_nowhere(store: LocalArtifactStore, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    store.put("a/file", io.BytesIO(b"x"))
    (root / "link").symlink_to(outside)
    (root / "a/secret").symlink_to(outside / "secret")
    for path in ("link/secret", "a/secret", "link"):
        with pytest.raises(NotFoundError), store.open(path):
            pass
        with pytest.raises(NotFoundError):
            store.stat(path)
    assert [e.path for e in store.list()] == ["a"]
    assert list(store.list("link")) == []
    assert [e.path for e in store.list("a")] == ["a/file"]
    with pytest.raises(Exception, match="link"):
        store.put("link/new", io.BytesIO(b"x"))
    store.put("a/secret", io.BytesIO(b"mine"))
    store.delete("link")
    store.delete("link/secret")
    assert (outside / "secret").read_bytes() == b"secret"
    assert os.listdir(outside) == ["secret"]


def test_a_fifo_does_not_hang(store: LocalArtifactStore, root: Path) -> None:
    root.mkdir()
    os.mkfifo(root / "fifo")
    with pytest.raises(NotFoundError), store.open("fifo"):
        pass


@pytest.mark.parametrize("path", [".objects", ".objects/sha256/aa/bb", f"a/.{'x' * 22}.tmp"])
def test_the_stores_own_names_are_refused(path: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_artifact_path(path)


def test_a_file_beyond_the_limit_leaves_nothing(root: Path) -> None:
    # RLIMIT_FSIZE: what is written beyond 100 kB fails with EFBIG, as a full disk does with ENOSPC.
    script = """
import io, resource, signal, sys
from siglum.storage.artifacts.local import LocalArtifactStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store = LocalArtifactStore(sys.argv[1])
store.put('small', io.BytesIO(b'x' * 1000))
try:
    store.put('large', io.BytesIO(b'x' * 1_000_000))
except OSError as e:
    print(e.errno)
"""
    done = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout == "27\n"
    assert files_below(root) == {"small", str(object_path(root, b"x" * 1000).relative_to(root))}


def test_a_plain_tree_has_the_files_and_nothing_else(root: Path) -> None:
    records = Records()
    by_content = LocalArtifactStore(str(root), records)
    by_content.put("run/a", io.BytesIO(b"same"))
    by_content.put("run/b", io.BytesIO(b"same"))
    plain = LocalArtifactStore(str(root), records, ArtifactLayout.PLAIN)
    plain.put("run/a", io.BytesIO(b"other"))
    assert [each.size for each in plain.list("run")] == [5, 4]
    with by_content.open("run/a") as file:
        assert file.read() == b"other"
    plain.delete("run/b")
    assert files_below(root) == {"run/a"}
    assert (root / "run/a").stat().st_mode & 0o777 == 0o644


def test_a_large_file_is_read_from_its_middle(store: LocalArtifactStore) -> None:
    data = os.urandom(1 << 20) * 9
    store.put("a", io.BytesIO(data))
    with store.open("a") as file:
        file.seek(5_000_000)
        assert file.read(100) == data[5_000_000:5_000_100]
        file.seek(0)
        assert file.read() == data
