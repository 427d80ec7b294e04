from __future__ import annotations

import os
from pathlib import Path

import pytest

from siglum.core.errors import InvalidInputError
from siglum.storage import walk
from siglum.storage.walk import FolderState, Listing, folder_state, list_files, state_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four folders with folders in them, thirty files in all."""
    for number in range(30):
        path = tmp_path / f"{number % 4}/{'deep/er' if number % 3 else ''}/{number} ü"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * number)
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have folders shared with a worker after the first few files; return what counts the times."""
    times: list[int] = []

    def may_fork() -> bool:
        times.append(1)
        return True  # test runners have threads of their own

    monkeypatch.setattr(walk, "may_fork", may_fork)
    monkeypatch.setattr(walk, "_MANY_FILES", 3)
    return times


def test_a_folder_has_one_state_however_many_look_at_it(folder: Path, shared: list[int]) -> None:
    listings = list_files(str(folder))
    assert folder_state(str(folder)) == FolderState(state_key(listings), sum(range(30)), 30)
    assert shared
    before = folder_state(str(folder))
    (folder / "0/0 ü").write_bytes(b"other")
    assert folder_state(str(folder)) != before


def test_two_processes_find_what_one_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "may_fork", lambda: False)
    alone = list_files(str(folder))
    monkeypatch.setattr(walk, "may_fork", lambda: True)
    monkeypatch.setattr(walk, "_MANY_FILES", 3)
    assert list_files(str(folder)) == alone
    assert sum(len(listing.names) for listing in alone) == 30


def test_what_a_worker_comes_across_is_raised(folder: Path, shared: list[int]) -> None:
    for number in range(4):  # in every part
        (folder / f"{number}/gone").symlink_to("nowhere")
    with pytest.raises(InvalidInputError, match="gone is a link to 'nowhere'"):
        folder_state(str(folder))


def test_a_worker_that_dies_costs_nothing_but_time(
    folder: Path, shared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, parent, original = folder_state(str(folder)), os.getpid(), walk._state_of

    def dying(listings: list[Listing]) -> bytes:
        if os.getpid() != parent:
            os._exit(9)
        return original(listings)

    monkeypatch.setattr(walk, "_state_of", dying)
    assert folder_state(str(folder)) == expected


def test_an_empty_folder(tmp_path: Path, shared: list[int]) -> None:
    assert folder_state(str(tmp_path)) == FolderState(state_key([]), 0, 0)
