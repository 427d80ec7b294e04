"""The handle on what was logged without waiting."""

from __future__ import annotations

from siglum.client.state import Session


class PendingWrites:
    """Points on their way to the store. MLflow's name for this is RunOperations."""

    def __init__(self, session: Session, run_id: str) -> None:
        self._session = session
        self._run_id = run_id

    def wait(self) -> None:
        """Return when they are stored. Raises what storing them raised."""
        self._session.queue.flush(self._run_id)


def handle(session: Session, run_id: str, synchronous: bool | None) -> PendingWrites | None:
    """Return a handle for what is stored already, where the caller asked for one with `synchronous=False`."""
    return PendingWrites(session, run_id) if synchronous is False else None
