"""Killed scripts, killed servers, full disks and damaged spools: what a call had returned for is there once.

`--faults N` runs longer: 200 is the short form.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.client.spool.conftest import Command, listed

from siglum.client.spool import frames
from siglum.client.spool.inventory import spool_paths
from siglum.client.spool.journal import Journal
from siglum.client.spool.records import Point, decode
from siglum.client.stores import Stores, open_stores
from siglum.core.errors import NotFoundError
from siglum.testing.server import ServerProcess
from siglum.tracking.entities import RunStatus

ROOT = Path(__file__).parents[3]

Told = dict[str, Any]
Campaign = Callable[[str, int], list[Told]]


@pytest.fixture
def there(server: ServerProcess) -> Iterator[Stores]:
    stores = open_stores(server.url)
    yield stores
    stores.close()


@pytest.fixture
def campaign(request: pytest.FixtureRequest, server: ServerProcess, there: Stores, project: Path) -> Campaign:
    """Run scripts one after another that are killed, so many for each 200 faults that are asked for."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")

    def run(mode: str, count: int) -> list[Told]:
        count = max(1, count * int(request.config.getoption("--faults")) // 200)
        runs = [there.tracking.create_run("0").info.run_id for _ in range(count)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.client.spool.faults_program", server.url, mode, str(seed), *runs],
            cwd=project,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def sync(command: Command) -> None:
    done = command("sync")
    assert done.returncode == 0, done.stderr
    assert listed(command) == []


def steps(there: Stores, run_id: str) -> list[int]:
    return [point.step for point in there.tracking.metric_history(run_id, "loss", max_results=1_000_000).items]


def rows(there: Stores, run_id: str) -> list[int]:
    files = there.artifacts_for(there.tracking.get_run(run_id).info.artifact_uri)
    with contextlib.suppress(NotFoundError), files.open("rows.json") as file:
        return [row[0] for row in json.loads(file.read())["data"]]
    return []


def check(there: Stores, told: Told) -> None:
    """Everything that a call had returned for is there, and nothing twice; a call that was cut short may be."""
    found, kept = steps(there, told["run_id"]), rows(there, told["run_id"])
    assert found == list(range(len(found))), told
    assert told["points"] <= len(found) <= told["points"] + 1, told
    assert kept == list(range(len(kept))), told
    assert told["rows"] <= len(kept) <= told["rows"] + 1, told


def test_scripts_and_their_server_are_killed_at_any_moment(
    campaign: Campaign, server: ServerProcess, there: Stores, command: Command
) -> None:
    over, kills = threading.Event(), list[int]()

    def kill_server() -> None:
        dice = random.Random(1)
        while not over.wait(dice.uniform(1, 2)):
            kills.append(server.kill())
            over.wait(dice.uniform(0, 0.2))
            server.start()

    killer = threading.Thread(target=kill_server)
    killer.start()
    try:
        told = campaign("moments", 50)
    finally:
        over.set()
        killer.join()
    assert sum(each["points"] > 0 for each in told) > len(told) // 2, "they were killed before they logged"
    assert kills, "the server was never killed"
    sync(command)
    for each in told:
        assert each["killed"]
        check(there, each)
        if each["points"]:
            assert there.tracking.get_run(each["run_id"]).info.status == RunStatus.KILLED


@pytest.mark.parametrize(("mode", "count"), [("points", 24), ("torn", 8)])
def test_scripts_are_killed_while_they_write(
    campaign: Campaign, there: Stores, command: Command, mode: str, count: int
) -> None:
    """Before and after each call that changes a file, and in the middle of a record."""
    told = campaign(mode, count)
    assert sum(each["killed"] for each in told) > count // 3
    done = command("sync")
    assert done.returncode == 0, done.stderr
    if mode == "torn":
        assert "may be missing in part" in done.stderr
    assert listed(command) == []
    for each in told:
        check(there, each)


def test_a_disk_that_gets_full(campaign: Campaign, there: Stores, command: Command) -> None:
    for each in campaign("full", 4):
        assert each["status"] == 0
        assert each["points"] == 260
        check(there, each)
    assert listed(command) == []


def test_the_first_record_of_a_spool_is_damaged(campaign: Campaign, there: Stores, command: Command) -> None:
    """Which server it was for has to be said again; all that is in the other records is there, once."""
    told = campaign("moments", 6)
    paths = spool_paths(os.environ["SIGLUM_SPOOL_DIR"])
    for number, path in enumerate(paths):
        with open(path, "r+b") as file:
            file.seek((2, 64, 70, 90)[number % 4])  # the magic; length, checksum and content of the record
            file.write(b"\xfe")
    lost = [each for number, each in enumerate(paths) if number % 4]
    assert lost
    assert [each["why"]["reason"] for each in listed(command)].count("unreadable") == len(lost)
    assert "Name its server with --to" in command("sync").stderr
    done = command("sync", "--to", there.uri)
    assert done.returncode == 0, done.stderr
    for each in told:
        check(there, each)
    assert listed(command) == []


@pytest.mark.parametrize("kind", ["flip", "cut", "marks"])
def test_spools_are_damaged_after_a_kill(
    campaign: Campaign, server: ServerProcess, there: Stores, command: Command, kind: str
) -> None:
    """What was damaged is missing, and nothing else: not what is before it or behind it. Nothing is there twice."""
    server.kill()
    server.start()
    dice, lost = random.Random(2), {}
    told = campaign("moments", 6)
    for path in spool_paths(os.environ["SIGLUM_SPOOL_DIR"]):
        journal = Journal.take_over(path)
        places = journal.read(journal.first(), journal.end, 1_000_000)
        first, acked, end, run_id = journal.first(), journal.acked, journal.end, journal.header.run_id
        journal.close()
        if end <= first:
            continue
        at = dice.randrange(8, 28) if kind == "marks" else dice.randrange(first, end)
        if kind == "cut":
            os.truncate(path, at)
        else:
            with open(path, "r+b") as file:
                file.seek(at)
                byte = file.read(1)
                file.seek(at)
                file.write(bytes([byte[0] ^ (1 << dice.randrange(8))]))
        behind = [(content or b"", stop) for content, stop in places if at >= first and stop > max(at, acked)]
        gone = [content for content, stop in behind if kind == "cut" or stop - len(content) - frames.SIZE <= at]
        lost[run_id] = {point.step for each in gone if isinstance(point := decode(each), Point)}
    assert lost
    sync(command)
    for each in told:
        missing = lost.get(each["run_id"], set())
        found = steps(there, each["run_id"])
        assert len(found) == len(set(found)), each
        assert len(kept := rows(there, each["run_id"])) == len(set(kept)), each
        assert set(range(each["points"])) - missing <= set(found) <= set(range(each["points"] + 1)), each
