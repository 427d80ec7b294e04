"""What the process does while it is watched: files by name, connections, processes, unpickling.

Python reports these to audit hooks, whichever thread and library does them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FILES = frozenset(
    {"open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink",
     "os.chmod", "os.truncate", "shutil.rmtree", "shutil.copyfile", "tempfile.mkdtemp", "tempfile.mkstemp"}
)  # fmt: skip
_NETWORK = frozenset(
    {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"}
)
_EXECUTION = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
     "pickle.find_class"}
)  # fmt: skip


class Watch:
    """Events of the watched time, each with the texts among its arguments."""

    def __init__(self) -> None:
        self.files: list[tuple[str, str]] = []
        self.network: list[tuple[str, str]] = []
        self.execution: list[tuple[str, str]] = []

    def outside(self, *roots: str) -> list[tuple[str, str]]:
        """Return what was done to absolute paths that are not below one of these folders.

        A relative name is one that was opened beneath a folder that is open already, or in the working folder.
        """
        return [
            (event, path)
            for event, path in self.files
            if os.path.isabs(path) and not any(path == root or path.startswith(f"{root}/") for root in roots)
        ]


_active: list[Watch] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if not _active:
        return
    watch = _active[-1]
    if event in _FILES:
        for argument in arguments:
            if isinstance(argument, str | bytes) and not (
                event == "open" and argument in ("r", "w", "x", "rb", "wb", "xb")
            ):
                watch.files.append((event, os.fsdecode(argument)))
    elif event in _NETWORK:
        watch.network.append((event, repr(arguments)))
    elif event in _EXECUTION:
        watch.execution.append((event, repr(arguments)[:200]))


sys.addaudithook(_hook)


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch until the block ends."""
    watch = Watch()
    _active.append(watch)
    try:
        yield watch
    finally:
        _active.remove(watch)
