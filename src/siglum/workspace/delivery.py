"""Data into a place that is in no data repository: made beside it, whole and durable, then put there by a rename."""

from __future__ import annotations

import contextlib
import fcntl
import os
import posixpath
import shutil
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from siglum.core.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from siglum.core.temporary_names import is_temporary
from siglum.storage.durability import fsync_path, temporary_name
from siglum.storage.objects import ObjectStore
from siglum.storage.swap import exchange
from siglum.workspace.documents import current_umask
from siglum.workspace.pointers import is_pointer

_LOCK = "lock"
_OLD = "old"


def target_for(source: str, out: str | None, *, force: bool, makes_folders: bool = False) -> str:
    """Return where something called `source` (a path or URL) goes: `out`, in it where that is a folder, else here.

    With `makes_folders` those above need not be there, see `landing_beside`. Raises AlreadyExistsError when something
    is there, without `force`; InvalidInputError for what cannot be.
    """
    name = posixpath.basename(posixpath.normpath(urlsplit(source).path if "://" in source else source))
    if out is None or os.path.isdir(out):
        if name in ("", ".", "..", "/"):
            raise InvalidInputError(f"{source!r} says no name for what comes of it.", hint="Give one with --out.")
        target = os.path.join(out, name) if out is not None else name
    else:
        target = out
    if is_pointer(target) or os.path.basename(target) == ".dvc":
        raise InvalidInputError(f"{target} is the name of a .dvc file.", hint="Give the data another name.")
    check_free(target, force=force, makes_folders=makes_folders)
    return target.rstrip("/") or "/"


def check_free(target: str, *, force: bool, makes_folders: bool = False) -> None:
    """Raise AlreadyExistsError when something is at a path, without `force`; NotFoundError without a folder above.

    With `makes_folders` it is enough when one can be made there.
    """
    if os.path.lexists(target) and not force:
        raise AlreadyExistsError(f"{target} exists already.", hint="Use --force to replace it.")
    folder = os.path.dirname(os.path.abspath(target))
    while makes_folders and not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise NotFoundError(f"The folder {os.path.relpath(folder)} does not exist.", hint="Make it first.")


class Landing:
    """A place beside a target where data is gathered. What is not put into place goes when it ends."""

    def __init__(self, target: str) -> None:
        self._target = os.path.abspath(target)
        self._folder = os.path.join(os.path.dirname(self._target), temporary_name())
        self._made = os.path.join(self._folder, "new")
        self._lock = -1
        self.store = ObjectStore(os.path.join(self._folder, "files", "md5"))

    def put_file(self, oid: str, *, is_exec: bool = False) -> None:
        """Put an object of `store` at the target."""
        self._make(oid, self._made, is_exec, last=True)
        self._swap()

    def put_folder(self, files: Iterable[tuple[str, str, bool]]) -> None:
        """Put a folder at the target, of (path below it, oid, whether its owner may run it)."""
        listed = list(files)
        uses: dict[str, int] = {}
        for _, oid, _ in listed:
            uses[oid] = uses.get(oid, 0) + 1
        folders = {self._made}
        os.mkdir(self._made)
        for relpath, oid, is_exec in listed:
            path = os.path.join(self._made, relpath)
            folder = os.path.dirname(path)
            if folder not in folders:
                os.makedirs(folder, exist_ok=True)
                folders.add(folder)
            uses[oid] -= 1
            self._make(oid, path, is_exec, last=uses[oid] == 0)
        for folder in folders:
            fsync_path(folder)
        self._swap()

    def _make(self, oid: str, path: str, is_exec: bool, *, last: bool) -> None:
        source = self.store.path_of(oid)
        if last:
            os.rename(source, path)
        else:
            shutil.copyfile(source, path)
            fsync_path(path)
        os.chmod(path, (0o766 if is_exec else 0o666) & ~current_umask())

    def _swap(self) -> None:
        """Put what was made in the place of what is there, which comes back if that fails."""
        old = os.path.join(self._folder, _OLD)
        if not os.path.lexists(self._target) or (_is_file(self._made) and _is_file(self._target)):
            os.rename(self._made, self._target)
        elif not exchange(self._made, self._target):
            os.rename(self._target, old)
            try:
                os.rename(self._made, self._target)
            except BaseException:
                os.rename(old, self._target)
                raise
        fsync_path(os.path.dirname(self._target))

    def begin(self) -> None:
        """Make the place, and remove those beside it that killed processes left behind."""
        parent = os.path.dirname(self._folder)
        for name in filter(is_temporary, os.listdir(parent)):
            _remove_left_behind(os.path.join(parent, name))
        os.mkdir(self._folder)
        self._lock = os.open(os.path.join(self._folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def end(self) -> None:
        """Remove the place, with what was replaced."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


def _is_file(path: str) -> bool:
    return os.path.islink(path) or not os.path.isdir(path)


def _remove_left_behind(folder: str) -> None:
    """Remove a place whose process is gone. What it had moved out of the way stays: that may be the only copy."""
    if os.path.lexists(os.path.join(folder, _OLD)):
        return
    try:
        handle = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return  # not one of these
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(handle)


@contextlib.contextmanager
def landing_beside(target: str) -> Iterator[Landing]:
    """Give a place to gather data for `target` in; it is removed at the end of the block, however that comes.

    Folders that the target needs above it are made, and go again when nothing comes.
    """
    made = Landing(target)
    above = os.path.dirname(os.path.abspath(target))
    missing = []
    while not os.path.lexists(above):
        missing.append(above)
        above = os.path.dirname(above)
    for folder in reversed(missing):
        os.makedirs(folder, exist_ok=True)
        fsync_path(os.path.dirname(folder))
    made.begin()
    try:
        yield made
    except BaseException:
        made.end()
        for folder in missing:
            with contextlib.suppress(OSError):  # somebody else uses it meanwhile
                os.rmdir(folder)
        raise
    made.end()
