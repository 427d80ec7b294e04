"""What was recorded of a `repro` while its tracking store did not answer: kept on disk, and sent when it does again.

A file holds the operations of one `repro`, a JSON value a line, behind a first line that names the store. Files that
belong to runs are copied beside it, since the next `repro` writes its own logs. Sending twice does no harm, so a line
goes away only when the store has taken it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from siglum.core.errors import SiglumError, UnavailableError
from siglum.lineage.operations import CreateRun, Operation, PutFile
from siglum.lineage.store_writer import StoreWriter
from siglum.lineage.trace import RecordSource

_SUFFIX = ".jsonl"
_REFUSED = ".refused"


class Sent(msgspec.Struct, frozen=True):
    """What came of sending: of how many repros all was taken, and why not of all."""

    taken: int = 0
    problem: str | None = None


class _Header(msgspec.Struct, frozen=True):
    uri: str


class Unsent:
    """The operations of one `repro` that wait. Nothing is on disk before the first of them.

    While it is open, nobody sends it.
    """

    def __init__(self, folder: str, name: str, uri: str) -> None:
        self._path = os.path.join(folder, name + _SUFFIX)
        self._files = os.path.join(folder, name)
        self._uri = uri
        self._file: BinaryIO | None = None
        self.count = 0

    def keep(self, operation: Operation) -> None:
        """Write an operation down. A file of a run is copied, or left out when it has gone."""
        if self._file is None:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._file = open(self._path, "ab")  # noqa: SIM115  -- until `close`
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._append(_Header(self._uri))
        self.count += 1
        if isinstance(operation, PutFile) and operation.local_path is not None:
            copied = os.path.join(self._files, str(self.count))
            os.makedirs(self._files, exist_ok=True)
            try:
                shutil.copyfile(operation.local_path, copied)
            except FileNotFoundError:
                return
            operation = msgspec.structs.replace(operation, local_path=copied)
        self._append(operation)

    def close(self) -> None:
        """Make what was kept durable, and let it be sent. Repeating it changes nothing."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def _append(self, value: Operation | _Header) -> None:
        assert self._file is not None
        self._file.write(msgspec.json.encode(value) + b"\n")
        self._file.flush()  # what a killed process wrote is there


def send_unsent(folder: str, uri: str, source: RecordSource, *, seconds: float = float("inf")) -> Sent:
    """Send what waits for the store `uri`; stop when it does not answer, or after so many seconds.

    What the store refuses is set aside under another name, with the rest of its file, and said once.
    """
    deadline = time.monotonic() + seconds
    taken, problem = 0, None
    for path in _waiting(folder):
        with _alone(path) as lines:
            if not lines or _uri_of(lines[0]) != uri:
                continue
            left, error = _send(lines[1:], source, deadline)
            if left:
                if error is None or isinstance(error, UnavailableError):
                    _replace(path, [lines[0], *left])
                    return Sent(taken, error.message if error else "the store is slow")
                _replace(path + _REFUSED, [lines[0], *left])
                problem = f"{path}{_REFUSED} holds what the store refused: {_reason(error)}"
                os.unlink(path)
                continue
            os.unlink(path)
            shutil.rmtree(path.removesuffix(_SUFFIX), ignore_errors=True)
            taken += 1
    return Sent(taken, problem)


def has_unsent(folder: str) -> bool:
    """Whether anything waits."""
    return bool(_waiting(folder))


def _send(
    lines: Sequence[bytes], source: RecordSource, deadline: float
) -> tuple[list[bytes], SiglumError | msgspec.MsgspecError | OSError | None]:
    """Send lines, those that make runs first; return what is left of them and why. No reason means: no time."""
    writer = StoreWriter(source)
    try:
        operations: list[Operation] = [msgspec.json.decode(line, type=Operation) for line in lines]
    except msgspec.MsgspecError as damage:
        return list(lines), damage
    operations.sort(key=lambda each: not isinstance(each, CreateRun))  # two threads wrote them
    for number, operation in enumerate(operations):
        problem: SiglumError | OSError | None = None
        try:
            if time.monotonic() < deadline:
                writer.perform(operation)
                continue
        except (SiglumError, OSError) as error:
            problem = error
        return [msgspec.json.encode(writer.translated(each)) + b"\n" for each in operations[number:]], problem
    return [], None


def _replace(path: str, lines: Sequence[bytes]) -> None:
    temporary = path + ".new"
    with open(temporary, "wb") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _uri_of(line: bytes) -> str | None:
    try:
        return msgspec.json.decode(line, type=_Header).uri
    except msgspec.MsgspecError:
        return None


def _reason(error: SiglumError | msgspec.MsgspecError | OSError) -> str:
    return error.message if isinstance(error, SiglumError) else str(error)


def _waiting(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(os.path.join(folder, name) for name in names if name.endswith(_SUFFIX))


@contextlib.contextmanager
def _alone(path: str) -> Iterator[list[bytes]]:
    """Yield the whole lines of a file, none when another process is sending it or has sent it."""
    try:
        file = open(path, "rb")  # noqa: SIM115  -- closed below, in both ways out
    except FileNotFoundError:
        yield []
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield []
            return
        # A line that was cut short by a crash has no end; nothing after it was written.
        yield [line for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]
