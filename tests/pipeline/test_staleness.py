"""Why a stage is out of date: DVC's rules, one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from siglum.pipeline.definition.stages import Dependency, Output, ParamsDependency, Stage
from siglum.pipeline.records.lock import LockedPath, StageLock
from siglum.pipeline.status.staleness import (
    Cause,
    Change,
    OutputState,
    Reason,
    input_reasons,
    output_reasons,
    parameter_reasons,
)

A, B = "a" * 32, "b" * 32
STAGE = Stage(
    "s",
    "s",
    "dvc.yaml",
    "",
    command="run",
    deps=(Dependency("in", "in"),),
    params=(ParamsDependency("params.yaml", "params.yaml", ("lr", "opt")),),
    outs=(Output("out", "out"), Output("m", "m", cache=False)),
)
PARAMS = {"lr": 1, "opt": {"n": [1, 2]}}
LOCK = StageLock(
    "run",
    deps=(LockedPath("in", "md5", A),),
    params={"params.yaml": PARAMS},
    outs=(LockedPath("out", "md5", A), LockedPath("m", "md5", A)),
)
FINE = {"out": OutputState(A, True), "m": OutputState(A, False)}


def inputs(
    stage: Stage = STAGE,
    lock: StageLock | None = LOCK,
    dep: str | None = A,
    params: dict[str, Any] | None = PARAMS,
) -> tuple[Reason, ...]:
    return input_reasons(stage, lock, {"in": dep}, {"params.yaml": params})


def test_nothing_changed() -> None:
    assert inputs() == ()
    assert output_reasons(STAGE.outs, LOCK, FINE) == ()


def test_inputs() -> None:
    changed = msgspec.structs.replace(STAGE, command=("run",))
    assert inputs(changed) == (Reason(Cause.COMMAND),)
    assert inputs(dep=B) == (Reason(Cause.DEPENDENCY, "in", Change.MODIFIED),)
    assert inputs(dep=None) == (Reason(Cause.DEPENDENCY, "in", Change.DELETED),)
    assert inputs(params=None) == (Reason(Cause.PARAMETER, "params.yaml", Change.DELETED),)
    assert inputs(params={"lr": 2}) == (
        Reason(Cause.PARAMETER, "params.yaml", Change.MODIFIED, "lr"),
        Reason(Cause.PARAMETER, "params.yaml", Change.DELETED, "opt"),
    )


def test_nothing_recorded_is_a_change_of_inputs_but_not_of_the_command() -> None:
    assert inputs(lock=None) == (
        Reason(Cause.DEPENDENCY, "in", Change.MODIFIED),
        Reason(Cause.PARAMETER, "params.yaml", Change.NEW),
    )


def test_a_frozen_stage_has_its_command_only() -> None:
    frozen = msgspec.structs.replace(STAGE, frozen=True, always_changed=True)
    assert inputs(frozen, dep=B) == ()
    assert inputs(msgspec.structs.replace(frozen, command="x")) == (Reason(Cause.COMMAND),)


def test_what_runs_always() -> None:
    assert inputs(msgspec.structs.replace(STAGE, always_changed=True)) == (Reason(Cause.ALWAYS),)
    callback = Stage("c", "c", "dvc.yaml", "", command="echo")
    assert input_reasons(callback, StageLock("echo"), {}, {}) == (Reason(Cause.ALWAYS),)


def test_a_whole_parameters_file() -> None:
    stage = msgspec.structs.replace(STAGE, params=(ParamsDependency("params.yaml", "params.yaml"),))
    lock = msgspec.structs.replace(LOCK, params={"params.yaml": {"gone": 1, "same": [1], "other": 1}})
    assert parameter_reasons(stage, lock, {"params.yaml": {"same": [1], "other": 2, "added": 3}}) == (
        Reason(Cause.PARAMETER, "params.yaml", Change.MODIFIED, "other"),
        Reason(Cause.PARAMETER, "params.yaml", Change.NEW, "added"),
        Reason(Cause.PARAMETER, "params.yaml", Change.DELETED, "gone"),
    )


@pytest.mark.parametrize(
    ("state", "change"),
    [
        (OutputState(B, True), Change.MODIFIED),
        (OutputState(None, True), Change.DELETED),
        (OutputState(A, False), Change.NOT_IN_CACHE),
        (OutputState(None, False), Change.NOT_IN_CACHE),
    ],
)
def test_outputs(state: OutputState, change: Change) -> None:
    assert output_reasons(STAGE.outs, LOCK, FINE | {"out": state}) == (Reason(Cause.OUTPUT, "out", change),)


def test_an_uncached_output_is_judged_by_the_workspace_only() -> None:
    assert output_reasons(STAGE.outs, LOCK, FINE | {"m": OutputState(B, False)}) == (
        Reason(Cause.OUTPUT, "m", Change.MODIFIED),
    )


def test_outputs_of_which_nothing_is_recorded() -> None:
    assert [reason.change for reason in output_reasons(STAGE.outs, None, FINE | {"m": OutputState(None, False)})] == [
        Change.MODIFIED,
        Change.DELETED,
    ]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason(Cause.COMMAND), "the command changed"),
        (Reason(Cause.ALWAYS), "it runs always"),
        (Reason(Cause.DEPENDENCY, "in", Change.MODIFIED), "in is changed"),
        (Reason(Cause.PARAMETER, "p.yaml", Change.NEW, "lr"), "lr in p.yaml is new"),
        (Reason(Cause.PARAMETER, "p.yaml", Change.DELETED), "p.yaml is missing"),
        (Reason(Cause.OUTPUT, "o", Change.NOT_IN_CACHE), "o is not in the cache"),
    ],
)
def test_reasons_in_words(reason: Reason, said: str) -> None:
    assert str(reason) == said
