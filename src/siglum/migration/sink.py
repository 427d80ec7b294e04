"""The port to a target: it stores the records of a source, each as often as it comes but once.

Ids in the records are those of the target; `add_experiment` says which an experiment has there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from siglum.core.errors import NotFoundError
from siglum.migration.outcome import RegistryAdded
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.registry.sql.bulk import ModelRecord
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactStore
from siglum.tracking.entities import Experiment, Run


class Sink(Protocol):
    """A target. See the module's contract."""

    def add_experiment(self, experiment: Experiment, location: str | None) -> tuple[str, bool]:
        """Store an experiment; return its id and whether it is new. `location` None: where the target keeps files."""
        ...

    @property
    def points_added(self) -> int | None:
        """How many of the points so far were new; None when that is not known."""
        ...

    def add_run(self, record: RunRecord, points: Iterator[Series]) -> bool:
        """Store a run with its points, which are read only if they are not there yet; return whether it is new."""
        ...

    def add_logged_model(self, record: LoggedModelRecord) -> bool:
        """Store a logged model; return whether it is new."""
        ...

    def link_models(self, run: Run) -> None:
        """Store which models a run read and made, once these are there."""
        ...

    def add_registry(self, records: Sequence[ModelRecord], history: RegistryHistory | None) -> RegistryAdded:
        """Store all registered models, and what there is of their history; return what is new."""
        ...

    def add_file(self, folder: str, entry: ArtifactEntry, source: ArtifactStore) -> bool:
        """Store a file of `source` in the folder of an artifact URI, unless it is there; return whether it was new.

        Raises InvalidInputError for a name that the target does not take.
        """
        ...

    def finish(self) -> None:
        """Wait until all is durable."""
        ...


def has_file(target: ArtifactStore, entry: ArtifactEntry) -> bool:
    """Whether a file is there: one of its size, as files of runs and models do not change, and of its hash if known."""
    try:
        there = target.stat(entry.path)
    except NotFoundError:
        return False
    return there.size == entry.size and (None in (there.sha256, entry.sha256) or there.sha256 == entry.sha256)
