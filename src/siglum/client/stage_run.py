"""The run of the pipeline stage that this process is a part of, when `siglum repro` runs it and records it."""

from __future__ import annotations

import os
import time
from time import sleep as pause

from siglum.core.errors import NotFoundError
from siglum.lineage.stage_variables import STAGE_RUN_VARIABLE
from siglum.tracking.entities import Run
from siglum.tracking.store import TrackingStore

PATIENCE_SECONDS = 3.0
"""How long the run may take to be there: `repro` makes it while it starts the stage's commands."""
_PAUSE_SECONDS = 0.02


def names(run_id: str) -> bool:
    """Whether an id is that of the stage's run."""
    return os.environ.get(STAGE_RUN_VARIABLE) == run_id


def find(tracking: TrackingStore) -> Run | None:
    """Return the stage's run; None outside of stages, and in a store that does not hold it."""
    run_id = os.environ.get(STAGE_RUN_VARIABLE)
    if not run_id or run_id in _absent:
        return None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return tracking.get_run(run_id)
        except NotFoundError:
            if time.monotonic() > deadline:
                _absent.add(run_id)
                return None
            pause(_PAUSE_SECONDS)


_absent: set[str] = set()
