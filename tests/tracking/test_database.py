from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw
import pytest

from siglum.core.errors import (
    ConflictError,
    FileFormatError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
)
from siglum.tracking.entities import Metric, Param
from siglum.tracking.sql.database import Database, open_database, parse_sqlite_path
from siglum.tracking.sql.group_commit import Joint
from siglum.tracking.sql.migrate import known_migrations
from siglum.tracking.sql.port import Sql
from siglum.tracking.sql.store import SqlTrackingStore

T = TypeVar("T")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    database.write(lambda sql: sql.run("CREATE TABLE t (x INTEGER PRIMARY KEY)"))
    yield database
    database.close()


def insert(x: int) -> Callable[[Sql], None]:
    return lambda sql: sql.run("INSERT INTO t VALUES (?)", (x,))


def numbers(database: Database) -> list[int]:
    return [x for (x,) in database.read(lambda sql: sql.all("SELECT x FROM t ORDER BY x"))]


# -- URIs --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:///a.db", "a.db"),
        ("sqlite:///some/dir/a.db", "some/dir/a.db"),
        ("sqlite:////var/a.db", "/var/a.db"),
        ("sqlite:///with%20space.db", "with space.db"),
    ],
)
def test_uris(uri: str, path: str) -> None:
    assert parse_sqlite_path(uri) == path


@pytest.mark.parametrize(
    "uri", ["a.db", "http://x", "sqlite://", "sqlite:///", "sqlite://host/a.db", "sqlite:///:memory:"]
)
def test_bad_uris_say_what_is_supported(uri: str) -> None:
    with pytest.raises(InvalidInputError, match="sqlite:///relative"):
        parse_sqlite_path(uri)


@pytest.mark.parametrize("uri", ["mysql://h/d", "mysql+pymysql://u@h/d", "mssql://h/d"])
def test_databases_that_are_not_supported(uri: str) -> None:
    with pytest.raises(NotSupportedError, match="sqlite:///relative"):
        parse_sqlite_path(uri)


def test_a_relative_path_means_the_folder_at_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqlTrackingStore(open_database("sqlite:///a.db"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.create_experiment("e")
    assert store.get_experiment_by_name("e") is not None
    store.close()
    assert list((tmp_path / "elsewhere").iterdir()) == []


# -- transactions ------------------------------------------------------------------------------------------------------
def test_settings_are_durable(database: Database) -> None:
    def settings(sql: Sql) -> list[object]:
        return [sql.all(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "foreign_keys")]

    assert database.write(lambda sql: (sql.all("PRAGMA journal_mode"), settings(sql))[1]) == ["wal", 2, 1]
    assert database.read(settings) == ["wal", 2, 1]


def write_as_one_group(
    database: Database, numbers: list[int], unit: Callable[[int], Callable[[Sql], None]] = insert
) -> tuple[list[BaseException | None], int]:
    """Insert numbers, each in a unit of its own, in one group; return what each came to, and how many statements."""
    started, go = threading.Event(), threading.Event()

    def block(sql: Sql) -> None:
        started.set()
        assert go.wait(30)

    first = database.submit(block)
    assert started.wait(30)
    # all of these gather while the first is running, and become one group
    futures = [database.submit(unit(x)) for x in numbers]
    before = database.statements
    go.set()
    first.result()
    return [future.exception() for future in futures], database.statements - before


def test_a_group_shares_one_transaction(database: Database) -> None:
    results, statements = write_as_one_group(database, [1, 2, 3, 4])
    assert results == [None] * 4
    assert statements == 1 + 1 + 4 + 1, "the COMMIT of the first; BEGIN, four times INSERT, COMMIT"
    assert numbers(database) == [1, 2, 3, 4]


def test_one_failure_in_a_group_does_not_touch_the_others(database: Database) -> None:
    results, _ = write_as_one_group(database, [1, 2, 2, 3])
    assert [result is None for result in results] == [True, True, False, True]
    assert isinstance(results[2], SiglumError)
    assert numbers(database) == [1, 2, 3]


def insert_all(sql: Sql, values: Sequence[int]) -> list[None]:
    sql.many("INSERT INTO t VALUES (?)", [(x,) for x in values])
    return [None] * len(values)


def insert_joint(x: int) -> Callable[[Sql], None]:
    """Return a unit that is done together with others beside it, but for 5, which stands alone."""
    return insert(x) if x == 5 else Joint(insert_all, x)


def test_units_that_do_the_same_are_done_at_once(database: Database) -> None:
    results, statements = write_as_one_group(database, [1, 2, 3, 5, 6, 7], insert_joint)
    assert results == [None] * 6
    assert statements == 1 + 1 + 3 + 1, "the COMMIT of the first; BEGIN, three times INSERT, COMMIT"
    assert numbers(database) == [1, 2, 3, 5, 6, 7]


def test_one_failure_in_units_done_at_once_does_not_touch_the_others(database: Database) -> None:
    results, _ = write_as_one_group(database, [1, 2, 2, 3], insert_joint)
    assert [result is None for result in results] == [True, True, False, True]
    assert isinstance(results[2], SiglumError)
    assert numbers(database) == [1, 2, 3]


def in_thread(work: Callable[[], T]) -> T:
    """Return what a call in another thread returns, or raise what it raises."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(60)


def test_who_writes_alone_writes_in_its_own_thread(database: Database) -> None:
    def write() -> tuple[int, int]:
        return database.write(lambda _: threading.get_ident()), threading.get_ident()

    of_work, of_caller = in_thread(write)
    assert of_work == of_caller
    # what interrupts a program is raised in its main thread, which must not happen between two statements
    of_work, of_caller = write()
    assert of_work != of_caller


def test_who_finds_another_writing_waits_in_a_group(database: Database) -> None:
    started, go = threading.Event(), threading.Event()

    def block(sql: Sql) -> None:
        started.set()
        assert go.wait(30)
        insert(1)(sql)

    with ThreadPoolExecutor(2) as pool:
        alone = pool.submit(database.write, block)
        assert started.wait(30)
        queued = [database.submit(insert(x)) for x in (2, 3)]
        beside = pool.submit(database.write, insert(4))
        assert not any(each.done() for each in (*queued, beside))
        go.set()
        for each in (alone, *queued, beside):
            assert each.result(30) is None
    assert numbers(database) == [1, 2, 3, 4]


def test_what_fails_alone_changes_nothing_and_lets_the_next_write(database: Database) -> None:
    def fail(sql: Sql) -> None:
        insert(1)(sql)
        raise ValueError("no")

    def write() -> None:
        with pytest.raises(ValueError, match="no"):
            database.write(fail)
        database.write(insert(2))

    in_thread(write)
    assert numbers(database) == [2]
    database.close()
    with pytest.raises(ConflictError, match="closed"):
        in_thread(lambda: database.write(insert(3)))


def test_what_raises_changes_nothing(database: Database) -> None:
    def fail(sql: Sql) -> None:
        sql.run("INSERT INTO t VALUES (1)")
        raise ConflictError("no")

    with pytest.raises(ConflictError, match="no"):
        database.write(fail)
    assert numbers(database) == []


def test_readers_see_one_snapshot_and_do_not_wait_for_the_writer(database: Database) -> None:
    def read(sql: Sql) -> tuple[list[object], list[object]]:
        before: list[object] = list(sql.all("SELECT x FROM t"))
        database.write(insert(1))
        return before, list(sql.all("SELECT x FROM t"))

    assert database.read(read) == ([], [])
    assert numbers(database) == [1]


def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(PermissionDeniedError):
        database.read(lambda sql: sql.run("INSERT INTO t VALUES (1)"))


def test_closing_finishes_what_was_accepted(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    database.write(lambda sql: sql.run("CREATE TABLE t (x)"))
    futures = [database.submit(insert(x)) for x in range(100)]
    database.close()
    database.close()
    assert [f.result() for f in futures] == [None] * 100
    with pytest.raises(ConflictError, match="closed"):
        database.write(insert(1))
    with pytest.raises(ConflictError, match="closed"):
        numbers(database)
    again = open_database(f"sqlite:///{tmp_path}/a.db")
    assert len(numbers(again)) == 100
    again.close()


def test_opening_and_closing_leaks_nothing(tmp_path: Path) -> None:
    def opened() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    before = opened()
    for _ in range(20):
        store = SqlTrackingStore(open_database(f"sqlite:///{tmp_path}/a.db"))
        store.create_run("0")
        store.search_runs(["0"])
        store.close()
    assert opened() == before


# -- several processes -------------------------------------------------------------------------------------------------
WRITER = """
import sys
from siglum.tracking.entities import Metric
from siglum.tracking.sql.database import open_database
from siglum.tracking.sql.store import SqlTrackingStore
store = SqlTrackingStore(open_database(sys.argv[1]))
run = store.create_run("0", run_name=sys.argv[2]).info.run_id
for i in range(30):
    store.log_batch(run, metrics=[Metric("m", i, i, i)])
store.close()
"""


def test_processes_that_start_at_once_migrate_once_and_share_the_file(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/a.db"
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, uri, f"run-{n}"]) for n in range(6)]
    assert [process.wait(120) for process in processes] == [0] * 6
    database = open_database(uri)
    store = SqlTrackingStore(database)
    runs = store.search_runs(["0"]).items
    assert sorted(run.info.run_name for run in runs) == [f"run-{n}" for n in range(6)]
    assert all(len(store.metric_history(run.info.run_id, "m").items) == 30 for run in runs)
    applied = database.read(lambda sql: sql.all("SELECT version FROM siglum_schema"))
    assert len(applied) == len(known_migrations())
    store.close()


def test_a_forked_child_and_its_parent_go_on(tmp_path: Path) -> None:
    store = SqlTrackingStore(open_database(f"sqlite:///{tmp_path}/a.db"))
    run = store.create_run("0").info.run_id
    store.get_run(run)

    def child() -> None:
        for i in range(20):
            store.log_batch(run, metrics=[Metric("child", i, i, i)])
        assert store.get_run(run).data.metrics["child"] == 19

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    for i in range(20):
        store.log_batch(run, metrics=[Metric("parent", i, i, i)])
    process.join(60)
    assert process.exitcode == 0
    assert store.get_run(run).data.metrics == {"child": 19, "parent": 19}
    store.close()


def test_no_connection_is_open_while_the_process_forks(database: Database) -> None:
    database.write(insert(1))
    numbers(database)
    pid = os.fork()
    if pid == 0:
        inherited = [f for f in os.listdir("/proc/self/fd") if _target(f).startswith(database.place)]
        os._exit(len(inherited))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert numbers(database) == [1]


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return ""


# -- faults ------------------------------------------------------------------------------------------------------------
def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="mkdir"):
        open_database(f"sqlite:///{tmp_path}/nowhere/a.db")


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=str(tmp_path)):
        open_database(f"sqlite:///{tmp_path}")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("name: not a database\n" * 100)
    with pytest.raises(FileFormatError, match=r"a\.db"):
        open_database(f"sqlite:///{tmp_path}/a.db")
    assert (tmp_path / "a.db").read_text() == "name: not a database\n" * 100


@pytest.mark.parametrize("table", ["alembic_version", "customers"])
def test_a_database_of_something_else(tmp_path: Path, table: str) -> None:
    connection = apsw.Connection(str(tmp_path / "a.db"))
    connection.execute(f"CREATE TABLE {table} (x)")
    connection.close()
    with pytest.raises(FileFormatError):
        open_database(f"sqlite:///{tmp_path}/a.db")


def test_a_newer_schema(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path}/a.db").close()
    connection = apsw.Connection(str(tmp_path / "a.db"))
    connection.execute("INSERT INTO siglum_schema VALUES (9999, 'later', 0)")
    connection.close()
    with pytest.raises(ConflictError, match="pgrade"):
        open_database(f"sqlite:///{tmp_path}/a.db")


def test_a_damaged_page(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = SqlTrackingStore(open_database(f"sqlite:///{path}"))
    run = store.create_run("0").info.run_id
    store.log_batch(run, params=[Param(f"p{i}", "x" * 500) for i in range(100)])
    store.close()
    data = bytearray(path.read_bytes())
    marker = data.rindex(b"x" * 400)
    page = marker // 4096 * 4096
    data[page : page + 16] = b"\xff" * 16
    path.write_bytes(data)
    store = SqlTrackingStore(open_database(f"sqlite:///{path}"))
    with pytest.raises(IntegrityError, match=r"a\.db"):
        store.get_run(run)
    store.close()


def test_a_damaged_series(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    store = SqlTrackingStore(database)
    run = store.create_run("0").info.run_id
    store.log_batch(run, metrics=[Metric("m", 1.0, 1)])
    database.write(lambda sql: sql.run("UPDATE metric_journal SET data = zeroblob(27)"))
    with pytest.raises(IntegrityError):
        store.metric_history(run, "m")
    store.close()


FULL = """
import os
import sys
from siglum.core.errors import StorageFullError
from siglum.tracking.entities import Param
from siglum.tracking.sql.database import open_database
from siglum.tracking.sql.store import SqlTrackingStore
database = open_database(sys.argv[1] + "/a.db")
store = SqlTrackingStore(database)
run = store.create_run("0").info.run_id
if sys.argv[2] == "limit":
    database.write(lambda sql: sql.run("PRAGMA max_page_count = 700"))
stored = 0
try:
    for stored in range(10_000):
        store.log_batch(run, params=[Param(f"p{stored}", "x" * 50_000)])
except StorageFullError as error:
    print(stored, error)
else:
    sys.exit("the disk did not get full")
if sys.argv[2] == "limit":
    database.write(lambda sql: sql.run("PRAGMA max_page_count = 100000"))
else:
    os.unlink(sys.argv[1].removeprefix("sqlite:///") + "/ballast")
store.log_batch(run, params=[Param("afterwards", "1")])
found = store.get_run(run).data.params
assert set(found) == {f"p{i}" for i in range(stored)} | {"afterwards"}, "stored and acknowledged differ"
store.close()
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """On a file system of 4 MiB of its own: what was acknowledged is there, and once there is room it goes on.

    Where a user may not mount one, the database is kept from growing instead.
    """
    mount = (
        f"mount -t tmpfs -o size=4m none {tmp_path} && dd if=/dev/zero of={tmp_path}/ballast bs=1M count=1 status=none"
    )
    command, way = ["unshare", "-Urm", "sh", "-c", f'{mount} && exec "$@"', "sh"], "mount"
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        command, way = [], "limit"
    result = subprocess.run(
        [*command, sys.executable, "-c", FULL, f"sqlite:///{tmp_path}", way],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "no room left" in result.stdout


def test_a_database_that_may_not_grow(database: Database) -> None:
    def fill(sql: Sql) -> None:
        pages = sql.all("PRAGMA page_count")[0][0]
        sql.run(f"PRAGMA max_page_count = {pages + 5}")
        sql.run("CREATE TABLE big (x)")
        sql.run("INSERT INTO big VALUES (zeroblob(1000000))")

    with pytest.raises(StorageFullError, match=r"no room left on the disk \(now \d+\.\d GB are free: "):
        database.write(fill)
    database.write(insert(1))
    assert numbers(database) == [1]


def test_a_file_that_may_not_be_written(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path}/a.db").close()
    for path in tmp_path.iterdir():
        path.chmod(0o444)
    tmp_path.chmod(0o555)
    code = f"from siglum.tracking.sql.database import open_database; open_database('sqlite:///{tmp_path}/a.db')"
    try:
        if os.geteuid() == 0:
            for parent in (tmp_path, *tmp_path.parents):
                parent.chmod(parent.stat().st_mode | 0o055)
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code]
        else:
            command = [sys.executable, "-c", code]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    finally:
        tmp_path.chmod(0o755)
    assert result.returncode == 1
    assert "PermissionDeniedError" in result.stderr
    assert "a.db" in result.stderr
