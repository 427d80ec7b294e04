"""The port to the record of which bytes each artifact has. `tracking.sql` keeps it in the database, beside the runs."""

from __future__ import annotations

from typing import Protocol


class ArtifactIndex(Protocol):
    """What was stored under each path. Paths are relative to the artifact root, canonical (see `paths`).

    All methods block, are durable when they return, and may be called from several threads at once.
    """

    def record(self, path: str, size: int, sha256: str) -> None:
        """Remember a file's size in bytes and its SHA-256 (hex), in place of what was known of the path."""
        ...

    def get(self, path: str) -> tuple[int, str] | None:
        """Return the size and SHA-256 of the file at exactly this path, or None."""
        ...

    def remove(self, path_prefix: str) -> None:
        """Forget the file at this path and all files below it as a folder; never `ab` when asked for `a`."""
        ...
