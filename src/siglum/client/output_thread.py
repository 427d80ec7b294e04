"""Storing what a run has printed so far while it goes on, so that a killed one shows it on the server, too."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

from siglum.core.errors import SiglumError

EVERY_SECONDS: Final = 5.0
"""How long a run that prints little can have printed something that is not stored."""
BYTES_PER_SECOND: Final = 200_000
"""The whole is stored each time: more output is stored less often, so that no more than this is moved."""


class OutputThread:
    """Calls `store` every few seconds, which stores what has grown and returns how many bytes that was."""

    def __init__(self, store: Callable[[], int]) -> None:
        self._store = store
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="siglum-output", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Return when nothing is stored any more, so that who stores the end of it has the last word."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        pause = EVERY_SECONDS
        while not self._ended.wait(pause):
            pause = EVERY_SECONDS
            with contextlib.suppress(SiglumError, OSError):  # it is tried again, and at the end of the run
                pause = max(pause, self._store() / BYTES_PER_SECOND)
