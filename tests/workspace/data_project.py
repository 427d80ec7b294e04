"""A data repository in a folder of its own, and what tests ask of it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from siglum.core.hashes import DataHash
from siglum.workspace.pointers import read_pointer
from siglum.workspace.repository import Repository

SIGLUM = [sys.executable, "-m", "siglum.cli"]


class Ended(msgspec.Struct, frozen=True):
    """How a command ended."""

    status: int
    out: str
    err: str


class DataProject:
    """A Git and data repository at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q")
        Repository.init(str(root))

    def open(self) -> Repository:
        return Repository.open(str(self.root))

    def write(self, files: dict[str, str | bytes]) -> None:
        for name, data in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def git(self, *arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True).stdout

    def commit(self, message: str = "data") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def run(
        self, *arguments: str, cwd: Path | None = None, file_limit: int | None = None, umask: int | None = None
    ) -> Ended:
        """Run `siglum` in a process of its own. No file may grow over `file_limit` bytes: a disk that gets full."""

        def prepare() -> None:
            if umask is not None:
                os.umask(umask)
            if file_limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then fails as on a full disk, with EFBIG
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

        done = subprocess.run(
            [*SIGLUM, *arguments],
            cwd=cwd or self.root,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=prepare,
            stdin=subprocess.DEVNULL,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def done(self, *arguments: str) -> str:
        """Run `siglum`, which must succeed, and return what it printed."""
        ended = self.run(*arguments)
        assert ended.status == 0, ended.err
        return ended.out

    def fails(self, *arguments: str, status: int = 1, file_limit: int | None = None) -> str:
        """Run `siglum`, which must fail with one line on standard error; return that line."""
        ended = self.run(*arguments, file_limit=file_limit)
        assert ended.status == status, ended
        assert ended.err.startswith("error: "), ended.err
        assert ended.err.count("\n") == 1, ended.err
        return ended.err.removeprefix("error: ").rstrip("\n")

    def hash_of(self, name: str) -> DataHash:
        """Return what the `.dvc` file of a path records."""
        found = read_pointer(str(self.root / f"{name}.dvc")).outs[0].data
        assert found is not None
        return found

    def object_of(self, oid: str) -> Path:
        return self.root / ".dvc/cache/files/md5" / oid[:2] / oid[2:]

    def damage(self, oid: str) -> None:
        """Change an object's bytes but not its length."""
        path = self.object_of(oid)
        path.chmod(0o644)
        data = path.read_bytes()
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        path.chmod(0o444)

    def state(self) -> dict[str, bytes]:
        """Return every file but Git's, the cache's and the private ones, with its bytes."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in (".git", "tmp", "cache")]
            for name in names:
                path = Path(folder) / name
                found[str(path.relative_to(self.root))] = path.read_bytes()
        return found

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Hold that a block changes no file of the workspace."""
        before = self.state()
        yield
        assert self.state() == before
