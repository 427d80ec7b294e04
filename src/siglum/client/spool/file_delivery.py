"""How files and rows of tables get from a spool to where a run's files are. Repeating it changes nothing."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Sequence

from siglum.client import progress
from siglum.client.artifact_folder import ArtifactFolder
from siglum.client.spool.records import Append, File, Record
from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.core.failures import file_errors
from siglum.storage.artifacts.replacing import NumberedWrite
from siglum.tracking.store import TrackingStore


class FileDelivery:
    """The files of runs of one store. May be used from several threads, for different runs."""

    def __init__(self, tracking: TrackingStore, artifacts_for: Callable[[str], ArtifactFolder]) -> None:
        self._tracking = tracking
        self._artifacts_for = artifacts_for
        self._found: dict[str, ArtifactFolder] = {}

    def put(self, run_id: str, file: File, copies: str) -> None:
        """Store a file; its copy, if it has one, is in the folder `copies`."""
        files = self._files_of(run_id)
        if file.copy is None:
            files.put(file.path, io.BytesIO(file.content))
            return
        copy = os.path.join(copies, file.copy)
        if not os.path.exists(copy) and _has(files, file.path):
            return  # it was taken before, and its copy went: all is sent again where nobody knows what was
        with _there(file.path, copy), _shown(file.path, copy):
            files.put_file(file.path, copy)

    def append(self, run_id: str, rows: Append, copies: str, write: NumberedWrite) -> None:
        """Add rows to a table, once for each number of a writer."""
        # Seldom, and it takes its time to import.
        from siglum.client import logged_tables

        files, content = self._files_of(run_id), _content(rows, copies)
        try:
            logged_tables.add_rows(files, rows.path, content, write)
        except NotSupportedError:
            _append_alone(files, rows.path, content, _whole(copies, write.number) if copies else None)
        logged_tables.list_in_run(self._tracking, run_id, rows.path)

    def _files_of(self, run_id: str) -> ArtifactFolder:
        files = self._found.get(run_id)
        if files is None:
            files = self._found[run_id] = self._artifacts_for(self._tracking.get_run(run_id).info.artifact_uri)
        return files


def drop_copies(copies: str, records: Sequence[Record], end: int) -> None:
    """Remove the copies of records that were taken or refused, the last of which ends at `end`."""
    for record in records:
        if isinstance(record, File | Append) and record.copy is not None:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(copies, record.copy))
        if isinstance(record, Append) and copies:
            with contextlib.suppress(OSError):
                os.unlink(_whole(copies, end))


def _append_alone(files: ArtifactFolder, path: str, rows: bytes, whole: str | None) -> None:
    """Add rows where nothing tells who else does. The table is kept in `whole` until it is stored: it is the same then.

    What somebody else adds between the reading and the writing is lost: MLflow's server has no call that prevents it.
    """
    # As above.
    from siglum.client import logged_tables

    if whole is not None and os.path.exists(whole):
        files.put_file(path, whole)
        return
    content = logged_tables.with_rows(logged_tables.content_of(files, path), rows, path)
    if whole is not None:
        _keep(whole, content)
    files.put(path, io.BytesIO(content))


def _whole(copies: str, end: int) -> str:
    return os.path.join(copies, f"{end}.whole")


def _content(rows: Append, copies: str) -> bytes:
    if rows.copy is None:
        return rows.content
    copy = os.path.join(copies, rows.copy)
    with _there(rows.path, copy), open(copy, "rb") as file:
        return file.read()


def _keep(path: str, content: bytes) -> None:
    """Keep a table as it is going to be. Where there is no room, an answer that is lost doubles its last rows."""
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(f"{path}.new", "wb") as file:
            file.write(content)
        os.replace(f"{path}.new", path)


def _has(files: ArtifactFolder, path: str) -> bool:
    return any(entry.path == path for entry in files.list(path.rpartition("/")[0]))


@contextlib.contextmanager
def _there(path: str, copy: str) -> Iterator[None]:
    if not os.path.exists(copy):
        raise InvalidInputError(f"{path}: its copy {copy} has gone.")
    with file_errors(copy):
        yield


def _shown(path: str, copy: str) -> contextlib.AbstractContextManager[object]:
    """Show how far a file is to whoever waits until it is sent."""
    total = os.stat(copy).st_size if os.path.exists(copy) else 0
    return progress.transfer(f"Sending {path.rpartition('/')[2]}", total, when=progress.somebody_waits)
