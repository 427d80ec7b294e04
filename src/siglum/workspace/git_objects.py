"""Git's objects one after the other from one process: many commits are read without starting a `git` for each."""

from __future__ import annotations

import os
import subprocess
from types import TracebackType
from typing import Self

import msgspec

from siglum.core.errors import NotFoundError
from siglum.workspace.git import Git

_FOLDER = "40000"


class TreeItem(msgspec.Struct, frozen=True):
    """What a folder of a commit holds under one name."""

    oid: str
    is_folder: bool
    is_file: bool
    """Whether it is a file with content; links and submodules are neither."""


class ObjectReader:
    """Reads blobs and trees. Trees are kept, so that what is the same in many commits is read once.

    A context manager, for one thread.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: subprocess.Popen[bytes] | None = None
        self._trees: dict[str, dict[str, TreeItem]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait()
            self._process = None

    def tree_of(self, commit: str) -> str:
        """Return the id of a commit's top folder. Raises NotFoundError."""
        lines = self._ask(commit).split(b"\n", 1)
        return lines[0].removeprefix(b"tree ").decode()

    def blob(self, oid: str) -> bytes:
        """Return a file's bytes. Raises NotFoundError."""
        return self._ask(oid)

    def tree(self, oid: str) -> dict[str, TreeItem]:
        """Return what a folder holds, by name. Raises NotFoundError."""
        if oid not in self._trees:
            self._trees[oid] = _parse_tree(self._ask(oid), len(oid) // 2)
        return self._trees[oid]

    def find(self, tree: str, path: str) -> TreeItem | None:
        """Return what is at `path`, posix, below a folder; None when nothing is there."""
        item = TreeItem(tree, True, False)
        for name in path.split("/") if path else ():
            found = self.tree(item.oid).get(name) if item.is_folder else None
            if found is None:
                return None
            item = found
        return item

    def _ask(self, oid: str) -> bytes:
        if self._process is None:
            self._process = self._git.start("cat-file", "--batch")
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(oid.encode() + b"\n")
        process.stdin.flush()
        answer = process.stdout.readline().decode().split()
        if len(answer) != 3:
            raise NotFoundError(f"Git has no object {oid}.", hint="Fetch the repository's whole history.")
        size = int(answer[2])
        data = process.stdout.read(size + 1)
        return data[:size]


def _parse_tree(data: bytes, oid_size: int) -> dict[str, TreeItem]:
    found: dict[str, TreeItem] = {}
    start = 0
    while start < len(data):
        end = data.index(b"\0", start)
        mode, _, name = data[start:end].partition(b" ")
        oid = data[end + 1 : end + 1 + oid_size].hex()
        kind = mode.decode()
        found[os.fsdecode(name)] = TreeItem(oid, kind == _FOLDER, kind.startswith("100"))
        start = end + 1 + oid_size
    return found
