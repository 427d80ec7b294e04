"""Siglum: every model version with exactly the code, data and parameters that made it.

`import siglum as mlflow` gives MLflow's fluent API. Everything is found on first use (PEP 562), so that the import
itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from siglum.client.fluent import (
        active_run,
        create_experiment,
        end_run,
        get_artifact_uri,
        get_experiment,
        get_experiment_by_name,
        get_run,
        get_tracking_uri,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_input,
        log_metric,
        log_metrics,
        log_param,
        log_params,
        log_text,
        register_model,
        search_experiments,
        search_model_versions,
        search_registered_models,
        search_runs,
        set_experiment,
        set_tag,
        set_tags,
        set_tracking_uri,
        start_run,
    )
    from siglum.client.mlflow_client import MlflowClient

_FLUENT = (
    "active_run", "create_experiment", "end_run", "get_artifact_uri", "get_experiment", "get_experiment_by_name",
    "get_run", "get_tracking_uri", "log_artifact", "log_artifacts", "log_dict", "log_figure", "log_input",
    "log_metric", "log_metrics", "log_param", "log_params", "log_text", "register_model", "search_experiments",
    "search_model_versions", "search_registered_models", "search_runs", "set_experiment", "set_tag", "set_tags",
    "set_tracking_uri", "start_run",
)  # fmt: skip

_WHERE = dict.fromkeys(_FLUENT, "siglum.client.fluent") | {"MlflowClient": "siglum.client.mlflow_client"}
_SUBMODULES = ("api", "artifacts", "data", "models", "pyfunc", "repo", "sklearn", "tracking")

__all__ = [  # noqa: PLE0604  -- computed from the tables above
    "__version__",
    *_WHERE,
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(importlib.import_module(_WHERE[name]), name)
        globals()[name] = value
        return value
    if name in _SUBMODULES:
        return importlib.import_module(f"siglum.{name}")
    raise AttributeError(f"module 'siglum' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES])
