"""What listeners are told: one message type, its form as a server-sent event, and which of them a listener wants."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from siglum.tracking.messages import Message, MetricMessage

EVENT_STREAM: Final = "text/event-stream"
MAX_METRICS: Final = 100
"""Series that one event names; when more of a run grew at once, `more` says so."""


class Kind(enum.StrEnum):
    """What an event is about. It is also the event's name, for `EventSource.addEventListener`."""

    RUN = "run"
    METRICS = "metrics"
    EXPERIMENT = "experiment"
    LOGGED_MODEL = "logged_model"
    REGISTERED_MODEL = "registered_model"
    MODEL_VERSION = "model_version"


class LiveEvent(Message, kw_only=True):
    """One change. `action` is created, changed, deleted, restored, renamed or logged; ids say what it happened to.

    `metrics` has the last point that came of each series, at most 100; `more` is set when there were others. An event
    says that something changed, not all of how: ask for the thing itself.
    """

    kind: Kind
    action: str
    experiment_id: str | None = None
    run_id: str | None = None
    status: str | None = None
    model_id: str | None = None
    name: str | None = None
    version: str | None = None
    alias: str | None = None
    metrics: list[MetricMessage] = []
    more: bool = False

    @property
    def subject(self) -> tuple[str | None, ...]:
        """What two events have in common of which only the later matters."""
        ids = (self.experiment_id, self.run_id, self.model_id, self.name, self.version, self.alias)
        return (self.kind, self.action, *ids)


class Wanted(msgspec.Struct, frozen=True):
    """Which events a listener wants: of these runs, experiments and registered models; all without any of them.

    An event about a run tells its experiment only where it is known; `Hub.experiment_of` remembers it.
    """

    runs: frozenset[str] = frozenset()
    experiments: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        """Whether no event is left out."""
        return not (self.runs or self.experiments or self.models)

    def takes(self, event: LiveEvent, experiment_id: str | None) -> bool:
        """Whether an event is wanted, which is of that experiment."""
        return (
            self.everything
            or event.run_id in self.runs
            or (experiment_id is not None and experiment_id in self.experiments)
            or event.name in self.models
            or (event.kind is Kind.LOGGED_MODEL and event.experiment_id is None and bool(self.experiments))
        )


def frame(name: str, identity: str, data: bytes) -> bytes:
    """Return a server-sent event. JSON has no line breaks, so the data is one line."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), identity.encode(), data)
