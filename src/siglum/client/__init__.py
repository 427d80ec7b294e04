"""What a training script touches: fluent API, clients, REST, capture at the start of a run.

`siglum.client.MlflowClient` is there since MLflow's users write `mlflow.client.MlflowClient`.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "MlflowClient":
        from siglum.client import mlflow_client  # on first use: other parts of the package need none of it

        return mlflow_client.MlflowClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
