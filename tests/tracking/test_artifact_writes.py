"""Files that several writers add to: what each wrote is there once, whatever is repeated, wherever it is cut short."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

from siglum.core.errors import NotFoundError
from siglum.storage.artifacts.base import ArtifactEntry
from siglum.storage.artifacts.folder_writes import FolderWrites
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.storage.artifacts.replacing import ArtifactWrites, NumberedWrite, Outcome, replace
from siglum.tracking.sql.artifact_writes import SqlArtifactWrites
from siglum.tracking.sql.database import open_database


class KilledError(BaseException):
    """The process ends here."""


class Files(LocalArtifactStore):
    """A store whose process may end just before a file is stored, or just after."""

    killed: str | None = None

    def put(self, path: str, source: BinaryIO) -> ArtifactEntry:
        if self.killed == "before":
            raise KilledError
        entry = super().put(path, source)
        if self.killed == "after":
            raise KilledError
        return entry


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "files"))


@pytest.fixture(params=["folder", "sqlite", "postgres"])
def writes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ArtifactWrites]:
    if request.param == "folder":
        yield FolderWrites(str(tmp_path / "files"))
        return
    postgres = request.param == "postgres"
    uri = request.getfixturevalue("postgres").new_schema() if postgres else f"sqlite:///{tmp_path}/runs.db"
    database = open_database(uri)
    yield SqlArtifactWrites(database)
    database.close()


def read(files: Files) -> bytes | None:
    try:
        with files.open("run/log") as file:
            return file.read()
    except NotFoundError:
        return None


def add(files: Files, writes: ArtifactWrites, line: bytes, write: NumberedWrite | None = None) -> Outcome:
    """Add to the file until nobody else is faster."""
    while True:
        before = read(files)
        expected = None if before is None else hashlib.sha256(before).hexdigest()
        outcome = replace(files, writes, "run/log", (before or b"") + line, expected, write)
        if outcome is not Outcome.CHANGED:
            return outcome


def test_only_what_is_as_expected_is_replaced(files: Files, writes: ArtifactWrites) -> None:
    x = hashlib.sha256(b"x").hexdigest()
    assert replace(files, writes, "run/log", b"y", x) is Outcome.CHANGED
    assert read(files) is None
    assert replace(files, writes, "run/log", b"x", None) is Outcome.STORED
    assert replace(files, writes, "run/log", b"y", None) is Outcome.CHANGED
    assert replace(files, writes, "run/log", b"xy", x) is Outcome.STORED
    assert replace(files, writes, "run/log", b"xz", x, NumberedWrite("w", 1)) is Outcome.CHANGED
    assert read(files) == b"xy"
    assert add(files, writes, b"z", NumberedWrite("w", 1)) is Outcome.STORED  # what was not stored may be sent again


def test_a_write_that_comes_again(files: Files, writes: ArtifactWrites) -> None:
    a, b = (NumberedWrite(writer, 7) for writer in "ab")
    assert [add(files, writes, b"a", a), add(files, writes, b"b", b)] == [Outcome.STORED] * 2
    assert [add(files, writes, b"a", a), add(files, writes, b"b", b)] == [Outcome.REPEATED] * 2
    assert add(files, writes, b"c", NumberedWrite("a", 8)) is Outcome.STORED
    assert add(files, writes, b"a", a) is Outcome.REPEATED
    assert read(files) == b"abc"


@pytest.mark.parametrize("other", [True, False], ids=["others", "alone"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_that_is_killed(files: Files, writes: ArtifactWrites, moment: str, other: bool) -> None:
    """Its write is sent again: before or after somebody else has added to the file."""
    a, b = (NumberedWrite(writer, 1) for writer in "ab")
    add(files, writes, b"0", NumberedWrite("a", 0))
    files.killed = moment
    with pytest.raises(KilledError):
        add(files, writes, b"a", a)
    files.killed = None
    if other:
        add(files, writes, b"b", b)
    assert add(files, writes, b"a", a) is (Outcome.REPEATED if moment == "after" else Outcome.STORED)
    assert read(files) == (b"0" + (b"ab" if moment == "after" else b"ba") if other else b"0a")


def test_many_at_once(files: Files, writes: ArtifactWrites) -> None:
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(add, files, writes, b"%d\n" % n, NumberedWrite(f"w{n}", 1)) for n in range(30)]:
            assert done.result() is Outcome.STORED
    assert sorted(map(int, (read(files) or b"").split())) == list(range(30))
