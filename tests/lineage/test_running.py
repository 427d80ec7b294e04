"""Notes of runs that are under way: held as long as their process lives, ended by the next one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lineage.recording_stores import Failing, Source

from siglum.client.stores import Stores, open_stores
from siglum.lineage.earlier import EarlierRecords, place_of, send_earlier, something_waits
from siglum.lineage.running import HeldNote, Note, end_killed, has_left_behind
from siglum.tracking.entities import RunStatus, Tag

URI = "sqlite:///x"
DIES = """
import os, sys
from siglum.lineage.running import HeldNote, Note
note = HeldNote(sys.argv[1], Note(sys.argv[2], "sqlite:///x"))
note.rename(sys.argv[3])
os._exit(9)
"""


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = open_stores(f"sqlite:///{tmp_path}/siglum.db")
    yield opened
    opened.close()


def run_in(stores: Stores, parent: str | None = None) -> str:
    tags = [] if parent is None else [Tag("mlflow.parentRunId", parent)]
    return stores.tracking.create_run("0", tags=tags).info.run_id


def die(folder: str, run_id: str) -> None:
    subprocess.run([sys.executable, "-c", DIES, folder, "planned", run_id], check=False)


def test_what_was_killed_is_ended_with_all_below(stores: Stores, tmp_path: Path) -> None:
    folder = str(tmp_path / "underway")
    run, mine = run_in(stores), run_in(stores)
    children = [run_in(stores, run) for _ in range(2)]
    stores.tracking.update_run(children[0], status=RunStatus.FINISHED)
    with_note = HeldNote(folder, Note(mine, URI))
    assert not has_left_behind(folder)
    die(folder, run)
    assert has_left_behind(folder)
    assert end_killed(folder, "sqlite:///other", stores, 7) == ()
    assert set(end_killed(folder, URI, stores, 7)) == {run, children[1]}
    assert not has_left_behind(folder)
    found = {each: stores.tracking.get_run(each).info for each in (run, mine, *children)}
    assert [info.status for info in found.values()] == [
        RunStatus.KILLED, RunStatus.RUNNING, RunStatus.FINISHED, RunStatus.KILLED
    ]  # fmt: skip
    assert found[run].end_time == 7
    with_note.close()
    with_note.close()
    assert list((tmp_path / "underway").iterdir()) == []


def test_a_run_that_is_not_there_is_no_longer_noted(stores: Stores, tmp_path: Path) -> None:
    folder = str(tmp_path / "underway")
    die(folder, "e" * 32)
    assert end_killed(folder, URI, stores, 7) == ()
    assert not has_left_behind(folder)


def test_a_store_that_is_away_leaves_notes_as_they_are(stores: Stores, tmp_path: Path) -> None:
    place = place_of(str(tmp_path), URI)
    run = run_in(stores)
    die(place.underway, run)
    assert something_waits(place)
    failing = Failing(stores.tracking, 0)
    records = send_earlier(place, lambda: Source(stores, failing))
    assert (records.problem, records.summary) == ("No server answers.", None)
    records = send_earlier(place, lambda: stores)
    assert (records.problem, records.summary) == (None, "Marked 1 run of a repro that was killed.")
    assert not something_waits(place)
    nothing = EarlierRecords(place)
    nothing.send(stores)
    assert (nothing.problem, nothing.summary) == (None, None)
