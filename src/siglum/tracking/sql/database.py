"""A database as the stores see it: reads in the caller's thread, writes through one thread that commits in groups.

    open_database("sqlite:///siglum.db")       a path relative to the working folder
    open_database("sqlite:////var/siglum.db")  an absolute path
    open_database("postgresql://user:password@host:5432/name")

Readers see the last commit and are never blocked by the writer. Several processes may use one database at once. A
process that forks while the database is open goes on using it, and so does its child: connections must not cross a
fork, so they are closed just before it and opened again on next use.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import unquote

from siglum.core.clock import Clock, now_ms
from siglum.core.errors import ConflictError, InvalidInputError, NotSupportedError, SiglumError, UnavailableError
from siglum.tracking.sql.group_commit import GroupCommit
from siglum.tracking.sql.migrate import Upgrade, migrate
from siglum.tracking.sql.port import Backend, Session, Sql, TransactionLostError
from siglum.tracking.sql.postgres_uri import is_postgres_uri
from siglum.tracking.sql.retry import retried
from siglum.tracking.sql.sqlite import SqliteBackend
from siglum.tracking.sql.turns import turn

T = TypeVar("T")

_IDLE_READERS: Final = 8
_SUPPORTED: Final = "Supported: sqlite:///relative.db, sqlite:////absolute/path.db, postgresql://user@host/name"


def parse_sqlite_path(uri: str) -> str:
    """Return the path that a `sqlite:///` URI names. Raises for every other URI, naming what is supported."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        raise InvalidInputError(f"{uri!r} is not a database URI.", hint=_SUPPORTED)
    if scheme.partition("+")[0] in ("mysql", "mssql", "oracle", "mariadb"):
        raise NotSupportedError(f"{scheme} databases are not supported.", hint=_SUPPORTED)
    if scheme != "sqlite":
        raise InvalidInputError(f"{uri!r} is not a database URI.", hint=_SUPPORTED)
    path = unquote(rest[1:])
    if not rest.startswith("/") or not path or "\0" in path or path == ":memory:" or path.endswith("/"):
        raise InvalidInputError(f"{uri!r} does not name a file.", hint=_SUPPORTED)
    return path


def _backend(uri: str) -> Backend:
    if is_postgres_uri(uri):
        # The driver is an extra, and takes its time to import.
        from siglum.tracking.sql.postgres import PostgresBackend

        return PostgresBackend(uri)
    # absolute at once: the process may change its working folder before the next connection is opened
    return SqliteBackend(os.path.abspath(parse_sqlite_path(uri)))


def open_database(uri: str, clock: Clock = now_ms, *, create: bool = True) -> Database:
    """Open a database, created and migrated as needed. See the module for what a URI looks like.

    Without `create`, a database without tables raises NotFoundError.

    Raises FileFormatError for a database of another kind, IntegrityError for a damaged one, ConflictError when a newer
    Siglum has written it or it has to be upgraded by command, NotFoundError, PermissionDeniedError and
    UnavailableError when it cannot be reached, NotSupportedError when the driver for it is not installed.
    """
    database = Database(uri, _backend(uri), clock, create=create)
    try:
        database.check()
    except BaseException:
        database.close()
        raise
    return database


def upgrade_database(uri: str, clock: Clock = now_ms, *, dry_run: bool = False) -> Upgrade:
    """Bring the schema of a database up to date; a `dry_run` tries it and undoes it. Raises as `open_database` does."""
    backend = _backend(uri)
    session = backend.connect(writes=True, on_statement=lambda: None)
    try:
        return migrate(session, backend, clock, upgrade=True, dry_run=dry_run)
    finally:
        session.close()


class Database:
    """An open database, shared by the stores on it. Any method may be called from any thread."""

    def __init__(self, uri: str, backend: Backend, clock: Clock, *, create: bool = True) -> None:
        self.uri = uri
        self.place = backend.place
        self.clock = clock
        self.statements = 0
        self._backend = backend
        self._create = create
        self._closed = False
        self._reset()
        _OPEN.add(self)

    def _reset(self) -> None:
        """Start with no connection and no thread: at first, and in a child after a fork."""
        self._gate = threading.Condition()
        self._active = 0
        self._frozen = False
        self._idle: deque[Session] = deque()
        self._reading = threading.BoundedSemaphore(self._backend.readers)
        self._write_session: Session | None = None
        self._writer: GroupCommit | None = None

    def check(self) -> None:
        """Open and migrate, so that what is wrong is found now and not at the first write."""
        retried(self._open_writer)

    def _open_writer(self) -> None:
        with self._writing():
            pass

    # -- work --------------------------------------------------------------------------------------------------
    def write(self, work: Callable[[Sql], T], weight: int = 1) -> T:
        """Run `work` in a transaction. On return it is committed and flushed; when it raises, nothing has changed.

        `weight` is about how many rows it writes. `work` may run in another thread, and may call nothing of the
        database but what it is given.
        """
        return self._group_commit().run(work, weight)

    def submit(self, work: Callable[[Sql], T], weight: int = 1) -> Future[T]:
        """Queue `work` as `write` would, and return at once."""
        return self._group_commit().submit(work, weight)

    def _group_commit(self) -> GroupCommit:
        writer = self._writer
        if writer is None:
            with self._gate:
                if self._closed:
                    raise ConflictError(f"{self.place}: the database has been closed.")
                if self._writer is None:
                    self._writer = GroupCommit(self._writing, f"siglum-writer {os.path.basename(self.place)}")
                writer = self._writer
        return writer

    def read(self, work: Callable[[Sql], T]) -> T:
        """Run `work` on one snapshot of what is committed."""
        if self._closed:
            raise ConflictError(f"{self.place}: the database has been closed.")
        return retried(lambda: self._read_once(work))

    def _read_once(self, work: Callable[[Sql], T]) -> T:
        with self._entered(), self._reading:
            session = self._take_reader()
            try:
                session.begin()
                return work(session)
            except TransactionLostError:
                self._drop_idle()  # what cut this connection has most likely cut those that wait, too
                raise
            finally:
                self._give_back(session)

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Keep other threads and processes from what goes by that name; within, the database is used as ever."""
        return turn(self._backend, name)

    def close(self) -> None:
        """Finish what was accepted and release files and threads. Repeating it changes nothing."""
        with self._gate:
            self._closed = True
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        with self._gate:
            self._gate.wait_for(lambda: self._active == 0)
            self._drop_connections()
        _OPEN.discard(self)

    # -- connections -------------------------------------------------------------------------------------------
    @contextmanager
    def _entered(self) -> Iterator[None]:
        """Count who uses a connection, and let nobody begin while the process is about to fork."""
        with self._gate:
            self._gate.wait_for(lambda: not self._frozen)
            self._active += 1
        try:
            yield
        finally:
            with self._gate:
                self._active -= 1
                self._gate.notify_all()

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with self._entered():
            if self._write_session is None:
                session = self._backend.connect(writes=True, on_statement=self._count)
                try:
                    migrate(session, self._backend, self.clock, create=self._create)
                except BaseException:
                    session.close()
                    raise
                self._write_session = session
            try:
                yield self._write_session
            except UnavailableError:
                self._write_session.close()
                self._write_session = None
                raise

    def _take_reader(self) -> Session:
        with self._gate:
            if self._idle:
                return self._idle.pop()
        return self._backend.connect(writes=False, on_statement=self._count)

    def _give_back(self, session: Session) -> None:
        """End a reader's transaction and keep its connection for the next, unless that fails or enough are kept."""
        try:
            usable = session.in_transaction
            if usable:
                session.rollback()
        except SiglumError:
            session.close()
            raise
        with self._gate:
            if usable and len(self._idle) < _IDLE_READERS and not self._closed:
                self._idle.append(session)
                return
        session.close()

    def _drop_idle(self) -> None:
        with self._gate:
            idle, self._idle = self._idle, deque()
        for session in idle:
            session.close()

    def _drop_connections(self) -> None:
        while self._idle:
            self._idle.pop().close()
        if self._write_session is not None:
            self._write_session.close()
            self._write_session = None

    def _count(self) -> None:
        self.statements += 1

    # -- fork --------------------------------------------------------------------------------------------------
    def _before_fork(self) -> None:
        with self._gate:
            self._frozen = True
            self._gate.wait_for(lambda: self._active == 0)
            self._drop_connections()

    def _after_fork_in_parent(self) -> None:
        with self._gate:
            self._frozen = False
            self._gate.notify_all()


_OPEN: Final[weakref.WeakSet[Database]] = weakref.WeakSet()


def _for_all_open(action: Callable[[Database], Any]) -> None:
    for database in list(_OPEN):
        action(database)


os.register_at_fork(
    before=lambda: _for_all_open(Database._before_fork),
    after_in_parent=lambda: _for_all_open(Database._after_fork_in_parent),
    after_in_child=lambda: _for_all_open(Database._reset),
)
