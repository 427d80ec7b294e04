"""New folders filled aside: what `commit` makes of them, whatever else happens meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from siglum.storage.durable_batch import DurableBatch
from siglum.storage.objects import ObjectStore

MANIFEST = "d751713988987e9331980363e24189ce.dir"


def write_aside(batch: DurableBatch, root: Path, folder: str, name: str, data: str) -> None:
    place = batch.new_folders(str(root)).place_for(folder, name)
    assert place is not None
    Path(place).write_text(data)
    batch.stage(place, f"{root}/{folder}/{name}")


def files_below(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_nothing_shows_before_the_commit_and_then_all_does(tmp_path: Path) -> None:
    (tmp_path / "bb").mkdir()
    with DurableBatch(str(tmp_path)) as batch:
        write_aside(batch, tmp_path, "aa", "1", "one")
        write_aside(batch, tmp_path, "aa", "2", "two")
        assert batch.new_folders(str(tmp_path)).place_for("bb", "3") is None
        assert not (tmp_path / "aa").exists()
        assert len(batch) == 2
        batch.commit()
        assert files_below(tmp_path) == {"aa/1": "one", "aa/2": "two"}
    assert sorted(os.listdir(tmp_path)) == ["aa", "bb"]


def test_what_was_not_staged_is_never_seen(tmp_path: Path) -> None:
    with DurableBatch(str(tmp_path)) as batch:
        write_aside(batch, tmp_path, "aa", "1", "one")
        half = batch.new_folders(str(tmp_path)).place_for("aa", "2")
        assert half is not None
        Path(half).write_text("tw")
        batch.commit()
    assert files_below(tmp_path) == {"aa/1": "one"}
    with DurableBatch(str(tmp_path)) as batch:
        write_aside(batch, tmp_path, "cc", "1", "one")
    assert os.listdir(tmp_path) == ["aa"]


def test_a_folder_that_somebody_else_made_meanwhile_keeps_what_is_in_it(tmp_path: Path) -> None:
    with DurableBatch(str(tmp_path)) as batch:
        write_aside(batch, tmp_path, "aa", "1", "one")
        (tmp_path / "aa").mkdir()
        (tmp_path / "aa/theirs").write_text("theirs")
        batch.commit()
    assert files_below(tmp_path) == {"aa/1": "one", "aa/theirs": "theirs"}


def test_a_file_with_a_name_of_its_own_joins_a_new_folder(tmp_path: Path) -> None:
    with DurableBatch(str(tmp_path)) as batch:
        write_aside(batch, tmp_path, "aa", "1", "one")
        alone = Path(batch.temporary_for(str(tmp_path)))
        alone.write_text("two")
        batch.stage(str(alone), f"{tmp_path}/aa/2")
        batch.commit()
    assert files_below(tmp_path) == {"aa/1": "one", "aa/2": "two"}


def test_a_manifest_gets_its_name_after_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore(str(tmp_path))
    seen: list[bool] = []
    real = os.rename

    def rename(source: str, target: str) -> None:
        seen.append((tmp_path / MANIFEST[:2] / MANIFEST[2:]).exists())
        real(source, target)

    oids = [f"{number:02x}{'0' * 30}" for number in (0xD7, 0xD8, 0xFF)]
    with store.batch() as batch:
        places = list(zip([*oids, MANIFEST], batch.places_for([*oids, MANIFEST]), strict=True))
        for oid, place in places:
            Path(place).write_text(oid)
        batch.receive_each(places)
        monkeypatch.setattr(os, "rename", rename)
        batch.commit()
    assert seen == [False] * 4
    assert sorted(store.oids()) == sorted([*oids, MANIFEST])


def test_what_an_interrupted_write_left_aside_is_no_object_and_is_removed_when_it_is_old(tmp_path: Path) -> None:
    store = ObjectStore(str(tmp_path))
    with store.batch() as batch:
        (place,) = batch.places_for(["aa" + "0" * 30])
        Path(place).write_text("half")
        aside = Path(place).parent.parent
        assert list(store.oids()) == []
        assert store.remove_litter() == 0
        os.utime(aside, (0, 0))
        assert store.remove_litter() == 1
        assert not aside.exists()
