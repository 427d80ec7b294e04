"""Threads, workers and ranks that log to runs of one server: no record is lost, and none is there twice."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.client.spool.conftest import Command, Script, listed

import siglum
from siglum.client.stores import Stores, open_stores
from siglum.testing.server import ServerProcess
from siglum.tracking.entities import RunStatus

POINTS = 300


@pytest.fixture
def there(server: ServerProcess) -> Iterator[Stores]:
    """What the server has, asked without a spool."""
    stores = open_stores(server.url)
    yield stores
    stores.close()


def steps(there: Stores, run_id: str, key: str) -> list[int]:
    return [point.step for point in there.tracking.metric_history(run_id, key, max_results=25_000).items]


@pytest.mark.parametrize("method", ["fork", "spawn", "loky", "killed"])
def test_workers_log_to_the_run_of_their_parent(
    there: Stores, server: ServerProcess, script: Script, method: str, project: Path
) -> None:
    """Also those that end without a word: `os._exit`, as a pool that is torn down."""
    training = script(
        f"""
        import multiprocessing, os, siglum

        METHOD = {method!r}

        def work(run_id, worker):
            siglum.set_tracking_uri({server.url!r})
            for step in range({POINTS}):
                siglum.log_metric(f"worker{{worker}}", float(step), step=step, run_id=run_id)
            siglum.MlflowClient().set_tag(run_id, f"worker{{worker}}", "done")
            for step in range({POINTS}, 2 * {POINTS}):
                siglum.log_metric(f"worker{{worker}}", float(step), step=step, run_id=run_id)
            if METHOD == "killed":
                os._exit(0)

        if __name__ == "__main__":
            siglum.set_tracking_uri({server.url!r})
            with siglum.start_run() as run:
                print(run.info.run_id, flush=True)
                siglum.log_metric("parent", 0.0, step=0)
                if METHOD == "loky":
                    import joblib
                    joblib.Parallel(n_jobs=2)(joblib.delayed(work)(run.info.run_id, number) for number in range(3))
                else:
                    context = multiprocessing.get_context("spawn" if METHOD == "spawn" else "fork")
                    workers = [context.Process(target=work, args=(run.info.run_id, n)) for n in range(3)]
                    for worker in workers:
                        worker.start()
                    for step in range(1, {POINTS}):
                        siglum.log_metric("parent", float(step), step=step)
                    for worker in workers:
                        worker.join()
        """
    )
    out, errors = training.communicate(timeout=300)
    assert training.returncode == 0, errors
    run_id = out.strip()
    run = there.tracking.get_run(run_id)
    assert run.info.status == RunStatus.FINISHED
    for worker in range(3):
        assert steps(there, run_id, f"worker{worker}") == list(range(2 * POINTS))
        assert run.data.tags[f"worker{worker}"] == "done"
    assert steps(there, run_id, "parent") == list(range(POINTS if method != "loky" else 1))
    assert os.listdir(project / "spool") == []


def test_a_worker_that_lives_on_does_not_hold_its_parents_spool(script: Script, command: Command) -> None:
    training = script(
        """
        import os, siglum
        siglum.start_run()
        siglum.log_metric("loss", 1.0)
        if os.fork():
            print("ready", flush=True)
        input()
        """
    )
    assert training.stdout is not None
    assert training.stdout.readline() == "ready\n"
    assert [each["alive"] for each in listed(command)] == [True]
    training.kill()
    training.wait()
    assert "marked it KILLED" in command("sync").stdout


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise ValueError", "pass"])
def test_a_forked_child_that_ends_does_not_end_its_parents_run(
    there: Stores, server: ServerProcess, script: Script, end: str
) -> None:
    """Neither where it leaves the run's block nor by what is done at exit; what it logged is there."""
    training = script(
        f"""
        import os, sys, siglum
        siglum.set_tracking_uri({server.url!r})
        siglum.start_run()
        with siglum.start_run(nested=True) as run:
            child = os.fork()
            if not child:
                siglum.log_metric("child", 1.0)
                {end}
            else:
                os.waitpid(child, 0)
                print(run.info.run_id, flush=True)
                input()
        if not child:
            sys.exit()
        """
    )
    assert training.stdout is not None
    run_id = training.stdout.readline().strip()
    run = there.tracking.get_run(run_id)
    parent = there.tracking.get_run(run.data.tags["mlflow.parentRunId"])
    assert [each.info.status for each in (run, parent)] == [RunStatus.RUNNING, RunStatus.RUNNING]
    assert run.data.metrics == {"child": 1.0}
    _, errors = training.communicate("\n", timeout=120)
    assert training.returncode == 0, errors
    ended = [there.tracking.get_run(each).info.status for each in (run_id, parent.info.run_id)]
    assert ended == [RunStatus.FINISHED, RunStatus.FINISHED]


def test_several_runs_at_once_in_threads(there: Stores, server: ServerProcess, project: Path) -> None:
    siglum.set_tracking_uri(server.url)
    ids: dict[int, str] = {}
    shared = siglum.MlflowClient().create_run("0").info.run_id

    def train(number: int) -> None:
        with siglum.start_run(run_name=f"run{number}") as run:
            ids[number] = run.info.run_id
            siglum.log_params({"number": number})
            for step in range(POINTS):
                siglum.log_metric("loss", number + step, step=step)
                siglum.log_metric(f"thread{number}", step, step=step, run_id=shared)

    threads = [threading.Thread(target=train, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    siglum.flush()
    for number in range(4):
        run = there.tracking.get_run(ids[number])
        assert (run.info.run_name, run.info.status) == (f"run{number}", RunStatus.FINISHED)
        assert run.data.params == {"number": str(number)}
        assert run.data.metrics == {"loss": float(number + POINTS - 1)}
        assert steps(there, ids[number], "loss") == list(range(POINTS))
        assert steps(there, shared, f"thread{number}") == list(range(POINTS))


def test_ranks_of_a_distributed_training(there: Stores, server: ServerProcess, script: Script) -> None:
    """Rank 0 has the run, the others log to it and to runs below it, tagged with their rank; the server is away."""
    ranks = []
    rank0 = """
        import siglum
        siglum.set_tracking_uri("URL")
        with siglum.start_run() as run:
            siglum.flush()
            print(run.info.run_id, flush=True)
            input()
            for step in range(300):
                siglum.log_metric("loss", float(step), step=step)
            print("logged", flush=True)
            input()
        """
    other = """
        import os, siglum
        siglum.set_tracking_uri("URL")
        rank = os.environ["RANK"]
        with siglum.start_run(parent_run_id=os.environ["MAIN_RUN"], tags={"rank": rank}) as run:
            for step in range(300):
                siglum.log_metric("loss", float(step), step=step)
                siglum.log_metric(f"rank{rank}/loss", float(step), step=step, run_id=os.environ["MAIN_RUN"])
        print(run.info.run_id, flush=True)
        input()
        """
    first = script(rank0.replace("URL", server.url))
    assert first.stdout is not None
    assert first.stdin is not None
    main = first.stdout.readline().strip()
    server.kill()
    try:
        print(file=first.stdin, flush=True)
        assert first.stdout.readline() == "logged\n"
        ranks = [script(other.replace("URL", server.url), RANK=str(rank), MAIN_RUN=main) for rank in (1, 2)]
        below = [rank.stdout.readline().strip() for rank in ranks if rank.stdout is not None]
    finally:
        server.start()
    for process in (first, *ranks):
        _, errors = process.communicate("\n", timeout=120)
        assert process.returncode == 0, errors
    assert steps(there, main, "loss") == list(range(300))
    for rank, run_id in zip((1, 2), below, strict=True):
        run = there.tracking.get_run(run_id)
        assert (run.data.tags["rank"], run.data.tags["mlflow.parentRunId"]) == (str(rank), main)
        assert run.info.status == RunStatus.FINISHED
        assert steps(there, run_id, "loss") == list(range(300))
        assert steps(there, main, f"rank{rank}/loss") == list(range(300))
