"""Siglum: every model version with exactly the code, data and parameters that made it.

`import siglum as mlflow` gives MLflow's fluent API. Everything is found on first use (PEP 562), so that the import
itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from siglum.client.data_files import open as open  # noqa: A004  -- not listed: see below
    from siglum.client.fluent import (
        ActiveModel,
        ActiveRun,
        active_run,
        autolog,
        clear_active_model,
        compare_runs,
        compare_versions,
        create_experiment,
        create_external_model,
        delete_experiment,
        delete_experiment_tag,
        delete_logged_model_tag,
        delete_run,
        delete_tag,
        disable_system_metrics_logging,
        enable_system_metrics_logging,
        end_run,
        finalize_logged_model,
        flush,
        flush_artifact_async_logging,
        flush_async_logging,
        get_active_model_id,
        get_artifact_uri,
        get_experiment,
        get_experiment_by_name,
        get_logged_model,
        get_parent_run,
        get_registry_uri,
        get_run,
        get_tracking_uri,
        initialize_logged_model,
        is_tracking_uri_set,
        last_active_run,
        last_logged_model,
        load_table,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_image,
        log_input,
        log_inputs,
        log_metric,
        log_metrics,
        log_model_params,
        log_outputs,
        log_param,
        log_params,
        log_stream,
        log_table,
        log_text,
        register_model,
        restore_experiment,
        restore_run,
        search_experiments,
        search_logged_models,
        search_model_versions,
        search_registered_models,
        search_runs,
        seed_everything,
        set_active_model,
        set_experiment,
        set_experiment_tag,
        set_experiment_tags,
        set_logged_model_tags,
        set_model_version_tag,
        set_registry_uri,
        set_system_metrics_node_id,
        set_system_metrics_samples_before_logging,
        set_system_metrics_sampling_interval,
        set_tag,
        set_tags,
        set_tracking_uri,
        start_run,
    )
    from siglum.client.mlflow_client import MlflowClient
    from siglum.exceptions import MlflowException

# Written out, since type checkers read it.
__all__ = [
    "ActiveModel",
    "ActiveRun",
    "MlflowClient",
    "MlflowException",
    "__version__",
    "active_run",
    "autolog",
    "clear_active_model",
    "compare_runs",
    "compare_versions",
    "create_experiment",
    "create_external_model",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_logged_model_tag",
    "delete_run",
    "delete_tag",
    "disable_system_metrics_logging",
    "enable_system_metrics_logging",
    "end_run",
    "finalize_logged_model",
    "flush",
    "flush_artifact_async_logging",
    "flush_async_logging",
    "get_active_model_id",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_logged_model",
    "get_parent_run",
    "get_registry_uri",
    "get_run",
    "get_tracking_uri",
    "initialize_logged_model",
    "is_tracking_uri_set",
    "last_active_run",
    "last_logged_model",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_inputs",
    "log_metric",
    "log_metrics",
    "log_model_params",
    "log_outputs",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "register_model",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_logged_models",
    "search_model_versions",
    "search_registered_models",
    "search_runs",
    "seed_everything",
    "set_active_model",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_logged_model_tags",
    "set_model_version_tag",
    "set_registry_uri",
    "set_system_metrics_node_id",
    "set_system_metrics_samples_before_logging",
    "set_system_metrics_sampling_interval",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]  # fmt: skip

# `open` is not listed: a star import would hide Python's own.
_WHERE = dict.fromkeys(__all__, "siglum.client.fluent") | {
    "MlflowClient": "siglum.client.mlflow_client",
    "MlflowException": "siglum.exceptions",
    "open": "siglum.client.data_files",
}
_SUBMODULES = (
    "api", "artifacts", "client", "data", "entities", "exceptions", "lightgbm", "models", "optuna", "pyfunc", "repo",
    "sklearn", "tracking", "xgboost",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(importlib.import_module(_WHERE[name]), name)
        globals()[name] = value
        return value
    if name in _SUBMODULES:
        return importlib.import_module(f"siglum.{name}")
    raise AttributeError(f"module 'siglum' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "open", *_SUBMODULES])
