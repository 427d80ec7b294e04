"""New folders, filled aside and put in place whole: one rename for all files of a folder instead of one for each.

A store that is filled for the first time consists of them, and the renames are a third of the work then. What is aside
lies below `<parent>/.<22 characters>.tmp/`, each folder's name with an underscore before it: neither Siglum nor DVC
takes that for a folder of objects.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator

from siglum.storage.durability import discard, temporary_name


class NewFolders:
    """Folders on their way into `parent`, which exists. `DurableBatch` flushes them and puts them in place."""

    def __init__(self, parent: str) -> None:
        self._parent = parent
        self._aside = f"{parent}/{temporary_name()}"
        self._there = frozenset(os.listdir(parent))
        self._made: set[str] = set()
        self._staged: dict[str, set[str]] = {}

    def place_for(self, folder: str, name: str) -> str | None:
        """Return where to write the file that is to be `<parent>/<folder>/<name>`, its folder made.

        None when the folder was there when this batch began: that file gets its name on its own. Forked processes may
        ask, too.
        """
        aside = self.folder_for(folder)
        return None if aside is None else f"{aside}/{name}"

    def folder_for(self, folder: str) -> str | None:
        """Return the folder, made, for what is to be in `<parent>/<folder>`; None as `place_for` does."""
        if folder in self._there:
            return None
        path = f"{self._aside}/_{folder}"
        if folder not in self._made:
            os.makedirs(path, exist_ok=True)
            self._made.add(folder)
        return path

    def stage(self, folder: str, name: str) -> None:
        """Have a file that was written where `place_for` said be put in place with its folder."""
        self.staged_in(folder).add(name)

    def staged_in(self, folder: str) -> set[str]:
        """Return the names of the files to be put in place with a folder, for more to be added."""
        return self._staged.setdefault(folder, set())

    def has_aside(self, path: str) -> bool:
        """Whether a path is one that `place_for` gave."""
        return path.startswith(f"{self._aside}/")

    def __len__(self) -> int:
        return sum(map(len, self._staged.values()))

    def written(self) -> Iterator[str]:
        """Yield the staged files where they are now, and the folders that they are in."""
        for folder, names in self._staged.items():
            path = f"{self._aside}/_{folder}"
            yield path
            yield from (f"{path}/{name}" for name in names)

    def put_in_place(self) -> list[str]:
        """Give all folders their names, with what was staged in them and nothing else; return their paths."""
        done = []
        for folder, names in self._staged.items():
            source, target = f"{self._aside}/_{folder}", f"{self._parent}/{folder}"
            for name in os.listdir(source):
                if name not in names:  # by a worker that died, perhaps in the middle of it
                    os.unlink(f"{source}/{name}")
            _put(source, target)
            done.append(target)
        self._staged.clear()
        return done

    def close(self) -> None:
        """Remove what was not put in place."""
        if os.path.lexists(self._aside):
            shutil.rmtree(self._aside, ignore_errors=True)


def _put(source: str, target: str) -> None:
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        # Somebody else made it meanwhile, which leaves the long way.
        for name in os.listdir(source):
            os.rename(f"{source}/{name}", f"{target}/{name}")


def remove_aside(path: str) -> None:
    """Remove a temporary that an interrupted write left behind: a file, or a folder that was filled aside."""
    with contextlib.suppress(IsADirectoryError, PermissionError):  # the latter is what other systems say of a folder
        discard(path)
        return
    shutil.rmtree(path, ignore_errors=True)
