"""`siglum repro` on record: which runs there are, what they hold, and what happens when their store does not answer."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from siglum.cli import app
from siglum.client.stores import Stores, open_stores
from siglum.lineage import earlier, repro_recorder
from siglum.testing.server import ServerProcess
from siglum.tracking.entities import Run, RunStatus
from siglum.workspace.repository import Repository

PIPELINE = """
stages:
  prepare:
    cmd: echo preparing; cat in > data
    deps: [in]
    params: [x]
    outs: [data]
  train:
    cmd: python train.py
    deps: [data, train.py]
    params: [lr]
    outs: [model]
    metrics: [scores.json: {cache: false}]
    plots: [curve.csv: {cache: false}]
metrics: [top.json]
"""
TRAIN = """\
import json, pathlib
pathlib.Path("model").write_text(pathlib.Path("data").read_text())
pathlib.Path("scores.json").write_text(json.dumps({"accuracy": 0.75, "per": {"class": 1}, "name": "m"}))
pathlib.Path("top.json").write_text(json.dumps({"overall": 2}))
pathlib.Path("curve.csv").write_text("step,loss,note\\n0,1.0,a\\n1,0.5,b\\n")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    Repository.init(str(root))
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "train.py").write_text(TRAIN)
    (root / "in").write_text("1\n")
    (root / "params.yaml").write_text("x: 1\nlr: 0.1\n")
    (root / ".gitignore").write_text("/in\n")
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "start"], cwd=root, check=True)
    monkeypatch.chdir(root)
    monkeypatch.setitem(os.environ, "SHELL", "/bin/sh")
    monkeypatch.setenv("PATH", os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
    return root


@pytest.fixture
def stores(project: Path) -> Iterator[Stores]:
    opened = open_stores(None, str(project))
    yield opened
    opened.close()


def runs(stores: Stores) -> list[Run]:
    """Return all runs, first begun first."""
    experiments = [each.experiment_id for each in stores.tracking.search_experiments().items]
    return sorted(stores.tracking.search_runs(experiments).items, key=lambda run: run.info.start_time)


def kinds(stores: Stores) -> list[tuple[str, str]]:
    return sorted((run.data.tags.get("siglum.kind", "script"), run.info.run_name) for run in runs(stores))


def named(stores: Stores, name: str) -> Run:
    """Return the latest run of that name."""
    return [run for run in runs(stores) if run.info.run_name == name][-1]


def read(stores: Stores, run: Run, path: str) -> bytes:
    with stores.artifacts_for(run.info.artifact_uri).open(path) as file:
        return file.read()


def test_a_repro_is_a_run_with_one_below_it_for_each_stage(project: Path, stores: Stores) -> None:
    assert app.run(["repro", "-q"]) == 0
    assert kinds(stores) == [("repro", "repro"), ("stage", "prepare"), ("stage", "train")]
    whole, prepare, train = (named(stores, name) for name in ("repro", "prepare", "train"))
    assert {run.info.status for run in (whole, prepare, train)} == {RunStatus.FINISHED}
    assert {run.data.tags["mlflow.parentRunId"] for run in (prepare, train)} == {whole.info.run_id}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert {run.data.tags["mlflow.source.git.commit"] for run in (whole, prepare, train)} == {commit}
    assert whole.data.tags["siglum.git.dirty"] == "false"

    assert read(stores, prepare, "stage.log") == b"preparing\n"
    assert prepare.data.tags["siglum.stage.command"] == "echo preparing; cat in > data"
    assert prepare.data.tags["siglum.stage.exit_status"] == "0"
    assert float(prepare.data.tags["siglum.stage.seconds"]) >= 0
    assert prepare.data.params == {"x": "1"}
    (out,) = json.loads(prepare.data.tags["siglum.stage.outs"])
    assert (out["path"], out["hash"]) == ("data", "md5:b026324c6904b2a9cb4b88d6d61c81d1")

    read_by = {each.dataset.name: json.loads(each.dataset.source) for each in train.inputs.dataset_inputs}
    assert set(read_by) == {"data", "train.py"}
    assert (read_by["data"]["pointer"], read_by["data"]["run_id"]) == ("dvc.lock", prepare.info.run_id)
    assert train.data.metrics == {"accuracy": 0.75, "per.class": 1.0, "loss": 0.5}
    points = stores.tracking.metric_history(train.info.run_id, "loss").items
    assert [(point.step, point.value) for point in points] == [(0, 1.0), (1, 0.5)]
    assert read(stores, train, "plots/curve.csv").startswith(b"step,loss")
    assert json.loads(read(stores, train, "metrics/scores.json"))["accuracy"] == 0.75
    assert json.loads(train.data.tags["siglum.stage.entry"])["deps"][0]["path"] == "data"

    assert whole.data.metrics == {"accuracy": 0.75, "per.class": 1.0, "overall": 2.0}
    assert whole.data.params == {"x": "1", "lr": "0.1"}
    rows = json.loads(whole.data.tags["siglum.stages"])
    assert [(row["stage"], row["outcome"], row["run_id"]) for row in rows] == [
        ("prepare", "ran", prepare.info.run_id),
        ("train", "ran", train.info.run_id),
    ]


def test_what_did_not_run_is_linked_to_the_run_that_made_it(
    project: Path, stores: Stores, capsys: pytest.CaptureFixture[str]
) -> None:
    app.run(["repro", "-q"])
    app.run(["repro", "-q"])
    assert app.run(["repro", "-q", "--dry", "--force"]) == 0
    assert len(runs(stores)) == 3  # nothing to do, and a dry run, are no runs
    prepare, train = named(stores, "prepare").info.run_id, named(stores, "train").info.run_id

    (project / "params.yaml").write_text("x: 1\nlr: 0.2\n")
    app.run(["repro", "-q"])
    second = named(stores, "train").info.run_id
    (project / "params.yaml").write_text("x: 1\nlr: 0.1\n")
    (project / ".dvc/tmp/siglum/runs/links.json").unlink()  # the store knows, too
    capsys.readouterr()
    assert app.run(["repro", "--json"]) == 0
    run_id = json.loads(capsys.readouterr().out)["run_id"]
    tables = [
        {row["stage"]: (row["outcome"], row["run_id"]) for row in json.loads(run.data.tags["siglum.stages"])}
        for run in runs(stores)
        if run.data.tags["siglum.kind"] == "repro"
    ]
    assert tables == [
        {"prepare": ("ran", prepare), "train": ("ran", train)},
        {"prepare": ("unchanged", prepare), "train": ("ran", second)},
        {"prepare": ("unchanged", prepare), "train": ("restored", train)},
    ]
    assert named(stores, "repro").info.run_id == run_id
    assert named(stores, "repro").data.metrics["accuracy"] == 0.75

    assert app.run(["runs", "show", run_id[:8]]) == 0
    shown = capsys.readouterr().out
    assert f"prepare  unchanged            {prepare}" in shown
    assert app.run(["runs", "list"]) == 0
    names = [line.split("  ", 1)[1].partition("Default")[0].rstrip() for line in capsys.readouterr().out.splitlines()]
    assert names[1:] == ["repro", "repro", "  train", "repro", "  prepare", "  train"]
    assert app.run(["repro", "--explain", "--dry", "--force"]) == 0


def test_what_stages_write_beside_their_outputs_is_no_change_of_the_code(project: Path, stores: Stores) -> None:
    (project / "train.py").write_text("open('beside', 'w').close()\n" + TRAIN)
    subprocess.run(["git", "commit", "-qam", "write more"], check=True)
    assert app.run(["repro", "-q"]) == 0
    assert (project / "beside").exists()
    assert named(stores, "repro").data.tags["siglum.git.dirty"] == "false"
    assert named(stores, "train").data.tags["siglum.git.dirty"] == "false"

    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", "commit", "-qm", "as made"], check=True)
    (project / "data").unlink()
    ignored = (project / ".gitignore").read_text()
    (project / ".gitignore").write_text(ignored.replace("/data\n", ""))
    subprocess.run(["git", "commit", "-qam", "without"], check=True)
    assert app.run(["repro", "-q"]) == 0  # brings `data` back, and has Git ignore it again
    assert "/data\n" in (project / ".gitignore").read_text()
    assert named(stores, "repro").data.tags["siglum.git.dirty"] == "false"


def test_a_failure_and_what_it_held_up(project: Path, stores: Stores) -> None:
    (project / "train.py").write_text("print('why'); raise SystemExit(3)")
    assert app.run(["repro", "-q", "-k"]) == 1
    whole, train = named(stores, "repro"), named(stores, "train")
    assert (whole.info.status, train.info.status) == (RunStatus.FAILED, RunStatus.FAILED)
    assert named(stores, "prepare").info.status is RunStatus.FINISHED
    assert train.data.tags["siglum.stage.exit_status"] == "3"
    assert "'python train.py' ended with exit status 3" in train.data.tags["siglum.stage.error"]
    assert read(stores, train, "stage.log") == b"why\n"
    assert train.data.params == {"lr": "0.1"}
    assert "siglum.stage.result" not in train.data.tags


SCRIPT = """\
import siglum
with siglum.start_run(run_name="mine") as run:
    siglum.log_param("lr", "from the script")
    siglum.log_metric("own", 1)
with siglum.start_run(run_name="second"):
    pass
siglum.set_experiment("another")
with siglum.start_run(run_name="third"):
    pass
"""


def test_what_a_script_logs_is_part_of_its_stage(project: Path, stores: Stores) -> None:
    (project / "train.py").write_text(SCRIPT + TRAIN)
    assert app.run(["repro", "-q"]) == 0
    stage = named(stores, "mine")
    assert stage.data.tags["siglum.kind"] == "stage"
    assert stage.data.params["lr"] == "from the script"
    assert stage.data.metrics == {"own": 1, "accuracy": 0.75, "per.class": 1.0, "loss": 0.5}
    assert stage.data.tags["siglum.recipe_digest"].startswith("sha256:")
    for name in ("second", "third"):
        assert named(stores, name).data.tags["mlflow.parentRunId"] == stage.info.run_id
    assert named(stores, "third").info.experiment_id != stage.info.experiment_id


def test_the_experiment_and_the_switch(project: Path, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.run(["repro", "-q", "--no-record", "prepare"]) == 0
    with monkeypatch.context() as changed:
        changed.setenv("SIGLUM_RECORD_RUNS", "off")
        assert app.run(["repro", "-q", "-f", "prepare"]) == 0
    assert app.run(["config", "-q", "feature.record_runs", "false"]) == 0
    assert app.run(["repro", "-q", "-f", "prepare"]) == 0
    assert runs(stores) == []
    assert app.run(["config", "-q", "feature.record_runs", "true"]) == 0
    assert app.run(["config", "-q", "feature.experiment", "pipelines"]) == 0
    assert app.run(["repro", "-q", "-f", "prepare"]) == 0
    found = stores.tracking.get_experiment_by_name("pipelines")
    assert found is not None
    assert {run.info.experiment_id for run in runs(stores)} == {found.experiment_id}
    assert app.run(["repro", "--tracking-uri", "htp://x"]) == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")  # is for others, and no reason to fail
    assert app.run(["repro", "-q", "-f", "prepare"]) == 0


def test_a_server_that_is_down_gets_all_of_it_later(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ServerProcess(tmp_path / "server").start()
    server.stop()
    assert app.run(["repro", "-q", "--tracking-uri", server.url]) == 0
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "waits to be sent by the next command: No server answers" in said
    (project / ".dvc/tmp/siglum/logs/prepare.log").write_text("another one's")
    with server:
        monkeypatch.setenv("SIGLUM_TRACKING_URI", server.url)
        assert app.run(["repro", "-q"]) == 0
        assert capsys.readouterr().err == "Sent the records of 1 earlier repro.\n"
        assert list((project / ".dvc/tmp/siglum/runs/unsent").iterdir()) == []
        stores = open_stores(server.url)
        assert kinds(stores) == [("repro", "repro"), ("stage", "prepare"), ("stage", "train")]
        assert read(stores, named(stores, "prepare"), "stage.log") == b"preparing\n"
        assert named(stores, "train").data.metrics["accuracy"] == 0.75
        stores.close()


def test_no_password_is_written_down(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = "postgresql://me:hunter2@127.0.0.1:1/runs?sslpassword=hunter2"
    assert app.run(["repro", "-q", "--tracking-uri", where]) == 0
    said = capsys.readouterr()
    assert "waits to be sent" in said.err
    files = [path for path in project.rglob("*") if path.is_file()]
    assert any(path.parent.name == "unsent" for path in files)
    assert [path for path in files if b"hunter2" in path.read_bytes()] == []
    assert "hunter2" not in said.out + said.err


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes requests, and answers none before the test has ended."""
    ended = threading.Event()

    class Silent(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ended.wait()

        do_POST = do_PUT = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_is_silent_is_not_waited_for(
    project: Path, silent_server: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repro_recorder, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(repro_recorder, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(earlier, "ANSWER_SECONDS", 0.05)
    monkeypatch.setenv("SIGLUM_TRACKING_URI", silent_server)
    assert app.run(["repro", "-q"]) == 0
    assert "waits to be sent by the next command: it is too slow" in capsys.readouterr().err
    (kept,) = (project / ".dvc/tmp/siglum/runs/unsent").glob("*.jsonl")
    operations = [json.loads(line) for line in kept.read_text().splitlines()[1:]]
    assert [each["type"] for each in operations].count("create") == 3
    assert [each["type"] for each in operations].count("end") == 3
    assert app.run(["repro", "-q"]) == 0
    assert "still wait to be sent: the store did not answer in time" in capsys.readouterr().err


def test_runs_of_a_repro_that_was_killed_are_marked(
    project: Path, stores: Stores, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text("import time\nopen('up', 'w')\ntime.sleep(600)")
    process = subprocess.Popen([sys.executable, "-m", "siglum.cli", "repro", "-q"])
    while not (project / "up").exists():
        assert process.poll() is None
    begun = {"repro": RunStatus.RUNNING, "train": RunStatus.RUNNING, "prepare": RunStatus.FINISHED}
    while {run.info.run_name: run.info.status for run in runs(stores)} != begun:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert app.run(["runs", "list"]) == 0
    assert capsys.readouterr().err == "Marked 2 runs of a repro that was killed.\n"
    ended = {run.info.run_name: run.info.status for run in runs(stores)}
    assert ended == {"repro": RunStatus.KILLED, "train": RunStatus.KILLED, "prepare": RunStatus.FINISHED}
    (project / "train.py").write_text(TRAIN)
    assert app.run(["repro", "-q"]) == 0
    assert named(stores, "repro").info.status is RunStatus.FINISHED


def test_an_interrupted_repro_is_on_record_as_killed(project: Path, stores: Stores) -> None:
    (project / "train.py").write_text("import time\nopen('up', 'w')\ntime.sleep(600)")
    process = subprocess.Popen([sys.executable, "-m", "siglum.cli", "repro", "-q"])
    while not (project / "up").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    ended = {run.info.run_name: run.info.status for run in runs(stores)}
    assert ended == {"repro": RunStatus.KILLED, "train": RunStatus.KILLED, "prepare": RunStatus.FINISHED}
    assert list((project / ".dvc/tmp/siglum/runs/underway").iterdir()) == []
