"""What all parts of the store share."""

from __future__ import annotations

from siglum.client.rest.session import MLFLOW, RestSession
from siglum.tracking.calls import Empty
from siglum.tracking.messages import Message

RUNS = f"{MLFLOW}runs/"


class StorePart:
    """A connection to a server. Several stores may share one; closing one closes it."""

    def __init__(self, session: RestSession) -> None:
        self._session = session

    @property
    def session(self) -> RestSession:
        """The connection to the server."""
        return self._session

    def _send(self, path: str, request: Message, *, idempotent: bool = True) -> None:
        self._session.call("POST", path, request, Empty, idempotent=idempotent)
