"""Connections that are cut, stall or lie: what arrived is whole, no remote looks complete when it is not."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import invariants, scenarios, world
from tests.faults.figures import put_down
from tests.faults.world import CACHE, Entry, Snapshot

from siglum.testing.http_server import Fault, FaultKind
from siglum.testing.s3_server import S3Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SIGLUM = [sys.executable, "-m", "siglum.cli"]
KINDS: tuple[tuple[FaultKind, str], ...] = (
    ("status", "PUT"), ("cut", "PUT"), ("cut answer", "PUT"), ("wrong upload", "PUT"),
    ("status", "GET"), ("cut", "GET"), ("cut body", "GET"), ("wrong", "GET"), ("short", "GET"),
)  # fmt: skip


class Network:
    """A project whose remote is on a server that can be made to fail."""

    def __init__(self, root: Path, server: S3Server) -> None:
        self.root = root
        self.server = server
        scenarios.build_unsent(root)
        keys = {"access_key_id": server.access_key, "secret_access_key": server.secret_key}
        scenarios.siglum(root, "remote", "add", "-q", "-d", "-f", "store", "s3://bucket")
        for name, value in ({"endpointurl": server.url} | keys).items():
            scenarios.siglum(root, "remote", "modify", "-q", "store", name, value)
        self.before = world.take(root)

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*SIGLUM, command], cwd=self.root / "project", stderr=subprocess.PIPE, text=True)

    def run(self, command: str) -> tuple[int, str]:
        """Run a command; return its exit status and what it said on standard error."""
        with self.start(command) as process:
            said = process.communicate()[1]
        return process.returncode, said

    def take(self) -> Snapshot:
        """Return the world, the server's bucket in the place of the remote."""
        stored = {f"remote/{key}": Entry(data, 0o444) for key, data in self.server.contents("bucket").items()}
        return Snapshot(world.take(self.root).files | stored)

    def forget(self, command: str) -> None:
        """Undo a push by emptying the bucket, a pull by removing cache and data."""
        self.server.web.faults.clear()
        if command == "push":
            for key in list(self.server.contents("bucket")):
                self.server.remove("bucket", key)
            return
        shutil.rmtree(self.root / "project/.dvc/cache", ignore_errors=True)
        shutil.rmtree(self.root / "project/d", ignore_errors=True)
        (self.root / "project/f").unlink(missing_ok=True)

    def broken(self) -> list[str]:
        """Return what must not be at any instant."""
        now = self.take()
        wanted = self.before.workspace
        wrong = [path for path, entry in now.workspace.items() if path in wanted and entry != wanted[path]]
        return [*invariants.stores_are_whole(now), *(f"delivered: {path}" for path in wrong)]

    def unfinished(self) -> list[str]:
        """Return what is missing when a command says that it is done."""
        now = self.take()
        objects = invariants.objects(self.before, CACHE)
        stored = {oid for oid in objects if f"remote/files/md5/{oid[:2]}/{oid[2:]}" in now.files}
        return sorted(objects.keys() - stored) + sorted(self.before.workspace.keys() - now.workspace.keys())


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    monkeypatch.chdir(tmp_path)
    with S3Server(["bucket"]) as server:
        yield Network(tmp_path / "world", server)


@pytest.mark.parametrize("command", ["push", "pull"])
def test_faults_of_the_network(command: str, network: Network, request: pytest.FixtureRequest) -> None:
    assert network.run("push") == (0, "")
    tried: dict[str, int] = {}
    broken: list[str] = []
    for kind, method in KINDS:
        if (method == "PUT") != (command == "push"):
            continue
        for times, skip in ((1, 0), (1, 7), (2, 3), (40, 5)):
            network.forget(command)
            fault = Fault(kind, method, path="files/md5/", times=times, skip=skip)
            network.server.web.faults.append(fault)
            status, said = network.run(command)
            assert fault.hits, f"{kind} {method} did not take place"
            tried[f"network: {kind}"] = tried.get(f"network: {kind}", 0) + fault.hits
            broken += network.broken()
            if status == 0:
                broken += network.unfinished()
            else:
                assert said.startswith("error: "), said
                assert said.count("\n") == 1
            network.server.web.faults.clear()
            assert network.run(command)[0] == 0
            broken += [*network.broken(), *network.unfinished()]
    put_down(request, command, tried, len(broken))
    assert broken == []


@pytest.mark.parametrize("command", ["push", "pull"])
def test_killed_on_the_network(command: str, network: Network, request: pytest.FixtureRequest) -> None:
    assert network.run("push") == (0, "")
    network.server.web.latency = 0.02
    dice = random.Random(command)
    started = time.perf_counter()
    network.forget(command)
    assert network.run(command)[0] == 0
    whole = time.perf_counter() - started
    killed, broken = 0, list[str]()
    for _ in range(8):
        network.forget(command)
        with network.start(command) as process:
            time.sleep(dice.uniform(0.3, 1) * whole)
            process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
        broken += network.broken()
        assert network.run(command)[0] == 0
        broken += [*network.broken(), *network.unfinished()]
    put_down(request, command, {"killed on the network": killed}, len(broken))
    assert killed
    assert broken == []
