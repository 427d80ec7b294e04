"""A server that is killed again and again while clients write, search and upload: what it acknowledged is there, once.

    python -m benchmarks.soak --minutes N [--kill-every SECONDS] [--database sqlite|postgresql]

Eight writers log batches to runs that they create and finish, four searchers check each page that they get, one client
uploads files. Every 20 seconds the server gets SIGKILL and is started again; on PostgreSQL two servers share the
clients and take turns at it. At the end everything is compared with
what was sent: each acknowledged write is there, once; each batch is there as a whole or not at all; nothing is there
that was not sent. Exits with 1 and the first difference otherwise.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import itertools
import os
import random
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.postgres import PostgresServer

from benchmarks.harness import option, scratch
from siglum.client.rest.artifacts import RestArtifactStore
from siglum.client.rest.session import MLFLOW, RestSession
from siglum.client.rest.tracking import RestTrackingStore
from siglum.core.errors import SiglumError
from siglum.testing.server import ServerProcess
from siglum.tracking import calls
from siglum.tracking.entities import Metric, Param, Run, RunStatus, Tag
from siglum.tracking.wire import write_metric, write_params, write_tags

EXPERIMENT: Final = "0"
BATCHES: Final = 40
"""So many a run; what has a name of its own in a run is counted, so that memory does not grow with the time."""
POINTS: Final = 20
PARAMS: Final = 5
FILES: Final = 20
"""So many paths are written, over and over."""
FILTER: Final = "metrics.loss > 2 and params.p1 = '1'"


class WrongError(AssertionError):
    """The server has something else than it should."""


@dataclass
class SentRun:
    """What one writer sent of one run. Batches have numbers; those below `tried` have been sent."""

    tried: int = 0
    acknowledged: set[int] = field(default_factory=set)
    finished: bool = False


@dataclass
class SentFile:
    """The digests that were sent to one path, in order, and which of them was last acknowledged."""

    digests: list[str] = field(default_factory=list)
    acknowledged: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What was compared."""

    kills: int
    runs: int
    batches: int
    unanswered: int
    searches: int
    uploads: int


def _loss(step: int) -> float:
    return step / 7


def _metrics(batch: int) -> list[Metric]:
    steps = range(batch * POINTS, (batch + 1) * POINTS)
    return [*(Metric("loss", _loss(step), 1_000 + step, step) for step in steps), Metric(f"k{batch % 3}", 1, 1, batch)]


class Soak:
    """A server on a folder, or two on a folder and a database of PostgreSQL, their clients, and what they sent."""

    def __init__(
        self, folder: Path, *, postgres: str = "", writers: int = 8, searchers: int = 4, file_bytes: int = 8_000_000
    ) -> None:
        options = ["--backend-store-uri", postgres] if postgres else []
        self._servers = [ServerProcess(folder, *options) for _ in range(2 if postgres else 1)]
        self._sqlite = None if postgres else folder / "siglum.db"
        self._writers = writers
        self._searchers = searchers
        self._file_bytes = file_bytes
        self._done = threading.Event()
        self._failures: list[BaseException] = []
        self._runs: dict[str, SentRun] = {}
        self._acknowledged_runs: set[str] = set()
        self._files: dict[str, SentFile] = {}
        self._unanswered = 0
        self._searches = 0
        self._uploads = 0

    def run(self, kills: int, kill_every: float) -> Outcome:
        """Let all work, kill the server so often, then compare. Raises WrongError, or what a client raised."""
        for server in self._servers:
            server.start()
        tasks: list[Callable[[RestSession], None]] = [
            *(functools.partial(self._write, writer) for writer in range(self._writers)),
            *[self._search] * self._searchers,
            self._upload,
        ]
        servers = itertools.cycle(self._servers)
        threads = [
            threading.Thread(target=self._work, args=(task, server))
            for task, server in zip(tasks, servers, strict=False)
        ]
        for thread in threads:
            thread.start()
        try:
            for server in itertools.islice(itertools.cycle(self._servers), kills):
                self._done.wait(kill_every)
                if self._failures:
                    break
                server.kill()
                server.start()
        finally:
            self._done.set()
            for thread in threads:
                thread.join()
        if self._failures:
            raise self._failures[0]
        for server in self._servers:
            server.kill()
            server.start()
        try:
            session = RestSession(self._servers[0].url)
            batches = self._compare_runs(RestTrackingStore(session))
            self._compare_files(RestArtifactStore(session, "soak"))
            session.close()
        finally:
            statuses = [server.stop() for server in self._servers]
        self._compare_server(statuses, self._servers[0].log)
        return Outcome(kills + 1, len(self._runs), batches, self._unanswered, self._searches, self._uploads)

    # -- clients -----------------------------------------------------------------------------------------------
    def _work(self, task: Callable[[RestSession], None], server: ServerProcess) -> None:
        session = RestSession(server.url)
        try:
            task(session)
        except BaseException as error:  # noqa: BLE001  it is raised again by the thread that waits
            self._failures.append(error)
            self._done.set()
        finally:
            session.close()

    def _write(self, writer: int, session: RestSession) -> None:
        """Log run after run. Writers of odd numbers repeat a batch until it is acknowledged, the others never do."""
        store = RestTrackingStore(session)
        for number in itertools.count():
            name = f"{writer}-{number}"
            sent = self._runs[name] = SentRun()
            try:
                run_id = store.create_run(EXPERIMENT, run_name=name).info.run_id
            except SiglumError:
                self._unanswered += 1
                if self._done.is_set():
                    return
                continue
            self._acknowledged_runs.add(name)
            for batch in range(BATCHES):
                if self._done.is_set():
                    return
                sent.tried = batch + 1
                self._log(session, run_id, sent, batch, repeat=writer % 2 == 1)
            try:
                store.update_run(run_id, status=RunStatus.FINISHED, end_time=number)
                sent.finished = True
            except SiglumError:
                self._unanswered += 1

    def _log(self, session: RestSession, run_id: str, sent: SentRun, batch: int, *, repeat: bool) -> None:
        request = calls.LogBatch(
            run_id=run_id,
            metrics=[write_metric(metric) for metric in _metrics(batch)],
            params=write_params([Param(f"p{batch}", str(batch))] if batch < PARAMS else []),
            tags=write_tags([Tag("batch", str(batch))]),
            idempotency_key=uuid.uuid4().hex if repeat else None,
        )
        while True:
            try:
                session.call("POST", f"{MLFLOW}runs/log-batch", request, calls.Empty, idempotent=repeat)
            except SiglumError:
                self._unanswered += 1
                if repeat and not self._done.is_set():
                    continue
            else:
                sent.acknowledged.add(batch)
            return

    def _search(self, session: RestSession) -> None:
        store = RestTrackingStore(session)
        while not self._done.is_set():
            try:
                page = store.search_runs(
                    [EXPERIMENT], filter_string=FILTER, order_by=["metrics.loss DESC"], max_results=50
                )
            except SiglumError:
                continue
            self._searches += 1
            losses = [run.data.metrics["loss"] for run in page.items]
            if losses != sorted(losses, reverse=True):
                raise WrongError(f"a page of a search is out of order: {losses}")
            for run in page.items:
                if run.data.metrics["loss"] <= 2 or run.data.params["p1"] != "1" or run.info.run_name not in self._runs:
                    raise WrongError(f"a search has found {run.info.run_name}, which it should not")
            self._done.wait(0.05)

    def _upload(self, session: RestSession) -> None:
        store = RestArtifactStore(session, "soak")
        for number in itertools.count():
            if self._done.is_set():
                return
            content = os.urandom(random.randrange(1, self._file_bytes))
            file = self._files.setdefault(f"{number % FILES}.bin", SentFile())
            file.digests.append(hashlib.sha256(content).hexdigest())
            try:
                store.put(f"{number % FILES}.bin", io.BytesIO(content))
            except SiglumError:
                self._unanswered += 1
            else:
                file.acknowledged = len(file.digests) - 1
                self._uploads += 1

    # -- comparison --------------------------------------------------------------------------------------------
    def _compare_runs(self, store: RestTrackingStore) -> int:
        names: set[str] = set()
        batches = 0
        for run in _all_runs(store):
            name = run.info.run_name
            if name not in self._runs:
                raise WrongError(f"there is a run {name!r} that nobody created")
            if name in names:
                raise WrongError(f"run {name} is there twice")
            names.add(name)
            batches += _compare_run(store, run, self._runs[name])
        if missing := self._acknowledged_runs - names:
            raise WrongError(f"runs were acknowledged and are gone: {sorted(missing)[:5]}")
        return batches

    def _compare_files(self, store: RestArtifactStore) -> None:
        listed = {entry.path for entry in store.list("")}
        acknowledged = {path for path, file in self._files.items() if file.acknowledged is not None}
        if listed - set(self._files) or acknowledged - listed:
            raise WrongError(
                f"files: {sorted(listed)}; sent {sorted(self._files)}, acknowledged {sorted(acknowledged)}"
            )
        for path in listed:
            with store.open(path) as source:
                digest = hashlib.sha256(source.read()).hexdigest()
            file = self._files[path]
            if digest not in file.digests[file.acknowledged or 0 :]:
                raise WrongError(f"{path} has content that was not sent, or was replaced before")

    def _compare_server(self, statuses: list[int], log: str) -> None:
        if any(statuses):
            raise WrongError(f"the servers ended with {statuses}:\n{log}")
        if "Traceback" in log:
            raise WrongError(f"the log has a traceback:\n{log}")
        if self._sqlite is None:
            return
        with sqlite3.connect(self._sqlite) as database:
            found = database.execute("PRAGMA quick_check").fetchall()
        database.close()
        if found != [("ok",)]:
            raise WrongError(f"SQLite finds the database damaged: {found}")


def _all_runs(store: RestTrackingStore) -> Iterator[Run]:
    token = None
    while True:
        page = store.search_runs([EXPERIMENT], max_results=500, page_token=token)
        yield from page.items
        token = page.next_token
        if token is None:
            return


def _compare_run(store: RestTrackingStore, run: Run, sent: SentRun) -> int:
    """Raise WrongError where a run differs from what was sent; return how many of its batches are there."""
    name = run.info.run_name
    points = [
        (point.step, point.timestamp, point.value) for point in store.metric_history(run.info.run_id, "loss").items
    ]
    there = {step // POINTS for step, _, _ in points}
    if sorted(points) != [(s, 1_000 + s, _loss(s)) for b in sorted(there) for s in range(b * POINTS, (b + 1) * POINTS)]:
        raise WrongError(f"run {name} has part of a batch, or points twice")
    if lost := sent.acknowledged - there:
        raise WrongError(f"run {name} has lost the acknowledged batches {sorted(lost)}")
    if there - set(range(sent.tried)):
        raise WrongError(f"run {name} has batches that were not sent: {sorted(there)}, sent {sent.tried}")
    for number in range(3):
        steps = [point.step for point in store.metric_history(run.info.run_id, f"k{number}").items]
        if sorted(steps) != sorted(batch for batch in there if batch % 3 == number):
            raise WrongError(f"run {name} has of k{number} the steps {steps}, of its batches {sorted(there)}")
    if run.data.params != {f"p{batch}": str(batch) for batch in there if batch < PARAMS}:
        raise WrongError(f"run {name} has the parameters {run.data.params} of the batches {sorted(there)}")
    if there and run.data.tags.get("batch") != str(max(there)):
        raise WrongError(f"run {name} has the tag {run.data.tags.get('batch')} after the batches {sorted(there)}")
    if set(run.data.metrics) != {"loss", *(f"k{batch % 3}" for batch in there)} and there:
        raise WrongError(f"run {name} has the metrics {sorted(run.data.metrics)}")
    if sent.finished and run.info.status is not RunStatus.FINISHED:
        raise WrongError(f"run {name} was finished and is {run.info.status}")
    return len(there)


def main() -> None:
    """Soak for `--minutes N`, ten by default."""
    minutes = float(option("--minutes", "10"))
    kill_every = float(option("--kill-every", "20"))
    database = option("--database", "sqlite")
    begun = time.perf_counter()
    with scratch() as base, contextlib.ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(fsync=True)).new_database() if database == "postgresql" else ""
        try:
            soak = Soak(base / "server", postgres=postgres)
            outcome = soak.run(max(1, round(minutes * 60 / kill_every)), kill_every)
        except WrongError as error:
            sys.exit(f"wrong: {error}")
    print(f"{database}: right after {time.perf_counter() - begun:,.0f} s: {outcome}")


if __name__ == "__main__":
    main()
