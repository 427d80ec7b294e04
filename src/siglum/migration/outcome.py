"""What a migration found and did, in numbers."""

from __future__ import annotations

import msgspec


class Tally(msgspec.Struct, kw_only=True):
    """How many records of each kind; it grows as a migration runs. `points` is None where only reading them tells."""

    experiments: int = 0
    runs: int = 0
    points: int | None = 0
    logged_models: int = 0
    registered_models: int = 0
    versions: int = 0
    files: int = 0
    bytes: int = 0


def plus(total: int | None, count: int | None) -> int | None:
    """Add numbers of points; once one is not known, the sum is not."""
    return None if total is None or count is None else total + count


class Outcome(msgspec.Struct, kw_only=True):
    """What the source holds, and what of it was new to the target, or would be."""

    found: Tally = msgspec.field(default_factory=Tally)
    added: Tally = msgspec.field(default_factory=Tally)
    renumbered: dict[str, str] = {}
    """Experiments whose id was taken by another, with the id that they got."""
    left: int = 0
    """Runs and models whose files stay where they are, because they cannot be reached from here."""
    history_left: bool = False
    """Whether the source has an audit log and webhooks that a server does not take."""
    skipped: list[str] = []
    """Files that could not be taken, each with the reason."""
