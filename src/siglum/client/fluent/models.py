"""Logged and registered models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siglum.client import active, state
from siglum.client.fluent.experiments import current_experiment_id
from siglum.client.mlflow_client import MlflowClient
from siglum.client.registration import register
from siglum.registry.entities import ModelVersion
from siglum.tracking.entities import LoggedModel, LoggedModelStatus


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: float = 300,
    *,
    tags: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> ModelVersion:
    """Make a logged model the next version of `name`, which is created when it is new.

    Args:
        model_uri: `models:/<model id>`, `runs:/<run id>/<name>`, or another version.
        name: The registered model.
        await_registration_for: Seconds to wait for a version that its server does not call ready at once.
        tags: Tags of the version; recipe and content hash are tagged too.
        reason: Why, for the audit log.
    """
    session = state.session()
    session.queue.flush()
    return register(session.stores, model_uri, name, tags=tags, await_seconds=await_registration_for, reason=reason)


def initialize_logged_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Create a logged model whose files come later; by default in the active run and the current experiment."""
    scope = active.current()
    if source_run_id is None and scope is not None:
        source_run_id = scope.run_id
        experiment_id = experiment_id or scope.run.info.experiment_id
    return MlflowClient().create_logged_model(
        experiment_id or current_experiment_id(), name, source_run_id, tags, params, model_type
    )


def get_logged_model(model_id: str) -> LoggedModel:
    """Return a logged model. Raises NotFoundError."""
    return MlflowClient().get_logged_model(model_id)


def finalize_logged_model(model_id: str, status: LoggedModelStatus | str) -> LoggedModel:
    """Say that a logged model's files are all there (`READY`), or that they will not come (`FAILED`)."""
    return MlflowClient().finalize_logged_model(model_id, status)


def set_logged_model_tags(model_id: str, tags: Mapping[str, Any]) -> None:
    """Set or replace tags of a logged model."""
    MlflowClient().set_logged_model_tags(model_id, tags)


def delete_logged_model_tag(model_id: str, key: str) -> None:
    """Remove a tag of a logged model. Raises NotFoundError when it is not there."""
    MlflowClient().delete_logged_model_tag(model_id, key)


def log_model_params(params: Mapping[str, Any], model_id: str) -> None:
    """Add parameters to a logged model."""
    MlflowClient().log_model_params(model_id, params)


def set_model_version_tag(
    name: str, version: str | int | None = None, key: str | None = None, value: Any = None
) -> None:
    """Set or replace a tag of a model version."""
    MlflowClient().set_model_version_tag(name, version, key, value)
