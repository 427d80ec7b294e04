"""Contract suites for implementations of Siglum's ports, ours and third parties'.

A suite is a class of pytest tests; a subclass gives it the fixture that it asks for. pytest is imported only with a
suite, so that `import siglum.testing` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siglum.testing.artifacts import ArtifactStoreContract
    from siglum.testing.executor import ExecutorContract
    from siglum.testing.registry import RegistryStoreContract
    from siglum.testing.remotes import BulkRemoteContract, RemoteContract
    from siglum.testing.tracking import TrackingStoreContract

_MODULES = {
    "ArtifactStoreContract": "artifacts",
    "BulkRemoteContract": "remotes",
    "ExecutorContract": "executor",
    "RegistryStoreContract": "registry",
    "RemoteContract": "remotes",
    "TrackingStoreContract": "tracking",
}

__all__ = [
    "ArtifactStoreContract",
    "BulkRemoteContract",
    "ExecutorContract",
    "RegistryStoreContract",
    "RemoteContract",
    "TrackingStoreContract",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"siglum.testing.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
