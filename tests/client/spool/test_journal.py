"""The spool's file: what is read is what was written, also when its process was killed or its end was damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from siglum.client.spool.journal import Journal
from siglum.client.spool.records import Header
from siglum.core.errors import BusyError, FileFormatError, NotFoundError


def header(run_id: str = "a" * 32) -> Header:
    return Header(spool_id="5" * 32, uri="http://s", run_id=run_id, owner=True, pid=1, host="h", program="p", started=1)


def contents(journal: Journal) -> list[bytes]:
    return [content for content, _ in journal.read(journal.first(), journal.end, 1_000_000)]


def written(folder: Path, records: list[bytes]) -> str:
    journal = Journal.create(str(folder), header())
    for record in records:
        journal.append(record)
    journal.close()
    return journal.path


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    """Over the limits of pieces and blocks, and one record larger than both."""
    records = [bytes([number % 251]) * (number % 3000) for number in range(1, 2000)] + [b"x" * 9_000_000, b"last"]
    path = written(tmp_path, records)
    found = Journal.take_over(path)
    assert contents(found) == records
    assert found.damage is None
    assert found.header == header()
    found.close()


def test_the_lock_is_the_processs(tmp_path: Path) -> None:
    journal = Journal.create(str(tmp_path), header())
    with pytest.raises(BusyError):
        Journal.take_over(journal.path)
    looked = Journal.take_over(journal.path, look=True)
    assert contents(looked) == []
    looked.close()
    with pytest.raises(BusyError):  # looking has not let go of it
        Journal.take_over(journal.path)
    journal.remove()
    with pytest.raises(NotFoundError):
        Journal.take_over(journal.path)


def test_how_far_it_was_sent_is_kept(tmp_path: Path) -> None:
    journal = Journal.create(str(tmp_path), header())
    places = []
    for record in (b"one", b"two", b"three"):
        journal.append(record)
        places.append(journal.end)
    journal.mark(places[0], places[1])
    journal.close()
    found = Journal.take_over(journal.path)
    assert (found.acked, found.attempt, found.end) == tuple(places)
    found.close()


@pytest.mark.parametrize("cut", [1, 3, 9, 12])
def test_a_file_that_was_cut_short(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path, [b"one", b"two", b"three"])
    found = Journal.take_over(path)
    end = found.end
    found.close()
    os.truncate(path, end - cut)
    found = Journal.take_over(path)
    assert contents(found) == [b"one", b"two"]
    assert found.damage == "it was cut short"
    found.close()


def test_a_damaged_record_takes_no_other_with_it(tmp_path: Path) -> None:
    path = written(tmp_path, [b"one", b"twotwo", b"three"])
    data = Path(path).read_bytes()
    Path(path).write_bytes(data.replace(b"twotwo", b"twoTwo"))
    found = Journal.take_over(path)
    assert contents(found) == [b"one", b"three"]
    assert found.damage == "1 of its records is damaged"
    found.close()


def test_a_damaged_end(tmp_path: Path) -> None:
    path = written(tmp_path, [b"one", b"two"])
    data = Path(path).read_bytes()
    Path(path).write_bytes(data.replace(b"two", b"t\0o"))
    found = Journal.take_over(path)
    assert contents(found) == [b"one"]
    assert found.damage == "its end is damaged"
    found.close()


def test_damaged_marks_have_all_sent_again(tmp_path: Path) -> None:
    path = written(tmp_path, [b"one"])
    with open(path, "r+b") as file:
        file.seek(8)
        file.write(b"\xff" * 20)
    found = Journal.take_over(path)
    assert found.acked == found.first()
    found.close()


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "x.spool").write_bytes(b"something else")
    with pytest.raises(FileFormatError, match="not a spool"):
        Journal.take_over(str(tmp_path / "x.spool"))


def test_an_id_that_is_no_name_of_a_file(tmp_path: Path) -> None:
    journal = Journal.create(str(tmp_path / "spool"), header("../../evil"))
    assert os.path.dirname(journal.path) == str(tmp_path / "spool")
    journal.remove()


def test_no_room(tmp_path: Path) -> None:
    """The file is as it was, and may go on when there is room again."""
    journal = Journal.create(str(tmp_path), header())
    journal.append(b"one")

    def full(_fd: int, _at: int, _length: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(OSError, match="No space"):
            journal.append(b"x" * 100_000)
        journal.append(b"two")
    journal.append(b"y" * 100_000)
    assert contents(journal) == [b"one", b"two", b"y" * 100_000]
    journal.remove()
