"""Rows that several processes add to one table of a run: none is lost, and none is there twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas
import pytest
from tests.client.spool.conftest import Script

import siglum
from siglum.testing.server import ServerProcess

PROCESSES, APPENDS = 4, 8

WRITER = """
    import sys, siglum
    uri, run_id, worker = sys.stdin.readline().split()
    siglum.set_tracking_uri(uri)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range({appends}):
        siglum.log_table({{"worker": [worker], "number": [number]}}, "shared.json", run_id=run_id)
        siglum.log_table({{"number": [number]}}, f"own{{worker}}.json", run_id=run_id)
    siglum.flush()
"""


@pytest.mark.parametrize("where", ["embedded", "server", "folder"])
def test_processes_add_to_one_table(where: str, project: Path, server: ServerProcess, script: Script) -> None:
    """Also the list of a run's tables, to which each of them adds one."""
    uri = server.url if where == "server" else f"sqlite:///{project}/runs.db"
    siglum.set_tracking_uri(uri)
    place = (project / "files").as_uri() if where == "folder" else None
    experiment = siglum.create_experiment(f"tables {where}", artifact_location=place)
    with siglum.start_run(experiment_id=experiment) as run:
        pass
    writers = [script(WRITER.format(appends=APPENDS)) for _ in range(PROCESSES)]
    for number, writer in enumerate(writers):
        assert writer.stdin is not None
        writer.stdin.write(f"{uri} {run.info.run_id} {number}\n")
        writer.stdin.flush()
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate(timeout=300)
        assert writer.returncode == 0, errors
    table = siglum.load_table("shared.json", run_ids=[run.info.run_id])
    rows = Counter(zip(table["worker"].astype(int), table["number"], strict=True))
    assert rows == Counter((worker, number) for worker in range(PROCESSES) for number in range(APPENDS))
    for worker in range(PROCESSES):  # each process's rows are in the order in which it logged them
        assert [n for w, n in zip(table["worker"], table["number"], strict=True) if int(w) == worker] == [*range(8)]
        assert len(siglum.load_table(f"own{worker}.json", run_ids=[run.info.run_id])) == APPENDS
    path = siglum.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="shared.json")
    assert len(pandas.read_json(path, orient="split")) == PROCESSES * APPENDS  # as MLflow reads it
