"""What a model takes and gives: schemas of columns or tensors, inferred from examples and enforced on input.

`types` and `schema` are plain values with MLflow's JSON; `infer` and `enforce` need numpy and pandas, so they are
imported on first use: who only reads an `MLmodel` loads neither.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from siglum.models.signature.schema import ColSpec, ModelSignature, ParamSchema, ParamSpec, Schema, TensorSpec
from siglum.models.signature.types import AnyType, Array, DataType, Map, Object, Property

if TYPE_CHECKING:
    from siglum.models.signature.enforce import enforce_params, enforce_schema
    from siglum.models.signature.infer import infer_signature

__all__ = [
    "AnyType",
    "Array",
    "ColSpec",
    "DataType",
    "Map",
    "ModelSignature",
    "Object",
    "ParamSchema",
    "ParamSpec",
    "Property",
    "Schema",
    "TensorSpec",
    "enforce_params",
    "enforce_schema",
    "infer_signature",
]

_LAZY = {"infer_signature": "infer", "enforce_schema": "enforce", "enforce_params": "enforce"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
