"""Entries of a lock file written as stages end: DVC's bytes, whatever the order of ending."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from siglum.pipeline.records import lock_writer
from siglum.pipeline.records.lock_text import put_entry
from siglum.pipeline.records.lock_writer import LockWriter
from siglum.workspace.documents import load_yaml

ENTRY: dict[str, Any] = {"cmd": "run", "outs": [{"path": "o", "hash": "md5", "md5": "0" * 32, "size": 1}]}
ODD: list[tuple[str, dict[str, Any]]] = [
    ("plain", ENTRY),
    ("a b", {"cmd": "x"}),
    ("yes", {"cmd": "echo a #b"}),
    ("x@1", {"cmd": "one\ntwo\n"}),
    ("é", {"cmd": "echo " + "long " * 40}),
    ("s", {"cmd": ["a", "b: c"], "params": {"params.yaml": {"l": [1, {"k": None}], "f": 1e-5}}}),
]


def written(path: Path, puts: Sequence[tuple[str, dict[str, Any], int | None]], at_once: bool) -> str:
    writer = LockWriter(str(path), "dvc.lock")
    for name, entry, rank in puts:
        writer.put(name, entry, rank)
        if not at_once:
            writer.flush()
    writer.flush()
    return path.read_text()


@pytest.mark.parametrize("at_once", [True, False])
def test_it_is_what_putting_one_after_the_other_gives(tmp_path: Path, at_once: bool) -> None:
    text = ""
    for name, entry in [*ODD, ("plain", {"cmd": "changed"}), ("yes", {"cmd": "other"})]:
        text = put_entry(text, name, entry, "dvc.lock")
    puts = [(name, entry, None) for name, entry in [*ODD, ("plain", {"cmd": "changed"}), ("yes", {"cmd": "other"})]]
    assert written(tmp_path / "dvc.lock", puts, at_once) == text


@pytest.mark.parametrize("before", [[], ["old", "b"]])
def test_new_entries_stand_by_rank_whatever_the_order_of_ending(tmp_path: Path, before: list[str]) -> None:
    names = ["a", "b", "c", "d"]
    texts = set()
    for number, order in enumerate(itertools.permutations(enumerate(names))):
        path = tmp_path / f"{number}.lock"
        path.touch()
        written(path, [(name, {"cmd": "before"}, None) for name in before], at_once=True)
        texts.add(written(path, [(name, {"cmd": name}, rank) for rank, name in order], at_once=number % 2 == 0))
    assert len(texts) == 1
    stages = load_yaml(texts.pop().encode(), "dvc.lock")["stages"]
    assert list(stages) == [*before, *(name for name in names if name not in before)]
    assert stages["b"] == {"cmd": "b"}


@pytest.mark.parametrize(
    "text",
    [
        "# mine\nschema: '2.0'\nstages:\n  # of a\n  a:\n    cmd: x # why\n  b: {cmd: 'y'}\n",
        "schema: '2.0'\nstages:\n  a: &id001\n    cmd: x\n  b: *id001\n",
        "stages:\n  'a':\n    cmd: x\nschema: '2.0'\n",
        "schema: '2.0'\nstages:\n  a:\n    cmd: |\n      x\n      y\n",
        "schema: '2.0'\n",
        "schema: '2.0'\nstages:\n  a:\n    cmd: x",
    ],
)
def test_files_that_people_edited(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(text)
    expected = text
    for name in ("a", "c", "a"):
        expected = put_entry(expected, name, ENTRY, "dvc.lock")
    assert written(path, [(name, ENTRY, None) for name in ("a", "c", "a")], at_once=False) == expected


def test_it_reads_the_file_again_only_when_another_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "dvc.lock"
    writer = LockWriter(str(path), "dvc.lock")
    opened: list[object] = []
    real_open = open

    def counting_open(*arguments: Any, **options: Any) -> Any:
        opened.append(arguments[0])
        return real_open(*arguments, **options)

    def put(name: str) -> bool:
        writer.put(name, ENTRY)
        return writer.flush()

    monkeypatch.setattr(lock_writer, "open", counting_open, raising=False)
    assert [put("a"), put("a"), put("b")] == [True, False, True]
    assert opened == []
    path.write_text(path.read_text() + "  theirs:\n    cmd: x\n")
    assert put("c")
    assert len(opened) == 1
    assert list(load_yaml(path.read_bytes(), "dvc.lock")["stages"]) == ["a", "b", "theirs", "c"]


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "dvc.lock"
    before = written(path, [("a", ENTRY, None)], at_once=True)
    failed: list[object] = []

    def fail(*arguments: object) -> None:
        failed.append(arguments)
        raise OSError(28, "No space left on device")

    writer = LockWriter(str(path), "dvc.lock")
    writer.put("b", ENTRY)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="No space"):
            writer.flush()
    assert failed
    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["dvc.lock"]
    writer.drop()
    assert not writer.flush()
