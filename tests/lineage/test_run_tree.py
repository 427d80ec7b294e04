"""Nested runs in a list, and what is remembered of who made what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lineage.recording_stores import Between

from siglum.client.stores import Stores, open_stores
from siglum.lineage.run_tree import as_tree, stage_rows
from siglum.lineage.stage_links import RESULT_TAG, links_of, made_by
from siglum.lineage.stage_record import StageRow, note
from siglum.tracking.entities import LifecycleStage, Run, RunData, RunInfo, RunStatus, Tag


def run(name: str, start: int, parent: str | None = None, **tags: str) -> Run:
    info = RunInfo(
        run_id=name, run_name=name, experiment_id="0", user_id="", status=RunStatus.FINISHED, start_time=start,
        end_time=None, artifact_uri="", lifecycle_stage=LifecycleStage.ACTIVE,
    )  # fmt: skip
    return Run(info=info, data=RunData(tags=tags | ({} if parent is None else {"mlflow.parentRunId": parent})))


def test_nested_runs_stand_below() -> None:
    listed = [
        run("alone", 9), run("c2", 8, "b"), run("c1", 7, "b"), run("b", 6, "a"), run("a", 5), run("orphan", 4, "gone")
    ]  # fmt: skip
    found = [(depth, each.info.run_id) for depth, each in as_tree(listed)]
    assert found == [(0, "alone"), (0, "a"), (1, "b"), (2, "c1"), (2, "c2"), (0, "orphan")]


def test_circles_are_listed_once() -> None:
    listed = [run("a", 1, "b"), run("b", 2, "a"), run("own", 3, "own")]
    assert sorted(each.info.run_id for _, each in as_tree(listed)) == ["a", "b", "own"]


def test_stages_of_a_repro() -> None:
    (row,) = stage_rows(run("a", 1, **{"siglum.stages": '[{"stage": "s", "outcome": "ran", "run_id": "b"}]'}))
    assert row == StageRow(stage="s", outcome="ran", run_id="b")
    assert stage_rows(run("a", 1)) == stage_rows(run("a", 1, **{"siglum.stages": "[nothing"})) == ()


def test_the_note_is_a_table_of_bounded_length() -> None:
    rows = [StageRow(stage=f"a|{i}", outcome="ran", seconds=1.25, run_id="r") for i in range(300)]
    lines = note(rows).splitlines()
    assert lines[2] == "| a\\|0 | ran | 1.2 | r |"
    assert lines[-1] == "| and 250 more in siglum/stages.json | | | |"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = open_stores(f"sqlite:///{tmp_path}/siglum.db")
    yield opened
    opened.close()


def test_the_latest_run_that_made_a_result_is_found_once(stores: Stores, tmp_path: Path) -> None:
    for start, status in ((1, RunStatus.FINISHED), (2, RunStatus.FINISHED), (3, RunStatus.FAILED)):
        made = stores.tracking.create_run("0", start_time=start, tags=[Tag(RESULT_TAG, "x" * 64)])
        stores.tracking.update_run(made.info.run_id, status=status)
        if start == 2:
            wanted = made.info.run_id
    watched = Between(stores.tracking)
    for _ in range(2):
        links = links_of(str(tmp_path), "sqlite:///x")
        assert made_by("x" * 64, links, watched) == wanted
        assert made_by("y" * 64, links, watched) is None
        links.save()
        links.save()
    assert watched.calls.count("search_runs") == 2
    assert links_of(str(tmp_path), "sqlite:///other").get("x" * 64) is None
    (tmp_path / "siglum/runs/links.json").write_text("{broken")
    assert links_of(str(tmp_path), "sqlite:///x").get("x" * 64) is None
