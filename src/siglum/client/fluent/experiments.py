"""Experiments: the one that new runs go to, and all others."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from siglum.client import state
from siglum.client.arguments import as_experiment_id, as_view_type
from siglum.client.artifact_location import absolute_location
from siglum.client.paging import Listed, collect
from siglum.client.tracking_uri import environment_value
from siglum.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from siglum.tracking.entities import Experiment, LifecycleStage, Tag, ViewType
from siglum.tracking.store import TrackingStore

DEFAULT_EXPERIMENT_ID = "0"


def set_experiment(experiment_name: str | None = None, experiment_id: str | None = None) -> Experiment:
    """Make an experiment the one that new runs go to; one named for the first time is created.

    Raises:
        InvalidInputError: Neither or both arguments.
        NotFoundError: No experiment has this id.
        ConflictError: The experiment has been deleted.
    """
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidInputError("Give either experiment_name or experiment_id.")
    store = _store()
    if experiment_name is not None:
        experiment = _get_or_create(store, experiment_name)
    else:
        experiment = store.get_experiment(as_experiment_id(experiment_id))
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise ConflictError(
            f"The experiment {experiment.name!r} has been deleted.", hint="Restore it, or use another name."
        )
    state.set_experiment_id(experiment.experiment_id)
    return experiment


def current_experiment_id() -> str:
    """Return the experiment of new runs: the one set, else the environment's, else `Default`."""
    found = state.experiment_id() or environment_value(os.environ, "EXPERIMENT_ID")
    if found is not None:
        return found
    name = environment_value(os.environ, "EXPERIMENT_NAME")
    return DEFAULT_EXPERIMENT_ID if name is None else set_experiment(name).experiment_id


def create_experiment(name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None) -> str:
    """Create an experiment and return its id. Raises AlreadyExistsError, also when a deleted one has the name."""
    location = None if artifact_location is None else absolute_location(artifact_location, os.getcwd())
    return _store().create_experiment(name, location, as_tags(tags))


def get_experiment(experiment_id: str) -> Experiment:
    """Return an experiment, deleted or not. Raises NotFoundError."""
    return _store().get_experiment(as_experiment_id(experiment_id))


def get_experiment_by_name(name: str) -> Experiment | None:
    """Return the experiment of that name, deleted or not, or None."""
    return _store().get_experiment_by_name(name)


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """Return all experiments that match (at most `max_results`), by default the newest first."""
    store = _store()
    found = collect(
        lambda size, token: store.search_experiments(
            view_type=as_view_type(view_type),
            max_results=size,
            filter_string=filter_string or "",
            order_by=order_by or (),
            page_token=token,
        ),
        max_results,
    )
    return Listed(found)


def delete_experiment(experiment_id: str) -> None:
    """Mark an experiment and its runs as deleted."""
    _store().delete_experiment(as_experiment_id(experiment_id))


def restore_experiment(experiment_id: str) -> None:
    """Undo `delete_experiment`."""
    _store().restore_experiment(as_experiment_id(experiment_id))


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag of the current experiment."""
    _store().set_experiment_tag(current_experiment_id(), Tag(key, str(value)))


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set several tags of the current experiment, one after the other."""
    for key, value in tags.items():
        set_experiment_tag(key, value)


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the current experiment. Raises NotFoundError when it is not there."""
    _store().delete_experiment_tag(current_experiment_id(), key)


def as_tags(tags: Mapping[str, Any] | None) -> list[Tag]:
    """Return a mapping as tags; values become strings."""
    return [Tag(key, str(value)) for key, value in (tags or {}).items()]


def _store() -> TrackingStore:
    return state.session().stores.tracking


def _get_or_create(store: TrackingStore, name: str) -> Experiment:
    found = store.get_experiment_by_name(name)
    if found is not None:
        return found
    try:
        return store.get_experiment(store.create_experiment(name))
    except AlreadyExistsError:  # another process was faster
        found = store.get_experiment_by_name(name)
        if found is None:
            raise NotFoundError(f"The experiment {name!r} was renamed while it was looked up.") from None
        return found
