"""The spool's file: what is read is what was written, also when its process was killed or its end was damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from siglum.client.spool.journal import Journal
from siglum.client.spool.records import Header, Point, encode
from siglum.core.errors import BusyError, FileFormatError, NotFoundError


def header(run_id: str = "a" * 32) -> Header:
    return Header(spool_id="5" * 32, uri="http://s", run_id=run_id, owner=True, pid=1, host="h", program="p", started=1)


def contents(journal: Journal) -> list[bytes | None]:
    """Return all records, None for what cannot be read."""
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
    assert not found.was_cut
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


@pytest.mark.parametrize("cut", [0, 1, 3, 9, 12, 13])
def test_a_file_that_was_cut_short(tmp_path: Path, cut: int) -> None:
    """Also where the last record of the file is whole, so that nobody can tell how many were behind it."""
    path = written(tmp_path, [b"one", b"two", b"three"])
    found = Journal.take_over(path)
    end = found.end
    found.close()
    os.truncate(path, end - cut)
    found = Journal.take_over(path)
    assert contents(found) == {0: [b"one", b"two", b"three"], 13: [b"one", b"two"]}.get(cut, [b"one", b"two", None])
    assert found.was_cut
    found.close()


POINTS = [encode(Point(f"loss {number}", number / 3, 1000, number)) for number in range(50)]


def test_a_damaged_byte_takes_no_other_record_with_it(tmp_path: Path) -> None:
    """Wherever it is in a record: in its length, its checksum or its content. What is damaged keeps its place."""
    path = written(tmp_path, POINTS)
    found = Journal.take_over(path)
    ends = [end for _, end in found.read(found.first(), found.end, 1000)]
    found.close()
    whole = Path(path).read_bytes()
    for number in (0, 20, 49):
        start = found.first() if number == 0 else ends[number - 1]
        for at in range(start, ends[number]):
            for flip in (0x01, 0x80):
                Path(path).write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
                damaged = Journal.take_over(path)
                assert contents(damaged) == [*POINTS[:number], None, *POINTS[number + 1 :]], (number, at - start, flip)
                damaged.close()


def test_a_page_that_the_disk_did_not_write(tmp_path: Path) -> None:
    """Zeros in the middle are not the end: a power cut may keep later pages and lose earlier ones."""
    records = [encode(Point("loss", number / 3, 1000, number)) for number in range(1000)]
    path = written(tmp_path, records)
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\0" * 4096)
    found = Journal.take_over(path)
    read = contents(found)
    assert read.count(None) == 1
    lost = read.index(None)
    assert read[:lost] == records[:lost]
    assert read[lost + 1 :] == records[lost + 1 - len(read) :]
    assert 100 < 1000 - len(read) < 200
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
