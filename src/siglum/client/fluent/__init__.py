"""MLflow's module-level functions, which know an active run and an experiment; `client.state` is what they share.

Each is imported with its module on first use (PEP 562): a script that trains needs neither searches nor the registry.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from siglum.client.autolog.everything import autolog
    from siglum.client.fluent.comparing import compare_runs, compare_versions
    from siglum.client.fluent.experiments import (
        create_experiment,
        delete_experiment,
        delete_experiment_tag,
        get_experiment,
        get_experiment_by_name,
        restore_experiment,
        search_experiments,
        set_experiment,
        set_experiment_tag,
        set_experiment_tags,
    )
    from siglum.client.fluent.files import (
        get_artifact_uri,
        load_table,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_image,
        log_stream,
        log_table,
        log_text,
    )
    from siglum.client.fluent.logging import (
        delete_tag,
        log_input,
        log_inputs,
        log_metric,
        log_metrics,
        log_outputs,
        log_param,
        log_params,
        set_tag,
        set_tags,
    )
    from siglum.client.fluent.models import (
        ActiveModel,
        clear_active_model,
        create_external_model,
        delete_logged_model_tag,
        finalize_logged_model,
        get_active_model_id,
        get_logged_model,
        initialize_logged_model,
        last_logged_model,
        log_model_params,
        register_model,
        set_active_model,
        set_logged_model_tags,
        set_model_version_tag,
    )
    from siglum.client.fluent.runs import (
        active_run,
        delete_run,
        end_run,
        get_parent_run,
        get_run,
        last_active_run,
        restore_run,
        start_run,
    )
    from siglum.client.fluent.search import (
        search_logged_models,
        search_model_versions,
        search_registered_models,
        search_runs,
    )
    from siglum.client.fluent.settings import (
        disable_system_metrics_logging,
        enable_system_metrics_logging,
        flush,
        flush_artifact_async_logging,
        flush_async_logging,
        get_registry_uri,
        get_tracking_uri,
        is_tracking_uri_set,
        set_registry_uri,
        set_system_metrics_node_id,
        set_system_metrics_samples_before_logging,
        set_system_metrics_sampling_interval,
        set_tracking_uri,
    )
    from siglum.client.fluent.starting import ActiveRun
    from siglum.lineage.seeds import seed_everything

__all__ = [
    "ActiveModel", "ActiveRun", "active_run", "autolog", "clear_active_model", "compare_runs", "compare_versions",
    "create_experiment",
    "create_external_model", "delete_experiment", "delete_experiment_tag", "delete_logged_model_tag", "delete_run",
    "delete_tag", "disable_system_metrics_logging", "enable_system_metrics_logging", "end_run",
    "finalize_logged_model", "flush", "flush_artifact_async_logging", "flush_async_logging", "get_active_model_id",
    "get_artifact_uri", "get_experiment", "get_experiment_by_name", "get_logged_model", "get_parent_run",
    "get_registry_uri", "get_run", "get_tracking_uri", "initialize_logged_model", "is_tracking_uri_set",
    "last_active_run", "last_logged_model", "load_table", "log_artifact", "log_artifacts", "log_dict", "log_figure",
    "log_image", "log_input", "log_inputs", "log_metric", "log_metrics", "log_model_params", "log_outputs",
    "log_param", "log_params", "log_stream", "log_table", "log_text", "register_model", "restore_experiment",
    "restore_run", "search_experiments", "search_logged_models", "search_model_versions",
    "search_registered_models", "search_runs", "seed_everything", "set_active_model", "set_experiment",
    "set_experiment_tag", "set_experiment_tags", "set_logged_model_tags", "set_model_version_tag",
    "set_registry_uri", "set_system_metrics_node_id", "set_system_metrics_samples_before_logging",
    "set_system_metrics_sampling_interval", "set_tag", "set_tags", "set_tracking_uri", "start_run",
]  # fmt: skip

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "siglum.client.autolog.everything": ("autolog",),
    "siglum.client.fluent.comparing": (
        "compare_runs",
        "compare_versions",
    ),
    "siglum.client.fluent.experiments": (
        "create_experiment",
        "delete_experiment",
        "delete_experiment_tag",
        "get_experiment",
        "get_experiment_by_name",
        "restore_experiment",
        "search_experiments",
        "set_experiment",
        "set_experiment_tag",
        "set_experiment_tags",
    ),
    "siglum.client.fluent.files": (
        "get_artifact_uri",
        "load_table",
        "log_artifact",
        "log_artifacts",
        "log_dict",
        "log_figure",
        "log_image",
        "log_stream",
        "log_table",
        "log_text",
    ),
    "siglum.client.fluent.logging": (
        "delete_tag",
        "log_input",
        "log_inputs",
        "log_metric",
        "log_metrics",
        "log_outputs",
        "log_param",
        "log_params",
        "set_tag",
        "set_tags",
    ),
    "siglum.client.fluent.models": (
        "ActiveModel",
        "clear_active_model",
        "create_external_model",
        "delete_logged_model_tag",
        "finalize_logged_model",
        "get_active_model_id",
        "get_logged_model",
        "initialize_logged_model",
        "last_logged_model",
        "log_model_params",
        "register_model",
        "set_active_model",
        "set_logged_model_tags",
        "set_model_version_tag",
    ),
    "siglum.client.fluent.runs": (
        "active_run",
        "delete_run",
        "end_run",
        "get_parent_run",
        "get_run",
        "last_active_run",
        "restore_run",
        "start_run",
    ),
    "siglum.client.fluent.search": (
        "search_logged_models",
        "search_model_versions",
        "search_registered_models",
        "search_runs",
    ),
    "siglum.client.fluent.settings": (
        "disable_system_metrics_logging",
        "enable_system_metrics_logging",
        "flush",
        "flush_artifact_async_logging",
        "flush_async_logging",
        "get_registry_uri",
        "get_tracking_uri",
        "is_tracking_uri_set",
        "set_registry_uri",
        "set_system_metrics_node_id",
        "set_system_metrics_samples_before_logging",
        "set_system_metrics_sampling_interval",
        "set_tracking_uri",
    ),
    "siglum.client.fluent.starting": ("ActiveRun",),
    "siglum.lineage.seeds": ("seed_everything",),
}
_WHERE: Final = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_WHERE[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
