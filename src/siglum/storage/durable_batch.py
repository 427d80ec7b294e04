"""Many files made durable and visible together: temporary files, one barrier, then renames.

A batch writes every file under a temporary name beside its final one, or in a new folder that is filled aside, flushes
the file system once, renames, and flushes once more. A crash at any point leaves whole files under final names, or
temporaries that `is_temporary` knows.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.durability import Temporaries, discard, fsync_path, sync_file_system, temporary_name
from siglum.storage.new_folders import NewFolders


class _FlushAhead:
    """A flush of the file system that `fd` is on, in a thread of its own."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="siglum flush", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            sync_file_system(self._fd)
        except OSError as error:
            self._error = error

    def result(self) -> None:
        """Wait for its end; raise the OSError that it failed with."""
        self._thread.join()
        if self._error is not None:
            raise self._error


class DurableBatch:
    """Files on one file system that become durable and visible together.

    Several threads may add to it at once. `commit` returns only when everything is durable under its final name.
    Leaving the `with` block without it, by an exception or not, removes the temporaries; then nothing is visible.
    """

    def __init__(self, root: str) -> None:
        os.makedirs(root, exist_ok=True)
        self._root = root
        # Opened before the first write: the kernel then reports a failed write-back to this descriptor's syncfs.
        self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._staged: dict[str, str] = {}  # final path -> temporary path
        self._loose: set[str] = set()  # temporaries without a final path yet
        self._reserved: list[Temporaries] = []
        self._new: dict[str, NewFolders] = {}  # by the folder that they are to be in
        self._ahead: _FlushAhead | None = None
        self.renamed_at_ns = 0
        """When `commit` began to give the files their names."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._staged) + sum(map(len, self._new.values()))

    def temporary_for(self, folder: str) -> str:
        """Return the path of a new temporary in `folder`, for the caller to create; removed unless `stage`d."""
        path = f"{folder}/{temporary_name()}"
        self._loose.add(path)
        return path

    def reserve(self, folder: str, count: int) -> Temporaries:
        """Return paths of new temporaries in `folder`, removed unless `stage`d, or `release`d when none is left."""
        reserved = Temporaries(folder, count)
        self._reserved.append(reserved)
        return reserved

    def new_folders(self, parent: str) -> NewFolders:
        """Return what takes whole new folders of `parent`, made if need be, which `commit` puts in place first."""
        found = self._new.get(parent)
        if found is None:
            os.makedirs(parent, exist_ok=True)
            found = self._new[parent] = NewFolders(parent)
        return found

    def release(self, reserved: Temporaries) -> None:
        """Forget reserved paths: each was staged or never created."""
        self._reserved.remove(reserved)

    def places_for(self, finals: Iterable[str]) -> list[str]:
        """Return where to write files, by their final paths: for `stage_each` then, else they are removed at the end.

        In a new folder, made aside, where theirs is one; but not manifests, which get their names after all else.
        Fastest where those of one folder follow each other.
        """
        places = []
        last, parent, aside = None, "", None
        for final in finals:
            folder, _, name = final.rpartition("/")
            if folder != last:
                last = folder
                parent, _, own = folder.rpartition("/")
                new = self.new_folders(parent)
                aside = None if name.endswith(DIR_SUFFIX) else new.folder_for(own)
            if aside is None or name.endswith(DIR_SUFFIX):
                places.append(self.temporary_for(parent))
            else:
                places.append(f"{aside}/{name}")
        return places

    def stage_each(self, placed: Iterable[tuple[str, str]]) -> None:
        """Do as `stage` for many files, given as the place where each was written and its final path."""
        last, new, own = None, None, ""
        names: set[str] = set()
        for place, final in placed:
            folder, _, name = final.rpartition("/")
            if folder != last:
                last = folder
                parent, _, own = folder.rpartition("/")
                new = self._new.get(parent)
                names = set()
            if new is None or not new.has_aside(place):
                self.stage(place, final)
                continue
            if not names:
                names = new.staged_in(own)
            names.add(name)

    def stage(self, temporary: str, final: str) -> None:
        """Have `commit` make `temporary`, written and closed, `final`. The first one for a name wins.

        A path that `new_folders` gave for `final` gets its name with its folder, before all others.
        """
        folder, _, name = final.rpartition("/")
        parent, _, folder_name = folder.rpartition("/")
        new = self._new.get(parent)
        if new is not None and new.has_aside(temporary):
            new.stage(folder_name, name)
            return
        if self._staged.setdefault(final, temporary) != temporary:
            self.drop(temporary)
        else:
            self._loose.discard(temporary)

    def drop(self, temporary: str) -> None:
        """Remove a temporary that turned out not to be needed, or to be wrong."""
        discard(temporary)
        self._loose.discard(temporary)

    def flush_ahead(self) -> None:
        """Begin to flush what was written so far. `commit` flushes the rest, and raises what this one failed with."""
        self.await_flush()
        self._ahead = _FlushAhead(self._fd)

    def await_flush(self) -> None:
        """Wait for the flush that was begun ahead, if one was. Raises OSError when it failed."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.result()

    def commit(self) -> None:
        """Flush, put new folders in place, rename all in the order of staging, flush. Raises OSError when any fails."""
        self.await_flush()
        if not len(self):
            return
        written = (path for new in self._new.values() for path in new.written())
        self._flush(itertools.chain(self._staged.values(), written))
        folders = {os.path.dirname(final) for final in self._staged}
        self.renamed_at_ns = time.time_ns()
        made = [folder for new in self._new.values() for folder in new.put_in_place()]
        for folder in folders - set(made):
            os.makedirs(folder, exist_ok=True)
        for final, temporary in self._staged.items():
            os.rename(temporary, final)
        self._staged.clear()
        self._flush((*folders, *made, *self._new, self._root))

    def _flush(self, paths: Iterable[str]) -> None:
        if not sync_file_system(self._fd):
            for path in paths:
                fsync_path(path)

    def close(self) -> None:
        """Remove what was not committed. May be called again."""
        with contextlib.suppress(OSError):  # what had to be durable was committed, and that said so
            self.await_flush()
        for temporary in itertools.chain(self._staged.values(), self._loose, *self._reserved):
            with contextlib.suppress(OSError):
                discard(temporary)
        for new in self._new.values():
            new.close()
        self._staged.clear()
        self._loose.clear()
        self._reserved.clear()
        self._new.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
