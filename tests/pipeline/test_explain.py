"""Why a stage will run, from what to what; and that what is explained is what `repro` then does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec import UNSET
from tests.pipeline.project import Project

from siglum.core.errors import SiglumError
from siglum.pipeline.definition.stages import Dependency, Output, ParamsDependency, Stage
from siglum.pipeline.graph.load import load_pipeline
from siglum.pipeline.records.lock import LockedPath, StageLock
from siglum.pipeline.status.events import Outcome, StageFailed, StageSkipped
from siglum.pipeline.status.examine import explain_pipeline
from siglum.pipeline.status.explain import (
    Action,
    CacheHit,
    Difference,
    Explanation,
    FileDifference,
    Missing,
    Observed,
    compare_files,
    decide,
    differences,
    folder_hashes,
)
from siglum.pipeline.status.staleness import Cause, Change, OutputState, Reason

A, B, DIR_A, DIR_B = "a" * 32, "b" * 32, "a" * 32 + ".dir", "b" * 32 + ".dir"
STAGE = Stage(
    "s",
    "s",
    "sub/dvc.yaml",
    "sub",
    command="run",
    deps=(Dependency("in", "sub/in"), Dependency("src", "sub/src")),
    params=(ParamsDependency("params.yaml", "sub/params.yaml", ("lr", "opt")),),
    outs=(Output("out", "sub/out"),),
)
LOCK = StageLock(
    "old",
    deps=(LockedPath("in", "md5", A), LockedPath("src", "md5", DIR_A)),
    params={"params.yaml": {"lr": 1, "opt": {"adam": {"b1": 1, "b2": 2}, "gone": 1, "list": [1, 2]}}},
    outs=(LockedPath("out", "md5", A),),
)
HIT = CacheHit("f" * 64)


def of(reason: Reason, lock: StageLock | None = LOCK, **observed: Any) -> tuple[Difference, ...]:
    return differences(STAGE, lock, [reason], Observed(**observed))


def test_commands_hashes_and_outputs() -> None:
    assert of(Reason(Cause.COMMAND)) == (Difference(Cause.COMMAND, None, Change.MODIFIED, None, "old", "run"),)
    changed = Reason(Cause.DEPENDENCY, "sub/in", Change.MODIFIED)
    assert of(changed, deps={"sub/in": B}) == (Difference(Cause.DEPENDENCY, "sub/in", Change.MODIFIED, None, A, B),)
    assert of(changed, None, deps={"sub/in": B}) == (
        Difference(Cause.DEPENDENCY, "sub/in", Change.MODIFIED, None, UNSET, B),
    )
    gone = Reason(Cause.OUTPUT, "sub/out", Change.DELETED)
    assert of(gone, outs={"sub/out": OutputState(None, True)}) == (
        Difference(Cause.OUTPUT, "sub/out", Change.DELETED, None, A, UNSET),
    )
    assert of(Reason(Cause.ALWAYS)) == (Difference(Cause.ALWAYS),)


def test_of_a_group_of_parameters_only_what_differs() -> None:
    present = {"lr": 1, "opt": {"adam": {"b1": 1, "b2": 3}, "list": (1, 2), "added": {"x": 1}}}
    path = "sub/params.yaml"
    assert of(Reason(Cause.PARAMETER, path, Change.MODIFIED, "opt"), params={path: present}) == (
        Difference(Cause.PARAMETER, path, Change.MODIFIED, "opt.adam.b2", 2, 3),
        Difference(Cause.PARAMETER, path, Change.NEW, "opt.added", UNSET, {"x": 1}),
        Difference(Cause.PARAMETER, path, Change.DELETED, "opt.gone", 1, UNSET),
    )
    assert of(Reason(Cause.PARAMETER, path, Change.DELETED), params={path: None}) == (
        Difference(Cause.PARAMETER, path, Change.DELETED),
    )


def test_not_a_number_is_no_change() -> None:
    nan = float("nan")
    lock = msgspec.structs.replace(LOCK, params={"params.yaml": {"opt": {"a": nan, "b": 1}}})
    reason = Reason(Cause.PARAMETER, "sub/params.yaml", Change.MODIFIED, "opt")
    (found,) = of(reason, lock, params={"sub/params.yaml": {"opt": {"a": float("nan"), "b": 2}}})
    assert (found.name, found.old, found.new) == ("opt.b", 1, 2)


def test_the_files_of_a_folder_are_told_where_both_lists_are_known() -> None:
    reason = Reason(Cause.DEPENDENCY, "sub/src", Change.MODIFIED)
    observed = Observed(deps={"sub/src": DIR_B})
    assert folder_hashes(STAGE, LOCK, [reason], observed) == {"sub/src": (DIR_A, DIR_B)}
    (unknown,) = differences(STAGE, LOCK, [reason], observed)
    assert unknown.files is None
    listings = {DIR_A: {"same": A, "edited": A, "gone": A}, DIR_B: {"same": A, "edited": B, "new": B}}
    (known,) = of(reason, deps={"sub/src": DIR_B}, listings=listings)
    assert known.files == compare_files(listings[DIR_A], listings[DIR_B])
    assert known.files == (
        FileDifference("edited", Change.MODIFIED, A, B),
        FileDifference("gone", Change.DELETED, A, None),
        FileDifference("new", Change.NEW, None, B),
    )


COMMAND = (Reason(Cause.COMMAND),)
GONE = (Reason(Cause.OUTPUT, "sub/out", Change.DELETED),)


@pytest.mark.parametrize(
    ("changes", "reasons", "given", "action"),
    [
        ({}, (), {}, Action.NOTHING),
        ({}, COMMAND, {}, Action.RUN),
        ({}, COMMAND, {"hit": HIT}, Action.RESTORE),
        ({}, (), {"upstream": ["a"]}, Action.DEPENDS),
        ({}, COMMAND, {"upstream": ["a"]}, Action.RUN),
        ({}, COMMAND, {"missing": [Missing("x")], "upstream": ["a"]}, Action.FAIL),
        ({}, (), {"blocked": True}, Action.FAIL),
        ({"frozen": True}, (), {"upstream": ["a"]}, Action.NOTHING),
        ({"frozen": True}, COMMAND, {}, Action.RECORD),
        ({"frozen": True}, GONE, {"outs": {"sub/out": OutputState(None, True)}}, Action.RESTORE),
        ({"frozen": True}, (*COMMAND, *GONE), {"outs": {"sub/out": OutputState(None, True)}}, Action.RECORD),
        ({"frozen": True}, GONE, {"outs": {"sub/out": OutputState(None, False)}}, Action.FAIL),
        ({"command": None}, GONE, {"outs": {"sub/out": OutputState(None, True)}}, Action.RESTORE),
    ],
)
def test_what_is_decided(
    changes: dict[str, Any], reasons: tuple[Reason, ...], given: dict[str, Any], action: Action
) -> None:
    given = {"outs": {}, **given}
    assert decide(msgspec.structs.replace(STAGE, **changes), reasons, **given) == action


# In a repository

PIPELINE = """
    stages:
      prepare:
        cmd: cat raw src/* > data/a
        deps: [raw, src]
        params: [prepare]
        outs: [data]
      train: {cmd: cat data/a > model, deps: [data], params: [train.lr], outs: [model]}
      score: {cmd: wc -c < model > score, deps: [model], outs: [{score: {cache: false}}]}
      other: {cmd: cat raw > other, deps: [raw], outs: [other]}
"""


@pytest.fixture
def ran(project: Project) -> Project:
    project.write("dvc.yaml", PIPELINE.replace("cat raw src", "mkdir data; cat raw src"))
    project.write("raw", "1\n")
    for i in range(3):
        project.write(f"src/{i}.py", f"{i}\n")
    project.write("params.yaml", "prepare: {size: {x: 1, y: 2}, seed: 1}\ntrain: {lr: 0.1, name: x}\n")
    project.repro(jobs=1)
    return project


def explain(project: Project, *addresses: str, **options: Any) -> dict[str, Explanation]:
    repo = project.open()
    found = explain_pipeline(repo, load_pipeline(repo), addresses or None, **options)
    return {each.stage: each for each in found}


def edit(path: str, old: str, new: str) -> Callable[[Project], object]:
    return lambda project: project.write(path, project.read(path).replace(old, new, 1))


def without_cache(project: Project) -> None:
    subprocess.run(["chmod", "-R", "u+w", ".dvc/cache"], check=True)
    shutil.rmtree(".dvc/cache")


def unlink(path: str) -> Callable[[Project], object]:
    return lambda project: os.unlink(project.root / path)


def earlier_inputs(project: Project) -> None:
    project.write("raw", "2\n")
    project.repro(jobs=1)
    project.write("raw", "1\n")


def no_record(project: Project) -> None:
    (project.root / "dvc.lock").unlink()
    without_cache(project)


CHANGES: dict[str, tuple[Callable[[Project], object], str]] = {
    "nothing": (lambda project: None, "nothing nothing nothing nothing"),
    "a parameter": (edit("params.yaml", "0.1", "0.2"), "nothing run depends nothing"),
    "a parameter of a group": (edit("params.yaml", "y: 2", "y: 3"), "run depends depends nothing"),
    "a parameter that is gone": (edit("params.yaml", "lr: 0.1, ", ""), "nothing fail fail nothing"),
    "a file in a folder": (edit("src/1.py", "1", "one"), "run depends depends nothing"),
    "what two read": (edit("raw", "1", "2"), "run depends depends run"),
    "what went before": (earlier_inputs, "restore depends depends restore"),
    "the command": (edit("dvc.yaml", "cat data/a", "cat  data/a"), "nothing run depends nothing"),
    "an output deleted": (unlink("model"), "nothing restore depends nothing"),
    "an output edited": (edit("score", "", "x"), "nothing nothing run nothing"),
    "no cache": (without_cache, "run run depends run"),
    "no record": (no_record, "run run run run"),
    "no dvc.lock": (unlink("dvc.lock"), "restore run run restore"),
    "a missing dependency": (unlink("raw"), "fail fail fail fail"),
    "frozen": (edit("dvc.yaml", "cmd: mkdir", "frozen: true\n    cmd: mkdir"), "nothing nothing nothing nothing"),
    "always": (
        edit("dvc.yaml", "cmd: mkdir", "always_changed: true\n    cmd: mkdir"),
        "run depends depends nothing",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_explained_is_what_a_dry_run_says(ran: Project, change: str) -> None:
    do, expected = CHANGES[change]
    do(ran)
    found = explain(ran)
    assert {name: str(each.action) for name, each in found.items()} == dict(
        zip(("prepare", "train", "score", "other"), expected.split(), strict=True)
    )
    outcomes = {
        Action.RUN: {Outcome.WOULD_RUN},
        Action.DEPENDS: {Outcome.WOULD_RUN},
        Action.RESTORE: {Outcome.RESTORED},
        Action.NOTHING: {Outcome.UNCHANGED},
        Action.FAIL: {Outcome.FAILED, Outcome.SKIPPED},
    }
    said: dict[str, str] = {}
    try:
        said = ran.repro(dry=True, keep_going=True)
    except SiglumError:
        failed = {event.stage.address: "failed" for event in ran.events if isinstance(event, StageFailed)}
        said = failed | {event.stage.address: "skipped" for event in ran.events if isinstance(event, StageSkipped)}
    assert said
    assert all(outcome in outcomes[found[name].action] for name, outcome in said.items())


def test_differences_in_a_repository(ran: Project) -> None:
    edit("params.yaml", "y: 2", "y: 3")(ran)
    edit("src/1.py", "1", "one")(ran)
    ran.write("src/new.py", "n")
    prepare = explain(ran)["prepare"]
    source, parameter = prepare.differences
    assert (parameter.name, parameter.old, parameter.new) == ("prepare.size.y", 2, 3)
    assert source.files is not None
    assert [(each.path, str(each.change)) for each in source.files] == [("1.py", "modified"), ("new.py", "new")]


def test_the_lists_of_folders_that_only_git_has_are_remembered(ran: Project) -> None:
    edit("src/1.py", "1", "one")(ran)
    shutil.rmtree(ran.root / ".dvc/tmp/siglum/folders")
    assert explain(ran)["prepare"].differences[0].files is None
    ran.repro()
    edit("src/1.py", "one", "1")(ran)
    (again,) = explain(ran)["prepare"].differences
    assert again.files is not None
    assert [each.path for each in again.files] == ["1.py"]


def test_a_hit_names_its_run(ran: Project) -> None:
    earlier_inputs(ran)
    asked = []

    def run_of(result: str) -> str | None:
        asked.append(result)
        return "run-1"

    hit = explain(ran, run_of=run_of)["other"].hit
    assert hit is not None
    assert hit.run_id == "run-1"
    assert hit.entry in asked
    assert list((ran.root / ".dvc/cache/runs").glob(f"*/*/{hit.entry}"))


def test_only_the_named_are_explained_though_what_comes_first_counts(ran: Project) -> None:
    edit("params.yaml", "y: 2", "y: 3")(ran)
    assert {name: (each.action, each.upstream) for name, each in explain(ran, "train").items()} == {
        "train": (Action.DEPENDS, ("prepare",))
    }


def test_data_is_named_only_when_it_changed(project: Project) -> None:
    project.write("d", "1")
    (project.root / ".gitignore").touch()
    project.write("d.dvc", "outs:\n- md5: c4ca4238a0b923820dcc509a6f75849b\n  size: 1\n  hash: md5\n  path: d\n")
    found = explain(project)
    assert {each.stage: (each.action, each.differences[0].change) for each in found.values()} == {
        "d.dvc": (Action.RECORD, Change.NOT_IN_CACHE)
    }
    project.repro("d.dvc")
    assert explain(project) == {}
    (project.root / "d").unlink()
    assert explain(project)["d.dvc"].action is Action.RESTORE
