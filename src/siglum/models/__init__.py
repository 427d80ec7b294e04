"""Packaging: `MLmodel`, flavors, signatures, environments, safe loading; on folders only, `client` logs them to stores.

The names that users of `mlflow.models` know are found here on first use (PEP 562), so that the import costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siglum.models.mlmodel import Model
    from siglum.models.signature import ModelSignature, infer_signature

_WHERE = {
    "Model": "siglum.models.mlmodel",
    "ModelSignature": "siglum.models.signature",
    "infer_signature": "siglum.models.signature",
}

__all__ = ["Model", "ModelSignature", "infer_signature"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
