"""Logged and registered models."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from siglum.client import active, active_model, state
from siglum.client.fluent.experiments import current_experiment_id
from siglum.client.mlflow_client import MlflowClient
from siglum.client.registration import register
from siglum.core.errors import InvalidInputError
from siglum.registry.entities import ModelVersion
from siglum.tracking.entities import LoggedModel, LoggedModelStatus

EXTERNAL_TAG = "mlflow.model.isExternal"


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
    session.queue.catch_up()
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
    made = MlflowClient().create_logged_model(
        experiment_id or current_experiment_id(), name, source_run_id, tags, params, model_type
    )
    state.set_last_model_id(made.model_id)
    return made


def create_external_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Create a logged model whose files are kept elsewhere, so that metrics and parameters can belong to it."""
    made = initialize_logged_model(
        name, source_run_id, {**(tags or {}), EXTERNAL_TAG: "true"}, params, model_type, experiment_id
    )
    return finalize_logged_model(made.model_id, LoggedModelStatus.READY)


def last_logged_model() -> LoggedModel | None:
    """Return the logged model that this process made last, as it is now; None without any."""
    last = state.last_model_id()
    return MlflowClient().get_logged_model(last) if last is not None else None


class ActiveModel(LoggedModel, frozen=True, kw_only=True):
    """A logged model as it was when it became active; leaving its `with` block ends that."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        clear_active_model()


def set_active_model(*, name: str | None = None, model_id: str | None = None) -> ActiveModel:
    """Make a logged model the one that metrics belong to which name none, in this thread.

    Args:
        name: The newest logged model of the current experiment with this name; an external one is created when
            there is none.
        model_id: Else this logged model.

    Raises:
        InvalidInputError: Both or neither.
        NotFoundError: No logged model has this id.
    """
    if (name is None) == (model_id is None):
        raise InvalidInputError("Give either name or model_id.")
    client = MlflowClient()
    if model_id is not None:
        found = client.get_logged_model(model_id)
    else:
        scope = active.current()
        experiment = scope.run.info.experiment_id if scope is not None else current_experiment_id()
        known = client.search_logged_models([experiment], filter_string=f"name = '{name}'", max_results=1)
        found = known[0] if known else create_external_model(name)
    active_model.set_id(found.model_id)
    return ActiveModel(**{field: getattr(found, field) for field in LoggedModel.__struct_fields__})


def get_active_model_id() -> str | None:
    """Return the id of the logged model that is active in this thread, or None."""
    return active_model.get_id()


def clear_active_model() -> None:
    """Have no logged model be active in this thread."""
    active_model.set_id(None)


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


def log_model_params(params: Mapping[str, Any], model_id: str | None = None) -> None:
    """Add parameters to a logged model, by default the active one."""
    found = model_id or active_model.get_id()
    if found is None:
        raise InvalidInputError("No logged model is active.", hint="Give model_id, or call set_active_model() first.")
    MlflowClient().log_model_params(found, params)


def set_model_version_tag(
    name: str, version: str | int | None = None, key: str | None = None, value: Any = None
) -> None:
    """Set or replace a tag of a model version."""
    MlflowClient().set_model_version_tag(name, version, key, value)
