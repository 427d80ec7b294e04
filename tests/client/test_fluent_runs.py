"""The life of runs in the fluent API, on the embedded store."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import siglum
from siglum.client import state
from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from siglum.tracking.entities import LifecycleStage, Run, RunStatus


def test_a_with_block_ends_the_run(project: Path) -> None:
    with siglum.start_run(run_name="first", description="why") as run:
        assert isinstance(run, Run)
        current = siglum.active_run()
        assert current is not None
        assert current.info.run_id == run.info.run_id
        assert siglum.get_run(run.info.run_id).info.status == RunStatus.RUNNING
    assert siglum.active_run() is None
    ended = siglum.get_run(run.info.run_id)
    assert ended.info.status == RunStatus.FINISHED
    assert ended.info.end_time is not None
    assert ended.info.run_name == "first"
    assert ended.data.tags["mlflow.note.content"] == "why"


def test_an_exception_fails_the_run(project: Path) -> None:
    with pytest.raises(ZeroDivisionError), siglum.start_run() as run:
        raise ZeroDivisionError
    assert siglum.get_run(run.info.run_id).info.status == RunStatus.FAILED


def test_two_runs_at_once_must_be_nested(project: Path) -> None:
    with siglum.start_run() as parent:
        with pytest.raises(ConflictError, match="nested=True"):
            siglum.start_run()
        with siglum.start_run(nested=True) as child:
            pass
        assert siglum.active_run() is parent
    assert siglum.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    found = siglum.get_parent_run(child.info.run_id)
    assert found is not None
    assert found.info.run_id == parent.info.run_id
    assert siglum.get_parent_run(parent.info.run_id) is None


def test_a_parent_by_id(project: Path) -> None:
    with siglum.start_run() as parent:
        pass
    with siglum.start_run(parent_run_id=parent.info.run_id) as child:
        pass
    assert siglum.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    with pytest.raises(NotFoundError):
        siglum.start_run(parent_run_id="0" * 32)


def test_a_run_left_open_inside_is_ended_with_the_outer(project: Path) -> None:
    with siglum.start_run() as outer:
        inner = siglum.start_run(nested=True)
    assert siglum.active_run() is None
    for run in (outer, inner):
        assert siglum.get_run(run.info.run_id).info.status == RunStatus.FINISHED


def test_ending_a_run_in_its_block(project: Path) -> None:
    with siglum.start_run() as run:
        siglum.end_run("KILLED")
    assert siglum.get_run(run.info.run_id).info.status == RunStatus.KILLED
    siglum.end_run()  # none is active: nothing happens
    with siglum.start_run(), pytest.raises(InvalidInputError, match="FINISHED"):
        siglum.end_run("DONE")


def test_a_run_goes_on(project: Path) -> None:
    with siglum.start_run() as run:
        siglum.log_param("a", 1)
    with siglum.start_run(run_id=run.info.run_id, tags={"more": "yes"}) as again:
        assert again.info.status == RunStatus.RUNNING
        siglum.log_param("b", 2)
    found = siglum.get_run(run.info.run_id)
    assert found.data.params == {"a": "1", "b": "2"}
    assert found.data.tags["more"] == "yes"
    assert found.info.status == RunStatus.FINISHED


def test_going_on_keeps_the_record_of_who_started_it(project: Path) -> None:
    with siglum.start_run() as run:
        pass
    before = siglum.get_run(run.info.run_id).data.tags
    (project / "train.py").write_text("print('changed')\n")
    with siglum.start_run(run_id=run.info.run_id):
        siglum.log_metric("late", 1)
    assert siglum.get_run(run.info.run_id).data.tags == before


def test_a_run_without_a_record_gets_one_when_it_goes_on(project: Path) -> None:
    bare = siglum.MlflowClient().create_run("0")
    with siglum.start_run(run_id=bare.info.run_id):
        pass
    tags = siglum.get_run(bare.info.run_id).data.tags
    assert tags["siglum.recipe_digest"].startswith("sha256:")


@pytest.mark.parametrize("name", ["SIGLUM_RUN_ID", "MLFLOW_RUN_ID"])
def test_the_environment_names_the_run_once(project: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    made = siglum.MlflowClient().create_run("0")
    monkeypatch.setenv(name, made.info.run_id)
    with siglum.start_run() as first:
        pass
    with siglum.start_run() as second:
        pass
    assert first.info.run_id == made.info.run_id != second.info.run_id


def test_what_cannot_be_resumed(project: Path) -> None:
    with siglum.start_run() as run:
        pass
    other = siglum.create_experiment("other")
    with pytest.raises(InvalidInputError, match="belongs to experiment"):
        siglum.start_run(run_id=run.info.run_id, experiment_id=other)
    siglum.delete_run(run.info.run_id)
    with pytest.raises(ConflictError, match="deleted"):
        siglum.start_run(run_id=run.info.run_id)
    with pytest.raises(NotFoundError):
        siglum.start_run(run_id="f" * 32)
    assert siglum.active_run() is None
    siglum.restore_run(run.info.run_id)
    assert siglum.get_run(run.info.run_id).info.lifecycle_stage == LifecycleStage.ACTIVE


def test_what_is_not_there_is_refused(project: Path) -> None:
    with pytest.raises(InvalidInputError):
        siglum.start_run(description="a", tags={"mlflow.note.content": "b"})
    with pytest.raises(NotFoundError):
        siglum.start_run(experiment_id="77")


def test_each_thread_has_its_own_runs(project: Path) -> None:
    seen: list[str | None] = []

    def work() -> None:
        active = siglum.active_run()
        seen.append(active.info.run_id if active else None)
        with siglum.start_run() as run:
            siglum.log_metric("x", 1)
            seen.append(run.info.run_id)

    with siglum.start_run() as outer:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert siglum.active_run() is outer
    assert seen[0] is None
    assert seen[1] is not None
    assert siglum.get_run(seen[1]).data.metrics == {"x": 1}


def test_the_last_run_is_remembered(project: Path) -> None:
    with siglum.start_run() as run:
        siglum.log_metric("x", 3)
    last = siglum.last_active_run()
    assert last is not None
    assert (last.info.run_id, last.data.metrics) == (run.info.run_id, {"x": 3})


def test_logging_starts_a_run_as_mlflow_does(project: Path) -> None:
    siglum.log_param("a", 1)
    run = siglum.active_run()
    assert run is not None
    siglum.end_run()
    assert siglum.get_run(run.info.run_id).data.params == {"a": "1"}


def test_a_run_stays_in_the_store_it_was_started_in(project: Path) -> None:
    with siglum.start_run() as run:
        siglum.set_tracking_uri("sqlite:///other.db")
        siglum.log_metric("x", 1)
        siglum.log_param("p", 1)
    with pytest.raises(NotFoundError):
        siglum.get_run(run.info.run_id)
    siglum.set_tracking_uri("")
    found = siglum.get_run(run.info.run_id)
    assert (found.data.metrics, found.data.params, found.info.status) == ({"x": 1}, {"p": "1"}, RunStatus.FINISHED)


def script(project: Path, text: str) -> subprocess.CompletedProcess[str]:
    (project / "script.py").write_text(text)
    return subprocess.run(
        [sys.executable, "script.py"], cwd=project, capture_output=True, text=True, check=False, env=dict(os.environ)
    )


def test_the_end_of_the_process_ends_the_run_and_sends_what_is_queued(project: Path) -> None:
    done = script(
        project,
        "import siglum\nrun = siglum.start_run()\nfor i in range(3000):\n    siglum.log_metric('m', i, step=i)\n"
        "print(run.info.run_id)\n",
    )
    assert (done.returncode, done.stderr) == (0, "")
    run = siglum.get_run(done.stdout.strip())
    assert run.info.status == RunStatus.FINISHED
    assert len(siglum.MlflowClient().get_metric_history(run.info.run_id, "m")) == 3000


def test_a_script_that_dies_of_an_exception_fails_its_run(project: Path) -> None:
    done = script(
        project,
        "import siglum\nrun = siglum.start_run()\nprint(run.info.run_id, flush=True)\n"
        "siglum.log_metric('m', 1)\nraise ValueError('boom')\n",
    )
    assert done.returncode == 1
    run = siglum.get_run(done.stdout.strip())
    assert (run.info.status, run.data.metrics) == (RunStatus.FAILED, {"m": 1})


def test_a_forked_worker_logs_to_the_run(project: Path) -> None:
    done = script(
        project,
        "import os, siglum\n"
        "with siglum.start_run() as run:\n"
        "    siglum.log_metric('parent', 1)\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        siglum.log_metric('child', 2)\n"
        "        siglum.flush()\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "print(run.info.run_id)\n",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert siglum.get_run(done.stdout.strip()).data.metrics == {"parent": 1, "child": 2}


def test_unsent_points_at_exit_are_said(project: Path) -> None:
    done = script(
        project,
        "import siglum\nfrom siglum.client import active\n"
        "run = siglum.start_run()\n"
        "siglum.log_metric('m', 1)\nsiglum.flush()\n"
        "siglum.MlflowClient().delete_run(run.info.run_id)\n"
        "siglum.log_metric('m', 2)\n",
    )
    assert "1 metric point of run" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_nobody_knows_stops_nothing_else(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its records wait, since another machine may yet send it; the store answers, and is asked for other things."""
    with siglum.start_run(run_name="known"):
        with pytest.raises(NotFoundError):
            siglum.log_metric("loss", 1, run_id="0" * 32, synchronous=True)
        siglum.log_metric("loss", 1, run_id="0" * 31 + "1")
        assert [run.info.run_name for run in siglum.search_runs(output_format="list")] == ["known"]
    with pytest.raises(UnavailableError, match="Run with id=00000000000000000000000000000001 not found"):
        state.close_all()
    assert "not found. It is kept in" in caplog.text


def test_after_nested_runs_the_outer_one_was_the_last(project: Path) -> None:
    with siglum.start_run() as outer, siglum.start_run(nested=True):
        pass
    last = siglum.last_active_run()
    assert last is not None
    assert last.info.run_id == outer.info.run_id


def test_arguments_as_scripts_write_them(project: Path) -> None:
    """Numbers for names and ids, an empty variable for no run, a name that is also among the tags."""
    with siglum.start_run(run_id="", run_name=5, tags={"mlflow.runName": "another"}) as run:  # type: ignore[arg-type]
        assert (run.info.run_name, run.data.tags["mlflow.runName"]) == ("5", "5")
    siglum.set_experiment("other")
    with siglum.start_run(experiment_id=0) as run:  # type: ignore[arg-type]
        assert run.info.experiment_id == "0"
    assert siglum.get_experiment(0).name == "Default"  # type: ignore[arg-type]
    client = siglum.MlflowClient()
    made = client.create_run(0, run_name=7)  # type: ignore[arg-type]
    assert (made.info.experiment_id, made.info.run_name) == ("0", "7")
    found = client.search_experiments(view_type="all")  # type: ignore[arg-type]
    assert [each.name for each in found] == ["other", "Default"]
    for wrong in (lambda: siglum.get_experiment(None), lambda: siglum.search_runs(run_view_type=9)):  # type: ignore[arg-type]
        with pytest.raises(InvalidInputError):
            wrong()
