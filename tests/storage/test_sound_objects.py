"""What is on record of objects that were verified: kept, dropped, forgotten in time, never made up."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from siglum.storage.sound_objects import DIGEST_SIZE, SoundObjects, sound_digest

DAY = 86_400
DIGESTS = [sound_digest(bytes([number]) * 40, f"{number:032x}") for number in range(50)]


def known(path: Path) -> list[bool]:
    objects = SoundObjects(str(path))
    return [objects.has(digest) for digest in DIGESTS]


def test_what_was_noted_is_known_to_the_next_command(tmp_path: Path) -> None:
    objects = SoundObjects(str(tmp_path / "objects"))
    objects.note(b"".join(DIGESTS[:20]))
    assert objects.has(DIGESTS[3])
    assert not objects.has(DIGESTS[30])
    objects.save()
    assert known(tmp_path / "objects") == [True] * 20 + [False] * 30
    more = SoundObjects(str(tmp_path / "objects"))
    more.note(b"".join(DIGESTS[20:40]))
    more.save()
    assert known(tmp_path / "objects") == [True] * 40 + [False] * 10


def test_the_same_bytes_between_two_digests_are_none(tmp_path: Path) -> None:
    objects = SoundObjects(str(tmp_path / "objects"))
    objects.note(DIGESTS[0] + DIGESTS[1])
    assert not objects.has((DIGESTS[0] + DIGESTS[1])[8 : 8 + DIGEST_SIZE])


def test_a_digest_stands_for_one_state_and_one_object() -> None:
    fingerprint, oid = bytes(40), "0" * 32
    digest = sound_digest(fingerprint, oid)
    assert len({digest, sound_digest(b"\1" + bytes(39), oid), sound_digest(fingerprint, f"{oid}.dir")}) == 3


def test_what_turned_out_to_be_damaged_is_not_known_any_more(tmp_path: Path) -> None:
    objects = SoundObjects(str(tmp_path / "objects"))
    objects.note(b"".join(DIGESTS[:3]))
    objects.save()
    later = SoundObjects(str(tmp_path / "objects"))
    later.forget(DIGESTS[1])
    assert not later.has(DIGESTS[1])
    later.save()
    assert known(tmp_path / "objects")[:4] == [True, False, True, False]


def test_after_sixty_days_an_object_is_read_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "objects"
    objects = SoundObjects(str(path))
    objects.note(DIGESTS[0])
    objects.save()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 30 * DAY)
    later = SoundObjects(str(path))
    later.note(DIGESTS[1])
    later.save()
    monkeypatch.setattr(time, "time", lambda: now + 61 * DAY)
    assert known(path)[:2] == [False, True]


@pytest.mark.parametrize("damage", [b"", b"siglum", b"\0" * 200])
def test_a_damaged_file_counts_as_empty(tmp_path: Path, damage: bytes) -> None:
    objects = SoundObjects(str(tmp_path / "objects"))
    objects.note(b"".join(DIGESTS))
    objects.save()
    whole = (tmp_path / "objects").read_bytes()
    (tmp_path / "objects").write_bytes(damage)
    assert known(tmp_path / "objects") == [False] * 50
    (tmp_path / "objects").write_bytes(whole[:-1])
    assert known(tmp_path / "objects") == [False] * 50
