"""The stores that one location opens, as a value."""

from __future__ import annotations

from typing import Protocol

import msgspec

from siglum.registry.store import RegistryStore
from siglum.storage.artifacts.base import ArtifactStore
from siglum.tracking.store import TrackingStore


class Closable(Protocol):
    """What is closed behind the stores."""

    def close(self) -> None:
        """Close it. Repeating it changes nothing."""
        ...


class Opened(msgspec.Struct, frozen=True):
    """Tracking, registry and files of one server or database, and what is to be closed with them."""

    tracking: TrackingStore
    registry: RegistryStore
    proxied: ArtifactStore
    closing: tuple[Closable, ...]
