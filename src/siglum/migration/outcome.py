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


class RegistryAdded(msgspec.Struct, frozen=True, kw_only=True):
    """What of a registry was new to a target. `webhooks_left` could not be taken, each with the reason."""

    models: int
    versions: int
    audit_entries: int = 0
    webhooks: int = 0
    webhooks_left: tuple[str, ...] = ()


class Outcome(msgspec.Struct, kw_only=True):
    """What the source holds, and what of it was new to the target, or would be."""

    found: Tally = msgspec.field(default_factory=Tally)
    added: Tally = msgspec.field(default_factory=Tally)
    renumbered: dict[str, str] = {}
    """Experiments whose id was taken by another, with the id that they got."""
    left: int = 0
    """Runs and models whose files stay where they are, because they cannot be reached from here."""
    audit_entries: int = 0
    """Entries of the source's audit log that came over."""
    webhooks: int = 0
    """Webhooks that came over."""
    webhooks_left: list[str] = []
    """Webhooks that could not be taken, each with the reason."""
    skipped: list[str] = []
    """Files that could not be taken, each with the reason."""
