"""Experiments and runs: entities, metric series, search language and the SQL store.

`siglum.tracking.MlflowClient` is MLflow's name for the client; it lives in `siglum.client` and is re-exported here
lazily, because users of MLflow import it from here and because this layer must not import that one.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "MlflowClient":
        import importlib

        return importlib.import_module("siglum.client.mlflow_client").MlflowClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
