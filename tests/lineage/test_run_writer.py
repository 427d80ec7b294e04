"""Runs written without waiting: what arrives, in which order, and what is kept when a store does not answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from tests.lineage.recording_stores import Between, ChoosingIds, Failing, Source, Stuck

from siglum.client.stores import Stores, open_stores
from siglum.core.errors import NotFoundError, UnavailableError
from siglum.lineage.inputs import DataInput
from siglum.lineage.operations import CreateRun, EndRun, LogInputs, LogToRun, Operation, PutFile
from siglum.lineage.run_writer import RunWriter
from siglum.lineage.store_writer import StoreWriter
from siglum.lineage.trace import RecordSource
from siglum.lineage.unsent import Unsent, has_unsent, send_unsent
from siglum.tracking.entities import Metric, Param, RunStatus

PARENT, CHILD = "a" * 32, "b" * 32
URI = "sqlite:///x"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = open_stores(f"sqlite:///{tmp_path}/siglum.db")
    yield opened
    opened.close()


class Kept:
    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def keep(self, operation: Operation) -> None:
        self.operations.append(operation)


def create(run_id: str, parent: str | None = None, experiment: str = "e") -> CreateRun:
    return CreateRun(
        run_id=run_id, experiment=experiment, name=run_id[0], user="me", start_time=5, tags={"k": "v"}, parent=parent
    )


def end(run_id: str) -> EndRun:
    return EndRun(run_id, RunStatus.FINISHED, 9)


def write_all(writer: RunWriter, *operations: Operation) -> None:
    for operation in operations:
        if isinstance(operation, CreateRun):
            writer.create(operation)
        else:
            writer.write(operation.run_id, operation)


def through(stores: Stores, between: Between) -> Source:
    return Source(stores, cast("Any", between))


def test_all_of_it_arrives(stores: Stores) -> None:
    writer = RunWriter(lambda: stores, kept := Kept())
    log = LogToRun(CHILD, (Metric("m", 1.0, 7),), {"p": "1"}, {"t": "2"})
    data = DataInput("in", "md5:" + "0" * 32, run_id=PARENT)
    write_all(
        writer,
        create(PARENT),
        create(CHILD, PARENT),
        log,
        LogInputs(CHILD, (data,)),
        PutFile(CHILD, "a/b", content=b"x"),
    )
    order: list[str] = []

    def last(source: RecordSource | None) -> Iterable[Operation]:
        assert source is stores
        order.append("last")
        return [end(PARENT)]

    writer.write_last(PARENT, last)
    writer.write(CHILD, lambda _: order.append("child") or [end(CHILD)])  # type: ignore[func-returns-value]
    assert writer.made(CHILD, 10)
    writer.close(60, 60)
    assert (kept.operations, writer.problem) == ([], None)
    child, parent = stores.tracking.get_run(CHILD), stores.tracking.get_run(PARENT)
    assert child.data.tags["mlflow.parentRunId"] == PARENT
    assert (child.data.metrics, child.data.params, child.data.tags["t"]) == ({"m": 1.0}, {"p": "1"}, "2")
    assert child.inputs.dataset_inputs[0].dataset.name == "in"
    assert {child.info.status, parent.info.status} == {RunStatus.FINISHED}
    with stores.artifacts_for(child.info.artifact_uri).open("a/b") as opened:
        assert opened.read() == b"x"


def test_what_a_script_logged_stays(stores: Stores) -> None:
    writer = StoreWriter(stores)
    writer.perform(create(CHILD))
    stores.tracking.log_batch(CHILD, metrics=[Metric("m", 1.0, 7)], params=[Param("p", "script")])
    for _ in range(2):
        writer.perform(LogToRun(CHILD, (Metric("m", 2.0, 8), Metric("n", 3.0, 8)), {"p": "file", "q": "1"}))
        writer.perform(create(CHILD))  # again, without harm
    found = stores.tracking.get_run(CHILD).data
    assert (found.metrics, found.params) == ({"m": 1.0, "n": 3.0}, {"p": "script", "q": "1"})


def test_many_values_are_sent_in_batches(stores: Stores) -> None:
    writer = StoreWriter(stores)
    writer.perform(create(CHILD))
    points = tuple(Metric("m", float(step), 7, step) for step in range(2500))
    params = {f"p{i}": "1" for i in range(250)}
    writer.perform(LogToRun(CHILD, points, params, {f"t{i}": "1" for i in range(150)}))
    found = stores.tracking.get_run(CHILD).data
    assert (len(found.params), found.metrics["m"]) == (250, 2499.0)
    assert len([tag for tag in found.tags if tag.startswith("t")]) == 150


def test_a_server_that_gives_ids_itself(stores: Stores) -> None:
    writer = RunWriter(lambda: through(stores, ChoosingIds(stores.tracking)), Kept())
    data = DataInput("in", "md5:" + "0" * 32, run_id=PARENT)
    write_all(writer, create(PARENT), create(CHILD, PARENT), LogInputs(CHILD, (data,)), end(CHILD), end(PARENT))
    writer.close(60, 60)
    parent, child = writer.id_of(PARENT), writer.id_of(CHILD)
    assert {parent, child}.isdisjoint({PARENT, CHILD})
    found = stores.tracking.get_run(child)
    assert found.info.status is RunStatus.FINISHED
    assert found.data.tags["mlflow.parentRunId"] == parent
    assert parent in found.inputs.dataset_inputs[0].dataset.source
    with pytest.raises(NotFoundError):
        stores.tracking.get_run(CHILD)


@pytest.mark.parametrize("after", range(0, 12, 3))
def test_what_a_store_does_not_take_is_sent_later(stores: Stores, tmp_path: Path, after: int) -> None:
    """At whatever call the store goes away, all is there in the end, and only once."""
    log = tmp_path / "log"
    log.write_text("said")
    folder = str(tmp_path / "unsent")
    failing = Failing(stores.tracking, after)
    unsent = Unsent(folder, "one", URI)
    writer = RunWriter(lambda: through(stores, failing), unsent)
    write_all(
        writer,
        create(PARENT),
        create(CHILD, PARENT),
        LogToRun(CHILD, (Metric("m", 1.0, 7),), {"p": "1"}),
        PutFile(CHILD, "log", str(log)),
        PutFile(CHILD, "gone", str(tmp_path / "gone")),
        end(CHILD),
        end(PARENT),
    )
    writer.close(60, 60)
    assert writer.problem == ("No server answers." if unsent.count else None) or after > 6
    assert send_unsent(folder, URI, stores).taken == 0 or not unsent.count  # it is still being written
    unsent.close()
    log.write_text("the next one's")
    assert send_unsent(folder, "sqlite:///other", stores).taken == 0
    sent = send_unsent(folder, URI, through(stores, failing))
    assert sent.taken == 0
    assert sent.problem == ("No server answers." if unsent.count else None)
    failing.down = False
    assert send_unsent(folder, URI, through(stores, failing)).taken == bool(unsent.count)
    assert not has_unsent(folder)
    experiment = stores.tracking.get_experiment_by_name("e")
    assert experiment is not None
    found = {run.info.run_id: run for run in stores.tracking.search_runs([experiment.experiment_id]).items}
    assert set(found) == {PARENT, CHILD}
    assert {run.info.status for run in found.values()} == {RunStatus.FINISHED}
    assert (found[CHILD].data.metrics, found[CHILD].data.params) == ({"m": 1.0}, {"p": "1"})
    if unsent.count > 2:
        with stores.artifacts_for(found[CHILD].info.artifact_uri).open("log") as file:
            assert file.read() == b"said"


def test_sending_goes_on_where_it_stopped(stores: Stores, tmp_path: Path) -> None:
    unsent = Unsent(str(tmp_path), "one", URI)
    for operation in (end(CHILD), create(PARENT), create(CHILD, PARENT), LogToRun(CHILD, tags={"t": "1"}), end(PARENT)):
        unsent.keep(operation)
    unsent.close()
    assert send_unsent(str(tmp_path), URI, stores, seconds=-1).problem == "the store is slow"
    failing = Failing(stores.tracking, 6)
    assert send_unsent(str(tmp_path), URI, through(stores, failing)).problem == "No server answers."
    left = (tmp_path / "one.jsonl").read_text().splitlines()
    assert len(left) < 6
    assert '"create"' not in "".join(left)
    assert send_unsent(str(tmp_path), URI, stores).taken == 1
    assert stores.tracking.get_run(CHILD).info.status is RunStatus.FINISHED


def test_what_a_store_refuses_is_set_aside(stores: Stores, tmp_path: Path) -> None:
    unsent = Unsent(str(tmp_path), "one", URI)
    unsent.keep(end("c" * 32))
    unsent.close()
    sent = send_unsent(str(tmp_path), URI, stores)
    assert sent.problem is not None
    assert "one.jsonl.refused holds what the store refused" in sent.problem
    assert send_unsent(str(tmp_path), URI, stores).problem is None


def test_a_store_that_is_stuck_is_left(stores: Stores) -> None:
    stuck = Stuck(stores.tracking, "update_run")
    writer = RunWriter(lambda: through(stores, stuck), kept := Kept())
    write_all(writer, create(CHILD), end(CHILD), LogToRun(CHILD, tags={"t": "1"}))
    writer.write_last(CHILD, lambda source: [LogToRun(CHILD, tags={"last": str(source)})])
    assert writer.made(CHILD, 60)
    writer.close(60, 0.05)
    assert writer.was_abandoned
    assert kept.operations == [
        end(CHILD), LogToRun(CHILD, tags={"t": "1"}), LogToRun(CHILD, tags={"last": "None"})
    ]  # fmt: skip
    stuck.released.set()


def test_a_run_that_is_late_is_not_waited_for_twice(stores: Stores) -> None:
    stuck = Stuck(stores.tracking, "create_run")
    writer = RunWriter(lambda: through(stores, stuck), Kept())
    write_all(writer, create(CHILD))
    assert not writer.made(CHILD, 0.01)
    assert not writer.made(CHILD, 600)
    stuck.released.set()
    writer.close(60, 60)
    assert writer.made(CHILD, 0)


def test_a_store_that_refuses_the_run_gets_nothing_else(stores: Stores) -> None:
    stores.tracking.delete_experiment(stores.tracking.create_experiment("gone"))
    writer = RunWriter(lambda: stores, kept := Kept())
    write_all(writer, create(CHILD, experiment="gone"), end(CHILD))
    writer.close(60, 60)
    assert writer.problem == "The experiment 'gone' has been deleted."
    assert kept.operations == []


def test_a_store_that_cannot_be_opened_keeps_all() -> None:
    def open_source() -> RecordSource:
        raise UnavailableError("No server answers.")

    writer = RunWriter(open_source, kept := Kept())
    write_all(writer, create(CHILD), end(CHILD))
    assert not writer.made(CHILD, 60)
    writer.close(60, 60)
    assert set(map(type, kept.operations)) == {CreateRun, EndRun}
    assert not writer.sends


def test_what_goes_wrong_on_the_way_is_said_and_holds_up_nothing(stores: Stores) -> None:
    writer = RunWriter(lambda: stores, Kept())
    write_all(writer, create(CHILD))

    def wrong(_: RecordSource | None) -> Iterable[Operation]:
        raise ValueError("no such thing")

    writer.write(CHILD, wrong)
    write_all(writer, end(CHILD))
    writer.close(60, 60)
    assert writer.problem == "ValueError: no such thing"
    assert stores.tracking.get_run(CHILD).info.status is RunStatus.FINISHED


def test_a_disk_that_is_full_is_said_and_holds_up_nothing(stores: Stores) -> None:
    class Full:
        def keep(self, operation: Operation) -> None:
            raise OSError("No space left on device")

    stuck = Stuck(stores.tracking, "update_run")
    writer = RunWriter(lambda: through(stores, stuck), Full())
    write_all(writer, create(CHILD), end(CHILD))
    assert writer.made(CHILD, 60)
    writer.close(60, 0.05)
    assert writer.problem == "it is too slow"
    stuck.released.set()
    gone = RunWriter(lambda: through(stores, Failing(stores.tracking, 0)), Full())
    write_all(gone, create(CHILD), end(CHILD))
    gone.close(60, 60)
    assert gone.problem == "No server answers."
