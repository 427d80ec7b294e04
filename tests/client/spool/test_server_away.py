"""A server that is away, killed, restarted or not to be called: training goes on, and each record is stored once."""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.client.spool.conftest import Command, Script, listed

import siglum
from siglum.client import state
from siglum.client.paging import collect
from siglum.client.rest.artifacts import RestArtifactStore
from siglum.client.spool.file_delivery import FileDelivery, drop_copies
from siglum.client.spool.records import Append, File
from siglum.client.stores import Stores, open_stores
from siglum.core.errors import ConflictError, InvalidInputError, NotSupportedError, UnavailableError
from siglum.storage.artifacts.replacing import NumberedWrite, Outcome
from siglum.testing.server import ServerProcess
from siglum.tracking.entities import Param, Run, RunStatus


@pytest.fixture
def there(server: ServerProcess) -> Iterator[Stores]:
    """What the server has, asked without a spool."""
    stores = open_stores(server.url)
    yield stores
    stores.close()


def series(there: Stores, run_id: str, key: str) -> list[tuple[int, float]]:
    """Return steps and values of a series as the server has them."""
    found = collect(
        lambda size, token: there.tracking.metric_history(run_id, key, max_results=size, page_token=token), None, 25_000
    )
    return [(point.step, point.value) for point in found]


def content(there: Stores, run: Run, path: str) -> bytes:
    with there.artifacts_for(run.info.artifact_uri).open(path) as file:
        return file.read()


def log_all(run_id: str, big: bytes) -> None:
    """Log one of each kind."""
    siglum.log_params({"depth": 3, "rate": 0.1})
    siglum.set_tags({"team": "a", "rank": 0})
    siglum.log_metrics({"loss": 0.5, "score": float("nan")}, step=1, timestamp=1_700_000_000_000)
    siglum.log_text("hello", "notes/a.txt")
    siglum.log_stream(io.BytesIO(big), "model/big.bin")
    Path("data.csv").write_text("a,b\n1,2\n")
    siglum.log_input("data.csv", context="training")
    siglum.log_inputs(models=None)
    siglum.MlflowClient().set_tag(run_id, "by", "client")


def check_all(there: Stores, run_id: str, big: bytes) -> Run:
    run = there.tracking.get_run(run_id)
    assert run.data.params == {"depth": "3", "rate": "0.1"}
    assert {key: run.data.tags[key] for key in ("team", "rank", "by")} == {"team": "a", "rank": "0", "by": "client"}
    assert [(each.key, each.step, each.timestamp) for each in sorted(run.data.latest, key=lambda each: each.key)] == [
        ("loss", 1, 1_700_000_000_000),
        ("score", 1, 1_700_000_000_000),
    ]
    assert [item.dataset.name for item in run.inputs.dataset_inputs] == ["data.csv"]
    assert content(there, run, "notes/a.txt") == b"hello"
    assert content(there, run, "model/big.bin") == big
    return run


def test_a_run_of_which_the_server_sees_nothing_until_it_has_ended(
    server: ServerProcess, there: Stores, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    big = os.urandom(200_000)
    siglum.set_tracking_uri(server.url)
    server.kill()
    try:
        siglum.set_experiment("while away")
        with siglum.start_run(run_name="early") as run:
            log_all(run.info.run_id, big)
            with pytest.raises(ConflictError, match="'depth'"):  # known without the server
                siglum.log_param("depth", 4)
            with siglum.start_run(run_name="below", nested=True) as below:
                siglum.log_metric("loss", 1)
        with pytest.raises(UnavailableError):
            siglum.search_runs()
    finally:
        server.start()
    assert sum("The training goes on." in record.getMessage() for record in caplog.records) == 1
    siglum.flush()
    stored = check_all(there, run.info.run_id, big)
    assert stored.info.status == RunStatus.FINISHED
    assert stored.info.run_name == "early"
    assert stored.info.start_time == run.info.start_time
    assert stored.info.end_time is not None
    assert stored.data.tags["siglum.recipe_digest"].startswith("sha256:")
    child = there.tracking.get_run(below.info.run_id)
    assert child.data.tags["mlflow.parentRunId"] == run.info.run_id
    assert there.tracking.get_experiment(child.info.experiment_id).name == "while away"
    assert not any(name.endswith(".spool") for name in os.listdir("spool"))


def test_a_server_that_is_killed_again_and_again(server: ServerProcess, there: Stores, project: Path) -> None:
    siglum.set_tracking_uri(server.url)
    with siglum.start_run() as run:
        stopped = threading.Event()
        logged = 0

        def train() -> None:
            nonlocal logged
            while not stopped.is_set():
                siglum.log_metric("loss", float(logged), step=logged, run_id=run.info.run_id)
                logged += 1
                if logged % 500 == 0:
                    stopped.wait(0.01)

        thread = threading.Thread(target=train)
        thread.start()
        try:
            for kill in range(3):
                while logged < (kill + 1) * 5000:
                    stopped.wait(0.001)
                server.kill()
                server.start()
        finally:
            stopped.set()
            thread.join()
        siglum.flush()
    assert series(there, run.info.run_id, "loss") == [(step, float(step)) for step in range(logged)]


def test_each_call_waits_when_it_is_told_to(
    server: ServerProcess, there: Stores, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    siglum.set_tracking_uri(server.url)
    with siglum.start_run(sync="each") as run:
        siglum.log_metric("loss", 1, step=1)
        assert series(there, run.info.run_id, "loss") == [(1, 1.0)]
        siglum.log_param("a", 1)
        assert there.tracking.get_run(run.info.run_id).data.params == {"a": "1"}
        there.tracking.log_batch(run.info.run_id, params=[Param("b", "1")])
        with pytest.raises(ConflictError):  # another process was first
            siglum.log_param("b", 2)
        server.kill()
        siglum.log_metric("loss", 2, step=2)
        server.start()
    siglum.flush()
    assert series(there, run.info.run_id, "loss") == [(1, 1.0), (2, 2.0)]
    state.close_all()
    monkeypatch.setenv("SIGLUM_SYNC", "each")
    with siglum.start_run() as run:
        siglum.set_tag("t", "v")
        assert there.tracking.get_run(run.info.run_id).data.tags["t"] == "v"


@pytest.mark.parametrize("flushes", [True, False], ids=["flush", "end"])
def test_what_another_process_did_is_told_once(
    server: ServerProcess, there: Stores, project: Path, caplog: pytest.LogCaptureFixture, flushes: bool
) -> None:
    """By the thread that sends or else as the run ends; a flush raises it whether it was said or not, and once."""
    siglum.set_tracking_uri(server.url)
    run = siglum.start_run()
    there.tracking.log_batch(run.info.run_id, params=[Param("depth", "3")])
    siglum.log_param("depth", 4)
    siglum.log_param("depth", 5, on_conflict="keep")
    siglum.log_param("rate", 1, on_conflict="replace")
    siglum.log_metric("loss", 1)
    what = f"1 record of run {run.info.run_id} could not be stored: Parameter 'depth'"
    if flushes:
        with pytest.raises(ConflictError, match=what):
            siglum.flush()
        siglum.flush()
    siglum.end_run()
    assert sum(what in message for message in caplog.messages) in ((0, 1) if flushes else (1,))
    if not flushes:
        with pytest.raises(ConflictError, match=what):
            siglum.flush()
    stored = there.tracking.get_run(run.info.run_id)
    assert stored.data.params == {"depth": "3", "rate": "1"}
    assert stored.data.metrics == {"loss": 1.0}
    assert stored.info.status == RunStatus.FINISHED


def test_offline_on_two_nodes(
    server: ServerProcess, there: Stores, script: Script, command: Command, project: Path
) -> None:
    """One node makes the run, another logs to it. The second is sent first, waits, and then arrives; twice is once."""
    first = script(
        """
        import siglum
        siglum.set_experiment("offline")
        with siglum.start_run(run_name="node0") as run:
            print(run.info.run_id, run.info.start_time, flush=True)
            for step in range(100):
                siglum.log_metric("loss", step / 2, step=step, timestamp=1000 + step)
            siglum.log_artifact(__file__)
        try:
            siglum.search_runs()
        except Exception as error:
            print(error)
        """,
        SIGLUM_OFFLINE="1",
        SIGLUM_SPOOL_DIR="node0",
    )
    out, errors = first.communicate(timeout=120)
    (run_id, started), said = out.splitlines()[0].split(), out.splitlines()[1]
    assert "SIGLUM_OFFLINE is set" in said
    assert "records wait to be sent: SIGLUM_OFFLINE is set." in errors
    assert "'siglum sync --to URL'" in errors
    second = script(
        f"""
        import siglum
        for step in range(100):
            siglum.log_metric("rank1/loss", step / 4, step=step, run_id="{run_id}")
        """,
        SIGLUM_OFFLINE="1",
        SIGLUM_SPOOL_DIR="node1",
    )
    assert second.wait(120) == 0
    unnamed = command("sync", "--spool-dir", "node0")
    assert unnamed.returncode == 1
    assert "Name its server with --to" in unnamed.stderr
    (name,) = (each for each in os.listdir(project / "node1") if each.endswith(".spool"))
    # The same again, in a folder with what makes the run, and before it by its name.
    shutil.copy(project / "node1" / name, project / "node0" / f"{run_id}-000000000000.spool")
    early = command("sync", "--to", server.url, "--spool-dir", "node1")
    assert early.returncode == 1
    assert "100 records of 1 spool still wait" in early.stderr
    for folder in ("node0", "node1"):
        done = command("sync", "--to", server.url, "--spool-dir", folder, SIGLUM_OFFLINE="1")
        assert done.returncode == 0, done.stderr
        assert "KILLED" not in done.stdout
    assert command("sync", "--to", server.url, "--spool-dir", "node0").stdout == "Nothing waits.\n"
    assert series(there, run_id, "loss") == [(step, step / 2) for step in range(100)]
    assert series(there, run_id, "rank1/loss") == [(step, step / 4) for step in range(100)]
    run = there.tracking.get_run(run_id)
    assert (run.info.status, str(run.info.start_time)) == (RunStatus.FINISHED, started)
    assert b"node0" in content(there, run, "script0.py")


def test_a_killed_training(server: ServerProcess, there: Stores, script: Script, command: Command) -> None:
    """What it wrote is on disk: `sync` leaves it alone while it lives, and then sends it, and marks the run."""
    training = script(
        f"""
        import siglum
        siglum.set_tracking_uri("{server.url}")
        run = siglum.start_run()
        siglum.flush()
        print(run.info.run_id, flush=True)
        input()
        siglum.log_param("depth", 3)
        siglum.log_text("x" * 100_000, "big.txt")
        for step in range(5000):
            siglum.log_metric("loss", float(step), step=step)
        print("done", flush=True)
        input()
        """
    )
    assert training.stdin is not None
    assert training.stdout is not None
    run_id = training.stdout.readline().strip()
    server.kill()
    try:
        print(file=training.stdin, flush=True)
        assert training.stdout.readline() == "done\n"
        (alive,) = listed(command)
        while alive["why"]["reason"] == "being-sent":  # its thread has not tried yet
            (alive,) = listed(command)
        assert (alive["run_id"], alive["alive"], alive["files"]) == (run_id, True, 1)
        assert alive["why"]["reason"] == "unreachable"
        assert server.url in alive["why"]["message"]
        assert command("sync").stdout == "Nothing waits.\n"
        training.kill()
        training.wait()
        (gone,) = listed(command)
        assert not gone["alive"]
        assert gone["records"] == 5002
        assert gone["uri"] == server.url
        failed = command("sync")
        assert failed.returncode == 1
        assert "No server answers" in failed.stderr
    finally:
        server.start()
    done = command("sync")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Sent 5,002 records of run {run_id} to {server.url}, and marked it KILLED.\n"
    assert command("sync").stdout == "Nothing waits.\n"
    assert listed(command) == []
    assert series(there, run_id, "loss") == [(step, float(step)) for step in range(5000)]
    run = there.tracking.get_run(run_id)
    assert run.info.status == RunStatus.KILLED
    assert run.info.end_time is not None
    assert run.data.params == {"depth": "3"}


def test_a_killed_training_on_the_embedded_store(script: Script, command: Command, project: Path) -> None:
    training = script(
        """
        import itertools, siglum
        siglum.start_run()
        for step in itertools.count():
            siglum.log_metric("loss", float(step), step=step)
            if step % 1000 == 999:
                print(step + 1, flush=True)
        """
    )
    assert training.stdout is not None
    for _ in range(5):
        promised = int(training.stdout.readline())
    training.kill()
    promised = max([promised, *map(int, training.stdout.read().split())])
    later = script("import siglum\nsiglum.start_run()\nsiglum.delete_run(siglum.active_run().info.run_id)\n")
    assert "What 1 earlier process logged waits in " in later.communicate(timeout=120)[1]
    done = command("sync")
    assert done.returncode == 0, done.stderr
    (run,) = siglum.MlflowClient().search_runs(["0"])
    assert run.info.status == RunStatus.KILLED
    found = siglum.MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in found] == list(range(len(found)))
    assert len(found) >= promised


def test_a_full_disk(server: ServerProcess, there: Stores, script: Script) -> None:
    """One line is said, and everything arrives."""
    training = script(
        f"""
        import resource, siglum
        siglum.set_tracking_uri("{server.url}")
        run = siglum.start_run()
        print(run.info.run_id, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for step in range(10_000):
            siglum.log_metric("loss", float(step), step=step)
        siglum.log_text("y" * 200_000, "big.txt")
        siglum.end_run()
        """
    )
    out, errors = training.communicate(timeout=120)
    assert training.returncode == 0, errors
    (said,) = errors.splitlines()
    assert "is not spooled any more" in said
    assert "File too large" in said
    run_id = out.strip()
    assert series(there, run_id, "loss") == [(step, float(step)) for step in range(10_000)]
    run = there.tracking.get_run(run_id)
    assert run.info.status == RunStatus.FINISHED
    assert content(there, run, "big.txt") == b"y" * 200_000


def test_a_model_that_is_logged_while_the_server_is_away(server: ServerProcess, project: Path) -> None:
    import siglum.pyfunc

    siglum.set_tracking_uri(server.url)
    server.kill()
    try:
        with siglum.start_run():
            logged = siglum.pyfunc.log_model(name="m", python_model=lambda model_input: [1] * len(model_input))
            with pytest.raises(
                UnavailableError, match=r"This needs an answer of the server: No server answers .* Repeat"
            ):
                siglum.register_model(logged.model_uri, "late")
    finally:
        server.start()
    siglum.flush()
    version = siglum.register_model(logged.model_uri, "late")
    assert version.run_id == logged.run_id
    assert siglum.pyfunc.load_model("models:/late/1").predict([0, 0]) == [1, 1]


def test_rows_of_a_table_while_the_server_is_away(server: ServerProcess, there: Stores, project: Path) -> None:
    """They are added to what the server has when they are sent, and once, also when the answer is lost."""
    siglum.set_tracking_uri(server.url)
    with siglum.start_run() as run:
        siglum.log_table({"a": [1], "b": ["x"]}, "tables/t.json")
        siglum.flush()
        server.kill()
        try:
            siglum.log_table({"a": [2], "c": [None]}, "tables/t.json")
            siglum.log_table({"a": list(range(20_000))}, "tables/t.json")  # kept as a copy beside the spool
        finally:
            server.start()
    siglum.flush()
    stored = there.tracking.get_run(run.info.run_id)
    assert json.loads(stored.data.tags["mlflow.loggedArtifacts"]) == [{"path": "tables/t.json", "type": "table"}]
    table = json.loads(content(there, stored, "tables/t.json"))
    assert table["columns"] == ["a", "b", "c"]
    assert table["data"][:3] == [[1, "x", None], [2, None, None], [0, None, None]]
    assert len(table["data"]) == 20_002
    assert not any(name.endswith((".spool", ".files")) for name in os.listdir("spool"))


def test_a_file_whose_copy_has_gone(there: Stores, project: Path) -> None:
    """Because it was stored before is nothing to say; otherwise it holds up nothing: it is refused."""
    run = there.tracking.create_run("0")
    files = FileDelivery(there.tracking, there.artifacts_for)
    with pytest.raises(InvalidInputError, match=r"sub/big.txt: its copy copies/gone has gone"):
        files.put(run.info.run_id, File("sub/big.txt", copy="gone"), "copies")
    files.put(run.info.run_id, File("sub/big.txt", b"stored"), "copies")
    files.put(run.info.run_id, File("sub/big.txt", copy="gone"), "copies")
    assert content(there, run, "sub/big.txt") == b"stored"


@pytest.mark.parametrize("replaces", [True, False], ids=["siglum", "mlflow"])
def test_rows_whose_answer_was_lost_are_there_once(
    server: ServerProcess, there: Stores, project: Path, monkeypatch: pytest.MonkeyPatch, replaces: bool
) -> None:
    if not replaces:  # as on a server without the call

        def refuse(*_: object) -> Outcome:
            raise NotSupportedError("404")

        monkeypatch.setattr(RestArtifactStore, "replace", refuse)
    run = there.tracking.create_run("0")
    files = FileDelivery(there.tracking, there.artifacts_for)
    rows = Append("t.json", b'{"columns": ["a"], "data": [[1]]}')
    for _ in range(2):
        files.append(run.info.run_id, rows, "copies", NumberedWrite("spool", 7))
    assert json.loads(content(there, run, "t.json"))["data"] == [[1]]
    assert os.path.isdir("copies") is not replaces
    os.makedirs("copies", exist_ok=True)
    drop_copies("copies", [Append("t.json")], 7)
    assert os.listdir("copies") == []
