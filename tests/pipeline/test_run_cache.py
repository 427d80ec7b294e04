"""The run cache: DVC's keys and files, newest first, and what may go into it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.definition.stages import Dependency, Output, Stage
from siglum.pipeline.records.lock import LockedPath, StageLock, encode_entry
from siglum.pipeline.records.run_cache import RunCache, can_be_cached, key_of, may_be_saved, value_of

A, B, C = "a" * 32, "b" * 32, "c" * 32


def entry(out: str, size: int = 1) -> StageLock:
    return StageLock(
        "run",
        deps=(LockedPath("in", "md5", A, size=size),),
        params={"params.yaml": {"lr": 0.1}},
        outs=(LockedPath("out", "md5", out, size=size),),
    )


INPUTS = StageLock("run", deps=(LockedPath("in", "md5", A),), params={"params.yaml": {"lr": 0.1}})


def test_keys_leave_out_sizes_and_what_the_outputs_are() -> None:
    assert key_of(encode_entry(entry(B, 1)), ["out"]) == key_of(encode_entry(entry(C, 2)), ["out"])
    assert value_of(encode_entry(entry(B, 1))) == value_of(encode_entry(entry(B, 2)))
    assert value_of(encode_entry(entry(B))) != value_of(encode_entry(entry(C)))


def test_saving_and_finding_newest_first(tmp_path: Path) -> None:
    cache = RunCache(str(tmp_path / "runs"))
    assert list(cache.find(INPUTS, ["out"])) == []
    for age, oid in ((100, B), (50, C)):
        cache.save(entry(oid))
        newest = max((path for path in tmp_path.rglob("*") if path.is_file()), key=lambda p: p.stat().st_mtime)
        os.utime(newest, (1e9 - age, 1e9 - age))
    assert [found.outs[0].md5 for found in cache.find(INPUTS, ["out"])] == [C, B]
    assert list(cache.find(INPUTS, ["other"])) == []


def test_a_parameter_called_size_is_an_input_like_any_other(tmp_path: Path) -> None:
    cache = RunCache(str(tmp_path))
    small, large = (
        StageLock("run", params={"params.yaml": {"model": {"size": size}}}, outs=(LockedPath("out", "md5", B),))
        for size in (1, 2)
    )
    cache.save(small)
    assert key_of(encode_entry(small), ["out"]) == key_of(encode_entry(large), ["out"]), "as DVC names them"
    assert [found.params for found in cache.find(small, ["out"])] == [small.params]
    assert list(cache.find(large, ["out"])) == []


def test_a_kept_entry_is_not_written_again(tmp_path: Path) -> None:
    cache = RunCache(str(tmp_path))
    cache.save(entry(B))
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    os.utime(file, (1e9, 1e9))
    cache.save(entry(B))
    assert file.stat().st_mtime == 1e9


@pytest.mark.parametrize("damage", [b"", b"a: [", b"cmd: x\nouts: 1\n", b"\xff\xfe"])
def test_damaged_files_are_passed_over(tmp_path: Path, damage: bytes) -> None:
    cache = RunCache(str(tmp_path))
    cache.save(entry(B))
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.with_name("0" * 64).write_bytes(damage)
    assert [found.outs[0].md5 for found in cache.find(INPUTS, ["out"])] == [B]


def stage(**changes: object) -> Stage:
    values: dict[str, object] = {
        "command": "run",
        "deps": (Dependency("in", "in"),),
        "outs": (Output("out", "out"), Output("m", "m", OutputKind.METRICS, cache=False)),
    }
    return Stage("s", "s", "dvc.yaml", "", **(values | changes))  # type: ignore[arg-type]


def test_what_may_be_cached_and_saved() -> None:
    assert can_be_cached(stage())
    assert may_be_saved(stage())
    assert not can_be_cached(stage(deps=()))
    assert not can_be_cached(stage(outs=()))
    assert not can_be_cached(stage(always_changed=True))
    assert not can_be_cached(stage(command=None))
    assert not can_be_cached(stage(deps=(Dependency("s3://b/k", "s3://b/k"),)))
    assert not can_be_cached(stage(outs=(Output("o", "o", persist=True),)))
    assert not can_be_cached(stage(outs=(Output("../o", "../o", cache=False),)))
    assert not may_be_saved(stage(outs=(Output("o", "o", cache=False),)))
