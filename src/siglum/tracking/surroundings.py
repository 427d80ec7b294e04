"""What things show in a notebook beside their own values: series, and addresses to look further.

A run does not know its store. Whoever has stores at hand (`client`) says so here; without that, a run shows what it
holds itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from siglum.core.html import Point

if TYPE_CHECKING:
    from siglum.tracking.entities import Run


class Surroundings(Protocol):
    """Never raises: what cannot be had is not shown."""

    def series(self, run: Run, keys: Sequence[str]) -> Mapping[str, Sequence[Point]]:
        """Return the points of metrics, (step, value), thinned where they are many."""

    def series_of(self, run_id: str) -> Mapping[str, Sequence[Point]]:
        """Return the points of the metrics of a run that is known by its id only."""

    def results(self, experiment_id: str) -> Mapping[str, Sequence[Point]]:
        """Return the last values of metrics over the runs of an experiment, (number, value), the oldest first."""

    def address(self, *path: str) -> str | None:
        """Return where a browser shows something, such as `experiments`, `1`, `runs`, `<id>`; None without a server."""


class Nothing:
    """No stores are at hand."""

    def series(self, run: Run, keys: Sequence[str]) -> Mapping[str, Sequence[Point]]:  # noqa: ARG002  -- the port's
        return {}

    def series_of(self, run_id: str) -> Mapping[str, Sequence[Point]]:  # noqa: ARG002  -- the port's
        return {}

    def results(self, experiment_id: str) -> Mapping[str, Sequence[Point]]:  # noqa: ARG002  -- the port's
        return {}

    def address(self, *path: str) -> str | None:  # noqa: ARG002  -- the port's
        return None


_in_force: list[Surroundings] = [Nothing()]


def surroundings() -> Surroundings:
    """Return those in force."""
    return _in_force[-1]


def set_surroundings(found: Surroundings) -> None:
    """Put others in force, for all of this process."""
    _in_force[:] = [found]
