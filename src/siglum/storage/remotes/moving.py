"""Giving an object on a remote another key: where garbage collection puts what it takes out.

A remote that can do so on its own side (a folder, SFTP: a rename; an object store: a copy there, then a removal)
implements `MovingRemote`. For others the bytes come here and go back, hashed both ways, before the old key is removed.
"""

from __future__ import annotations

import os
import tempfile
from typing import Protocol, runtime_checkable

from siglum.core.errors import NotSupportedError
from siglum.storage.remotes.base import Remote


@runtime_checkable
class MovingRemote(Protocol):
    """What a remote may offer beside `Remote`."""

    def move(self, key: str, target: str) -> None:
        """Give an object the key `target`, at once or so that it has both for a while, never neither.

        Raises NotFoundError when `key` is not there, NotSupportedError when this object cannot be moved there. An
        object under `target` is replaced.
        """
        ...


def move(remote: Remote, key: str, target: str) -> None:
    """Give an object on a remote another key. Raises NotFoundError when `key` is not there."""
    if isinstance(remote, MovingRemote):
        try:
            remote.move(key, target)
        except NotSupportedError:
            pass  # not this one: the long way then
        else:
            return
    with tempfile.TemporaryDirectory(prefix="siglum-move-") as folder:
        path = os.path.join(folder, "object")
        remote.get(key, path, None)
        remote.put(path, target, None)
    remote.delete(key)
