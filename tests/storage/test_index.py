import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from siglum.storage.index import StatIndex

OID = "0123456789abcdef0123456789abcdef"
LATER = 10_000_000_000


def stat_of(path: Path) -> os.stat_result:
    path.touch()
    return path.stat()


def test_what_was_put_is_there_next_time(tmp_path: Path) -> None:
    status = stat_of(tmp_path / "f")
    with StatIndex(str(tmp_path / "made/index")) as index:
        assert index.put(status, f"{OID}.dir", status.st_ctime_ns + LATER)
    again = StatIndex(str(tmp_path / "made/index"))
    assert again.get(status) == f"{OID}.dir"
    assert again.get(stat_of(tmp_path / "g")) is None


def test_any_change_of_the_stat_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "f"
    status = stat_of(path)
    index = StatIndex(str(tmp_path / "index"))
    index.put(status, OID, status.st_ctime_ns + LATER)
    # The size and the mtime are put back, as an editor that hides its traces would; the ctime cannot be.
    path.write_bytes(b"")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert index.get(path.stat()) is None


def test_racy_files_are_not_trusted(tmp_path: Path) -> None:
    status = stat_of(tmp_path / "f")
    index = StatIndex(str(tmp_path / "index"))
    assert not index.put(status, OID, status.st_ctime_ns)
    assert not index.put(status, OID, status.st_ctime_ns + 1_000_000)
    assert index.get(status) is None


def test_whole_second_times_are_a_coarse_clock(tmp_path: Path) -> None:
    values = list(stat_of(tmp_path / "f"))
    status = os.stat_result(values, {"st_mtime_ns": 5_000_000_000, "st_ctime_ns": 5_000_000_000})
    index = StatIndex(str(tmp_path / "index"))
    assert not index.put(status, OID, 6_500_000_000)
    assert index.put(status, OID, 8_000_000_000)


@pytest.mark.parametrize("damage", ["empty", "flip", "cut", "other version", "folder"])
def test_a_damaged_index_counts_as_empty_and_is_replaced(tmp_path: Path, damage: str) -> None:
    status = stat_of(tmp_path / "f")
    path = tmp_path / "index"
    with StatIndex(str(path)) as index:
        index.put(status, OID, status.st_ctime_ns + LATER)
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[-20] ^= 1
    damaged = {"empty": b"", "flip": bytes(flipped), "cut": data[:-10], "other version": b"X" + data[1:]}
    if damage in damaged:
        path.write_bytes(damaged[damage])
    else:
        path.unlink()
    with StatIndex(str(path)) as index:
        assert index.get(status) is None
        index.put(status, OID, status.st_ctime_ns + LATER)
    assert StatIndex(str(path)).get(status) == OID


def test_a_little_is_appended_and_much_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "index"
    statuses = [stat_of(tmp_path / str(n)) for n in range(100)]
    with StatIndex(str(path)) as index:
        index.put_all(((status, OID) for status in statuses[:40]), LATER**2)
    inodes, sizes = {path.stat().st_ino}, []
    for status in statuses[40:]:
        with StatIndex(str(path)) as index:
            assert index.put(status, OID, status.st_ctime_ns + LATER)
        inodes.add(path.stat().st_ino)
        sizes.append(path.stat().st_size)
    assert 1 < len(inodes) < 15
    assert max(sizes) < 100 * 59 * 2
    last = StatIndex(str(path))
    assert [last.get(status) for status in statuses] == [OID] * 100


@pytest.mark.parametrize("kept", [0, 1, 39, 40, 80, 98])
def test_a_torn_addition_costs_itself(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "index"
    statuses = [stat_of(tmp_path / str(n)) for n in range(42)]
    with StatIndex(str(path)) as index:
        index.put_all(((status, OID) for status in statuses[:40]), LATER**2)
    whole = path.stat().st_size
    with StatIndex(str(path)) as index:
        index.put(statuses[40], OID, LATER**2)
    assert path.stat().st_size == whole + 40 + 59
    os.truncate(path, whole + kept)
    with StatIndex(str(path)) as index:
        assert [index.get(status) for status in statuses] == [OID] * 40 + [None] * 2
        index.put(statuses[41], OID, LATER**2)  # not behind half a piece, where nobody would find it
    last = StatIndex(str(path))
    assert [last.get(status) for status in statuses] == [OID] * 40 + [None, OID]


def test_an_addition_to_an_index_that_went_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "index"
    statuses = [stat_of(tmp_path / str(n)) for n in range(9)]
    with StatIndex(str(path)) as index:
        index.put_all(((status, OID) for status in statuses[:8]), LATER**2)
    index = StatIndex(str(path))
    index.put(statuses[8], OID, LATER**2)
    path.unlink()
    index.save()
    last = StatIndex(str(path))
    assert [last.get(status) for status in statuses] == [OID] * 9


def test_entries_that_nobody_asks_for_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, used = stat_of(tmp_path / "old"), stat_of(tmp_path / "used")
    path = str(tmp_path / "index")
    day = 86_400 * 10**9
    for now, asked in ((1_000, (old, used)), (1_050, (used,)), (1_100, (used,))):
        monkeypatch.setattr(time, "time_ns", lambda now=now: now * day)
        with StatIndex(path) as index:
            for status in asked:
                if index.get(status) is None:
                    index.put(status, OID, status.st_ctime_ns + LATER)
    last = StatIndex(path)
    assert last.get(used) == OID
    assert last.get(old) is None


def test_two_writers_never_leave_a_torn_index(tmp_path: Path) -> None:
    path = str(tmp_path / "index")
    statuses = [stat_of(tmp_path / str(n)) for n in range(50)]

    def write() -> None:
        for status in statuses:
            with StatIndex(path) as index:
                index.put(status, OID, status.st_ctime_ns + LATER)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = StatIndex(path)
    assert len(last) > 0
    assert {last.get(status) for status in statuses} <= {OID, None}
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


SAVING = """
import os, sys
from siglum.storage.index import StatIndex
index = StatIndex(sys.argv[1] + "/locked/index")
assert index.put(os.stat(sys.argv[1] + "/f"), "d41d8cd98f00b204e9800998ecf8427e", 2**62)
index.save()
"""


def test_where_it_may_not_be_written_it_is_not(tmp_path: Path) -> None:
    """So `siglum status` works in a repository that belongs to somebody else."""
    (tmp_path / "f").touch()
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    as_nobody = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    proof = subprocess.run([*as_nobody, "touch", str(locked / "x")], capture_output=True, text=True, check=False)
    assert "Permission denied" in proof.stderr
    done = subprocess.run(
        [*as_nobody, sys.executable, "-c", SAVING, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(locked.iterdir()) == []
