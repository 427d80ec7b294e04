"""What a remote was last seen to have, so that it can be asked without the network. A memory, not a proof."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from siglum.core.failures import FORBIDDEN
from siglum.workspace.documents import write_atomic
from siglum.workspace.repository import Repository


class RemoteIndex:
    """The keys that were seen on the remote at `url`. Its file is private and may be deleted."""

    def __init__(self, repo: Repository, url: str) -> None:
        name = hashlib.sha256(url.encode()).hexdigest()[:32]
        self._path = os.path.join(repo.tmp_dir, "siglum", "remotes", name)

    def keys(self) -> set[str]:
        """Return the keys that were there when the remote was last asked for them."""
        try:
            with open(self._path, encoding="ascii", errors="replace") as file:
                return set(file.read().split("\n")) - {""}
        except FileNotFoundError:
            return set()

    def update(self, present: Iterable[str], absent: Iterable[str] = ()) -> None:
        """Remember which keys were just found, and which were not. Not written where that is forbidden."""
        come, gone = set(present), set(absent)
        if not (come or gone):
            return
        before = self.keys()
        after = (before | come) - gone
        if after == before:
            return
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            write_atomic(self._path, "\n".join(sorted(after)).encode())
        except OSError as error:
            if error.errno not in FORBIDDEN:
                raise
