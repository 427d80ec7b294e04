"""The threads behind a queue: one sends what was put, one has the disk keep what could not be sent within a second."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Final

from siglum.client.spool.open_spools import OpenSpools
from siglum.client.spool.sender import RETRY_SECONDS, Sender

GATHER_SECONDS: Final = 0.05
FLUSH_SECONDS: Final = 1.0
"""How often what waits is flushed to the disk: so much a power cut can take."""


class Worker:
    """Two threads, started when they are first needed. They end with the process, or by `stop`."""

    def __init__(self, sender: Sender, spools: OpenSpools) -> None:
        self.rung = False
        """Whether the thread knows that something was put."""
        self._sender = sender
        self._spools = spools
        self._bell: SimpleQueue[None] = SimpleQueue()  # unlike an event, it may be rung by a signal handler that
        self._nudge = threading.Event()  # interrupts a ring; this one ends a pause
        self._starting = threading.RLock()
        self._sending: threading.Thread | None = None
        self._flushing: threading.Thread | None = None
        self._unflushed = threading.Event()
        self._stopped = False

    def ring(self) -> None:
        """Say that something was put."""
        self.rung = True
        self._bell.put(None)
        if self._sending is None:
            with self._starting:
                if self._sending is None and not self._stopped:
                    self._sending = threading.Thread(target=self._send, name="siglum-spool", daemon=True)
                    self._sending.start()

    def stop(self) -> None:
        """Have the threads end, soon."""
        self._stopped = True
        self._bell.put(None)
        self._nudge.set()
        self._unflushed.set()

    def _send(self) -> None:
        failures = 0
        while not self._stopped:
            self._bell.get()
            while not self._bell.empty():
                self._bell.get()
            self._have_flushed()
            self._nudge.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1] if failures else GATHER_SECONDS)
            self.rung = False
            if self._sender.offline:
                continue
            problem = self._sender.drain_all(lambda: not self._stopped)
            failures = failures + 1 if problem is not None else 0
            if problem is not None:
                self._bell.put(None)

    def _have_flushed(self) -> None:
        self._unflushed.set()
        if self._flushing is None:
            self._flushing = threading.Thread(target=self._flush, name="siglum-spool-disk", daemon=True)
            self._flushing.start()

    def _flush(self) -> None:
        """Flush what waits, once a second at most; what was sent meanwhile is never flushed."""
        while not self._stopped:
            self._unflushed.wait()
            self._unflushed.clear()
            while not self._stopped:
                self._nudge.wait(FLUSH_SECONDS)
                waiting = [spool for spool in self._spools.all() if spool.waits]
                for spool in waiting:
                    spool.flush_to_disk()
                if not waiting:
                    break
