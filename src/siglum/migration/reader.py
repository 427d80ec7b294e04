"""The port to a source: what it holds, record by record, whatever it is kept in.

Contract:

- Records come in the same order each time, and refer to each other by the source's own ids.
- Only what cannot be read raises: FileFormatError and IntegrityError for what is damaged, NotFoundError,
  UnavailableError and PermissionDeniedError for what cannot be reached. Nothing of the source is ever changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from siglum.registry.sql.bulk import ModelRecord
from siglum.storage.artifacts.base import ArtifactStore
from siglum.tracking.entities import Experiment, LoggedModel, Run
from siglum.tracking.series import Point

Series: TypeAlias = Mapping[str, Sequence[Point]]
"""Points by key."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A run without its points. `points` is how many there are, None where only reading them all would tell."""

    run: Run
    deleted_time: int | None = None
    points: int | None = None
    position: int | None = None
    """Where its points are, for a reader that has to know."""


class LoggedModelRecord(msgspec.Struct, frozen=True):
    """A logged model, deleted or not."""

    model: LoggedModel
    deleted: bool = False


class RegistryHistory(msgspec.Struct, frozen=True):
    """What only Siglum's own registry has: the audit log as it is, the next version of each name, webhooks."""

    audit: tuple[Sequence[Any], ...] = ()
    counters: dict[str, int] = {}
    webhooks: tuple[Sequence[Any], ...] = ()
    webhook_events: tuple[Sequence[Any], ...] = ()


class Reader(Protocol):
    """A source. See the module's contract."""

    @property
    def place(self) -> str:
        """How messages name it; no password is in it."""
        ...

    @property
    def root(self) -> str | None:
        """The artifact URI of a folder whose files are all the source's, those of no run, too; None without one."""
        ...

    def experiments(self) -> Iterator[Experiment]:
        """Yield all experiments, deleted ones, too."""
        ...

    def runs(self, experiment_id: str) -> Iterator[RunRecord]:
        """Yield all runs of an experiment, deleted ones, too."""
        ...

    def points(self, record: RunRecord) -> Iterator[Series]:
        """Yield the points of a run in portions that fit into memory."""
        ...

    def logged_models(self, experiment_id: str) -> Iterator[LoggedModelRecord]:
        """Yield the logged models of an experiment, with the points about them."""
        ...

    def registered_models(self) -> Iterator[ModelRecord]:
        """Yield all registered models with their versions, by name."""
        ...

    def history(self) -> RegistryHistory | None:
        """Return the registry's history, where the source keeps one that can be taken over."""
        ...

    def artifacts(self, artifact_uri: str) -> ArtifactStore | None:
        """Return the files at an artifact URI; None when they cannot be reached from here, and stay where they are."""
        ...

    def close(self) -> None:
        """Release what is open."""
        ...
