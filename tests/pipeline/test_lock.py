"""`dvc.lock` as values: what is read, what is refused, and how an entry is ordered."""

from __future__ import annotations

import pytest
from tests.pipeline.pipeline_texts import document

from siglum.core.errors import FileFormatError
from siglum.core.hashes import DataHash
from siglum.pipeline.records.lock import LockedPath, StageLock, encode_entry, parse_lock

MD5 = "6137cde4893c59f76f005a8123d8e8e6"
TEXT = f"""
    schema: '2.0'
    datasets: []
    stages:
      prep:
        cmd: run
        deps:
        - path: raw
          hash: md5
          md5: {MD5}.dir
          size: 2
          nfiles: 2
        params:
          params.yaml:
            nul:
            train.opt:
              name: adam
        outs:
        - path: old.txt
          md5: {MD5}
          size: 5
      cb:
        cmd: [a, b]
"""


def test_reading() -> None:
    lock = parse_lock(document(TEXT, "dvc.lock"))
    prep = lock.stages["prep"]
    assert prep.deps == (LockedPath("raw", hash="md5", md5=f"{MD5}.dir", size=2, nfiles=2),)
    assert prep.params == {"params.yaml": {"nul": None, "train.opt": {"name": "adam"}}}
    assert prep.out("old.txt") == LockedPath("old.txt", md5=MD5, size=5)
    assert prep.deps[0].data_hash == DataHash(f"{MD5}.dir")
    assert lock.stages["cb"] == StageLock(("a", "b"))
    assert parse_lock(document("")).stages == {}


def test_order_of_an_entry() -> None:
    lock = StageLock(
        ("a", "b"),
        deps=(LockedPath("z", "md5", MD5, size=1), LockedPath("b", "md5", MD5, size=1, isexec=True)),
        params={"a.yaml": {"k": 1}, "params.yaml": {"z": 1, "b": None}},
        outs=(LockedPath("o", "md5", MD5 + ".dir", size=1, nfiles=0),),
    )
    entry = encode_entry(lock)
    assert list(entry) == ["cmd", "deps", "params", "outs"]
    assert [list(dep) for dep in entry["deps"]] == [
        ["path", "hash", "md5", "size", "isexec"],
        ["path", "hash", "md5", "size"],
    ]
    assert [dep["path"] for dep in entry["deps"]] == ["b", "z"]
    assert list(entry["params"]) == ["params.yaml", "a.yaml"]
    assert list(entry["params"]["params.yaml"]) == ["b", "z"]
    assert entry["outs"] == [{"path": "o", "hash": "md5", "md5": MD5 + ".dir", "size": 1, "nfiles": 0}]
    assert encode_entry(StageLock("x")) == {"cmd": "x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1", "dvc.lock:1:1: the lock file has no schema"),
        ("schema: '1.0'", "dvc.lock:1:1: schema: unknown schema '1.0'"),
        ("[1]", "dvc.lock:1:1: not a lock file"),
        ("schema: '2.0'\nstagez: {}", "dvc.lock:2:1: stagez: there is no such key in a lock file"),
        ("schema: '2.0'\nstages: [1]", "dvc.lock:2:1: stages: expected stages by name"),
        ("schema: '2.0'\nstages:\n  a: 1", "dvc.lock:3:3: stages.a: expected a stage's entry"),
        ("schema: '2.0'\nstages:\n  a: {outs: []}", "stages.a: the entry has no command"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x, out: []}", "stages.a.out: there is no such key"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x, deps: {a: 1}}", "stages.a.deps: expected a list"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x, deps: [a]}", "dvc.lock:3:22: stages.a.deps[0]: expected a path"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x, deps: [{md5: a}]}", "stages.a.deps[0]: the entry has no path"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x, deps: [{path: a, md5: 1}]}", "a number is not what belongs here"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x, deps: [{path: a, md5: b}]}", "stages.a.deps[0].md5: 'b' is not an MD5"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x, deps: [{path: a, mdf: b}]}", "stages.a.deps[0].mdf: there is no such"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x, params: {p: 1}}", "stages.a.params: expected parameters by file"),
    ],
)
def test_damage_is_said_with_its_place_and_what_to_do(text: str, said: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        parse_lock(document(text, "dvc.lock"))
    assert said in str(caught.value)
    assert "siglum repro" in (caught.value.hint or "")
    assert caught.value.line is not None


def test_a_merge_conflict() -> None:
    with pytest.raises(FileFormatError, match=r"dvc.lock:3:1: .*conflict"):
        document("schema: '2.0'\nstages:\n<<<<<<< HEAD\n  a:\n=======\n  b:\n>>>>>>> x\n", "dvc.lock")
