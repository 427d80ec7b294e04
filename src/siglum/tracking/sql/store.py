"""`TrackingStore` on a database: checks what comes in, then runs one transaction for each call."""

from __future__ import annotations

from siglum.tracking.sql.parts.experiments import ExperimentPart
from siglum.tracking.sql.parts.logged_models import LoggedModelPart
from siglum.tracking.sql.parts.runs import RunPart
from siglum.tracking.sql.parts.values import ValuePart


class SqlTrackingStore(ExperimentPart, RunPart, ValuePart, LoggedModelPart):
    """Experiments, runs and logged models in a database, which it shares with others and does not own.

    Closing the store closes the database.
    """

    def close(self) -> None:
        self.database.close()
