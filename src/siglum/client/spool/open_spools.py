"""The spools that a process has open, by run: as many as there are runs with something to send, and some more."""

from __future__ import annotations

import os
import socket
import sys
import threading
import uuid
from typing import Final

from siglum.client.spool.records import Header
from siglum.client.spool.run_spool import RunSpool
from siglum.core.clock import now_ms

_MOST: Final = 128


class OpenSpools:
    """Spools for one store, below one folder. May be used from any thread."""

    def __init__(self, folder: str, uri: str, *, each: bool, offline: bool = False) -> None:
        self.by_run: dict[str, RunSpool] = {}
        self._folder = folder
        self._uri = uri
        self._each = each
        self._offline = offline
        self._opening = threading.RLock()

    def forget(self) -> None:
        """Begin anew, in a forked child: what is open is the parent's."""
        for spool in self.by_run.values():
            spool.forget()
        self.by_run = {}
        self._opening = threading.RLock()

    def all(self) -> list[RunSpool]:
        """Return all that are open."""
        return list(self.by_run.values())

    def chosen(self, run_id: str | None) -> list[RunSpool]:
        """Return the one of a run, if it is open; all when None."""
        if run_id is None:
            return self.all()
        found = self.by_run.get(run_id)
        return [] if found is None else [found]

    def open(self, run_id: str, *, owner: bool = False, each: bool | None = None) -> RunSpool:
        """Return the spool of a run; with `owner`, of one that begins here, and is KILLED when this process is."""
        with self._opening:
            found = self.by_run.get(run_id)
            if found is None or found.closed:
                if len(self.by_run) >= _MOST:
                    self._close_idle()
                header = Header(
                    spool_id=uuid.uuid4().hex,
                    uri=self._uri,
                    run_id=run_id,
                    owner=owner,
                    pid=os.getpid(),
                    host=socket.gethostname(),
                    program=" ".join(sys.argv[:1]),
                    started=now_ms(),
                )
                found = self._opened(RunSpool(self._folder, header, each=self._each, offline=self._offline))
            if each is not None:
                found.each = each
            return found

    def _opened(self, made: RunSpool) -> RunSpool:
        """Return the spool of a run, which a signal handler may have opened while this one was made."""
        other = self.by_run.get(made.run_id)
        if other is not None and not other.closed:
            made.remove()
            return other
        self.by_run[made.run_id] = made
        return made

    def tidy(self, spool: RunSpool) -> None:
        """Let go of a spool of which all was sent and whose run has ended."""
        if spool.tidy() and self.by_run.get(spool.run_id) is spool:
            del self.by_run[spool.run_id]

    def _close_idle(self) -> None:
        """Let go of spools of which all was sent: files may not be open without limit."""
        for spool in self.all():
            if not spool.waits and not spool.sending.locked():
                spool.ended = True
                self.tidy(spool)
