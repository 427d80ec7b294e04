"""Keeping what a run prints among its files: `siglum/stdout.txt` and `siglum/stderr.txt`, secrets masked."""

from __future__ import annotations

import io
import logging
import os
import traceback
from collections.abc import Callable, Mapping

from siglum.client.artifact_folder import ArtifactFolder
from siglum.client.output import Kept, OutputLog
from siglum.client.output_note import Note, hold
from siglum.client.output_thread import OutputThread
from siglum.core.secrets import mask
from siglum.lineage.project import project_root

FOLDER = "siglum"

_log = logging.getLogger("siglum")


class RunOutput:
    """What is printed from the beginning of a run to its end."""

    def __init__(self, run_id: str, uri: str, limit: int, store: Callable[[Mapping[str, bytes]], None]) -> None:
        """Keep at most `limit` bytes of each stream; nothing, and a line says so, where no file can be written.

        `store` is called in a thread, every few seconds, with what was printed so far by the names of its files.
        """
        self._limit = limit
        self._error = b""
        self._kept: Kept | None = None
        self._seen: dict[str, int] = {}
        self._store = store
        try:
            self._kept = _output.begin(run_id, lambda folder: hold(folder, Note(run_id, uri, limit)))
        except OSError as error:
            _log.warning("The output of run %s is not kept: %s", run_id, error)
        else:
            self._thread = OutputThread(self._store_so_far)

    def _store_so_far(self) -> int:
        found = {} if self._kept is None else _output.so_far(self._kept, self._limit, self._seen)
        if found:
            self._store(_masked(found))
        return sum(map(len, found.values()))

    def add_error(self, error: BaseException) -> None:
        """Keep the traceback of an error that ends the run: Python prints it only afterwards."""
        self._error = "".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace")

    def finish(self, artifacts: ArtifactFolder) -> None:
        """Keep no more, and store what was kept with the run. Repeating it changes nothing."""
        if self._kept is None:
            return
        self._thread.end()
        kept, self._kept = self._kept, None
        try:
            found = _output.end(kept, self._limit)
        except OSError as error:
            _log.warning("The output of the run is not kept: %s", error)
            return
        if self._error:
            found["stderr"] = found.get("stderr", b"") + self._error
        store_texts(artifacts, found)


def store_texts(files: ArtifactFolder, found: Mapping[str, bytes]) -> None:
    """Store what was printed, by the names of the streams, with secrets masked."""
    for path, content in _masked(found).items():
        files.put(path, io.BytesIO(content))


def _masked(found: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{FOLDER}/{name}.txt": mask(content).text for name, content in found.items()}


def output_folder(run_id: str) -> str:
    """Return where output is kept until its run ends; what a killed run printed is left there until `siglum sync`."""
    return os.path.join(output_folders()[0], run_id)


def output_folders() -> list[str]:
    """Return the folders of output: the project's, in a project, then the user's."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    found = [os.path.join(base, "siglum", "output")]
    project = os.path.join(project_root(os.getcwd()), ".dvc")
    return [os.path.join(project, "tmp", "siglum", "output"), *found] if os.path.isdir(project) else found


_output = OutputLog(output_folder)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_output.forget)
