"""Runs that a script starts in a stage of `siglum repro`."""

from __future__ import annotations

from pathlib import Path

import pytest

import siglum
from siglum.client import stage_run, state
from siglum.tracking.entities import Run


@pytest.fixture
def stage(project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The run of the stage that this process is said to run in."""
    made = siglum.MlflowClient().create_run("0", tags={"siglum.kind": "stage", "mlflow.source.name": "dvc.yaml:s"})
    monkeypatch.setenv("SIGLUM_RUN_ID", made.info.run_id)
    monkeypatch.setenv("SIGLUM_STAGE_RUN_ID", made.info.run_id)
    return made.info.run_id


def parent_of(run: siglum.ActiveRun) -> str | None:
    return siglum.get_run(run.info.run_id).data.tags.get("mlflow.parentRunId")


def test_the_first_run_is_the_stages_own_all_others_are_nested_in_it(stage: str) -> None:
    with siglum.start_run() as first, siglum.start_run(nested=True) as inner:
        pass
    with siglum.start_run() as second:
        pass
    assert first.info.run_id == stage
    assert parent_of(inner) == parent_of(second) == stage
    tags = siglum.get_run(stage).data.tags
    assert tags["siglum.recipe_digest"].startswith("sha256:")
    assert tags["mlflow.source.name"] == "dvc.yaml:s"


def test_a_run_of_another_experiment_is_nested(stage: str) -> None:
    siglum.set_experiment("another")
    with siglum.start_run() as run:
        pass
    assert run.info.run_id != stage
    assert run.info.experiment_id != "0"
    assert parent_of(run) == stage


def test_a_run_with_a_parent_of_its_own_is_its(stage: str) -> None:
    other = siglum.MlflowClient().create_run("0").info.run_id
    with siglum.start_run(parent_run_id=other) as run:
        pass
    assert parent_of(run) == other


def test_another_run_can_be_gone_on_with(stage: str) -> None:
    other = siglum.MlflowClient().create_run("0").info.run_id
    with siglum.start_run(run_id=other) as run:
        pass
    assert run.info.run_id == other


def test_a_store_without_the_stages_run_gets_one_of_its_own(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_run, "PATIENCE_SECONDS", 0.05)
    siglum.set_tracking_uri(f"sqlite:///{tmp_path}/other.db")
    with siglum.start_run() as run:
        pass
    assert run.info.run_id != stage
    assert parent_of(run) is None


def test_the_stages_run_may_come_a_moment_later(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = "d" * 32
    monkeypatch.setenv("SIGLUM_RUN_ID", run_id)
    monkeypatch.setenv("SIGLUM_STAGE_RUN_ID", run_id)
    made: list[Run] = []

    def make(_: float) -> None:
        if not made:
            made.append(state.session().stores.tracking.create_run("0", run_id=run_id))

    monkeypatch.setattr(stage_run, "pause", make)
    with siglum.start_run() as run:
        pass
    assert run.info.run_id == run_id
    assert made
