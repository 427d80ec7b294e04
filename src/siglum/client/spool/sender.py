"""Sending spools to one store: what is tried when, how long is waited, and what is said of a store that is away."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from siglum.client import progress
from siglum.client.spool.delivery import Delivery
from siglum.client.spool.losses import Losses
from siglum.client.spool.open_spools import OpenSpools
from siglum.client.spool.records import Record
from siglum.client.spool.run_spool import RunSpool
from siglum.core.addresses import shown_url
from siglum.core.errors import InternalError, NotFoundError, SiglumError, UnavailableError
from siglum.core.text import count

PATIENCE_SECONDS: Final = 10.0
"""How long a flush waits for a store that does not answer, or takes nothing more."""
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)

_log = logging.getLogger("siglum")


class Sender:
    """Sends one process's spools. Any method may be called from any thread.

    Args:
        delivery: Where records go.
        uri: What is said of that.
        folder: Where the spools are.
        offline: Send nothing.
        spools: All of the process.
    """

    def __init__(
        self,
        delivery: Delivery,
        uri: str,
        folder: str,
        *,
        offline: bool,
        spools: OpenSpools,
    ) -> None:
        self.delivery = delivery
        self.offline = offline
        self._uri = uri
        self._folder = folder
        self._spools = spools
        self.forget()

    def forget(self) -> None:
        """Begin anew, in a forked child."""
        self.losses = Losses()
        self._away_until = 0.0
        self._was_said = False

    @property
    def is_away(self) -> bool:
        """Whether the store is known not to answer: it is not tried again for some seconds."""
        return time.monotonic() < self._away_until

    # -- sending ---------------------------------------------------------------------------------------------
    def flush(self, spool: RunSpool, patience: float) -> None:
        """Return when all that was put before is in the store, or was refused.

        Raises:
            UnavailableError: The store took nothing for `patience` seconds.
        """
        if not spool.waits and not spool.sending.locked():
            spool.tidy()
            return
        if self.offline:
            raise self.unsent(UnavailableError("SIGLUM_OFFLINE is set."))
        with progress.waiting():
            self._send_now(spool, patience)

    def attempt(self, spool: RunSpool) -> SiglumError | None:
        """Send once what waits, unless the store is known to be away; return why that failed."""
        if self.is_away and spool.waits:
            return spool.problem or UnavailableError("The store does not answer.")
        try:
            self.flush(spool, 0)
        except SiglumError as error:
            return error
        return None

    def drain(self, spool: RunSpool) -> SiglumError | None:
        """Send all of a spool; return why the rest has to wait, or None when done. Under `spool.sending`."""

        def refused(records: Sequence[Record], error: SiglumError) -> None:
            self.losses.add(spool.run_id, records, error)

        problem: SiglumError | None = None
        try:
            self.delivery.send(spool, refused, go_on=lambda: not spool.closed)
        except SiglumError as error:
            problem = error
        except Exception as error:  # noqa: BLE001  -- nothing may end the thread unheard: said, and tried again
            problem = InternalError(f"{type(error).__name__}: {error}")
        spool.problem = problem
        if problem is None:
            self._away_until, self._was_said = 0.0, False
            self._spools.tidy(spool)
        elif isinstance(problem, UnavailableError):
            self._away_until = time.monotonic() + RETRY_SECONDS[-1]
        return problem

    def drain_all(self, go_on: Callable[[], bool]) -> SiglumError | None:
        """Send what nobody else is sending; return why something has to wait. Says what is wrong, once."""
        problem = None
        for spool in self._spools.all():
            if not go_on() or not spool.waits or not spool.sending.acquire(blocking=False):
                continue
            try:
                problem = self.drain(spool) or problem
            finally:
                spool.sending.release()
            if isinstance(problem, UnavailableError):
                for other in self._spools.all():  # not tried, for the same reason
                    if other.waits:
                        other.problem = problem
                break
        self.losses.warn()
        if problem is not None and not self._was_said:
            self.say(self.unsent(problem))
        return problem

    def _send_now(self, spool: RunSpool, patience: float) -> None:
        began = time.monotonic()
        waited = self._acquire(spool, max(patience, PATIENCE_SECONDS))
        try:
            if waited and spool.problem is not None and self.is_away and time.monotonic() > began + patience:
                raise self.unsent(spool.problem)  # the thread has just tried for so long
            deadline, last = time.monotonic() + patience, spool.acked
            for attempt in itertools.count():
                error = self.drain(spool)
                if error is None:
                    return
                if spool.acked != last:
                    deadline, last = time.monotonic() + patience, spool.acked
                pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                # An answer that there is no such run is one: it does not get better by waiting for it.
                if isinstance(error, NotFoundError) or time.monotonic() + pause > deadline:
                    raise self.unsent(error) from None
                time.sleep(pause)
        finally:
            spool.sending.release()

    def _acquire(self, spool: RunSpool, patience: float) -> bool:
        """Take a spool for sending; wait for the thread that sends it as long as it gets on. Return whether it did."""
        if spool.sending.acquire(blocking=False):
            return False
        last = -1
        while not spool.sending.acquire(timeout=patience):
            if spool.acked == last:
                raise self.unsent(spool.problem or UnavailableError("the store has not answered yet."))
            last = spool.acked
        return True

    # -- saying ----------------------------------------------------------------------------------------------
    def unsent(self, reason: SiglumError) -> UnavailableError:
        """Return what there is to say of records that wait."""
        waiting = sum(spool.count_waiting() for spool in self._spools.all())
        kept, it = ("It is", "it") if waiting == 1 else ("They are", "them")
        kept = f"{kept} kept in {self._folder}"
        if self.offline:
            wait = "waits" if waiting == 1 else "wait"
            return UnavailableError(
                f"{count(waiting, 'record')} {wait} to be sent: SIGLUM_OFFLINE is set.",
                hint=f"{kept}; 'siglum sync --to URL' sends {it}.",
            )
        return UnavailableError(
            f"{count(waiting, 'record')} could not be sent to {self._shown()} yet: {reason.message}",
            hint=f"{kept} until then; 'siglum sync' sends {it}, too.",
        )

    def unanswered(self, spool: RunSpool) -> UnavailableError:
        """Return what there is to say to who asks something of the store before it has what was logged."""
        if self.offline:
            return UnavailableError(
                "SIGLUM_OFFLINE is set, and this needs an answer of the server.",
                hint="Runs are recorded all the same; 'siglum sync' sends them later.",
            )
        why = spool.problem.message if spool.problem is not None else "it has not answered yet."
        return UnavailableError(
            f"This needs an answer of the server: {why}",
            hint=f"Repeat it when the server answers; what is logged until then is kept in {self._folder}.",
        )

    def _shown(self) -> str:
        return shown_url(self._uri) or "a server"

    def note_away(self, error: UnavailableError) -> None:
        """Take note that the store did not answer somebody else: nothing is sent for some seconds."""
        self._away_until = time.monotonic() + RETRY_SECONDS[-1]
        hint = f"What is logged is kept in {self._folder} until it does."
        self.say(UnavailableError(error.message, hint=hint))

    def say(self, error: SiglumError) -> None:
        """Say once that the store is away, until it has answered again."""
        if not self._was_said and not self.offline:
            self._was_said = True
            _log.warning("%s The training goes on.", error)
