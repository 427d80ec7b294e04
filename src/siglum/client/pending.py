"""The handle on what was logged without waiting."""

from __future__ import annotations

from siglum.client.state import Session


class PendingWrites:
    """What is on its way to the store. MLflow's name for this is RunOperations."""

    def __init__(self, session: Session, run_id: str) -> None:
        self._session = session
        self._run_id = run_id

    def wait(self) -> None:
        """Return when it is stored. Raises what storing it raised, also UnavailableError."""
        self._session.queue.flush(self._run_id)


def handle(session: Session, run_id: str, synchronous: bool | None) -> PendingWrites | None:
    """Return a handle where the caller asked for one with `synchronous=False`; wait for the store with True.

    While the store is away, what was written stays in the spool, and nothing is waited for.

    Raises:
        NotFoundError: With `synchronous=True`, a run that the store does not know.
    """
    if synchronous:
        session.queue.settle_named(run_id)
    return PendingWrites(session, run_id) if synchronous is False else None
