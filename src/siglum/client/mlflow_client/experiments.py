"""MlflowClient: experiments."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from siglum.client.arguments import as_experiment_id, as_view_type
from siglum.client.artifact_location import absolute_location
from siglum.client.mlflow_client.base import ClientBase
from siglum.client.paging import PagedList
from siglum.tracking.entities import Experiment, Tag, ViewType


class ExperimentMethods(ClientBase):
    """Experiments by id."""

    def create_experiment(
        self, name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None
    ) -> str:
        """Create an experiment and return its id. Raises AlreadyExistsError, also when a deleted one has the name."""
        location = None if artifact_location is None else absolute_location(artifact_location, os.getcwd())
        return self._tracking.create_experiment(
            name, location, [Tag(key, str(value)) for key, value in (tags or {}).items()]
        )

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment, deleted or not. Raises NotFoundError."""
        return self._tracking.get_experiment(as_experiment_id(experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of that name, deleted or not, or None."""
        return self._tracking.get_experiment_by_name(name)

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Return one page of experiments that match, by default the newest first."""
        return PagedList(
            self._tracking.search_experiments(
                view_type=as_view_type(view_type),
                max_results=max_results or 1000,
                filter_string=filter_string or "",
                order_by=order_by or (),
                page_token=page_token,
            )
        )

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Rename an active experiment."""
        self._tracking.rename_experiment(as_experiment_id(experiment_id), new_name)

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs as deleted."""
        self._tracking.delete_experiment(as_experiment_id(experiment_id))

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo `delete_experiment`."""
        self._tracking.restore_experiment(as_experiment_id(experiment_id))

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set or replace a tag."""
        self._tracking.set_experiment_tag(as_experiment_id(experiment_id), Tag(key, str(value)))

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag. Raises NotFoundError when it is not there."""
        self._tracking.delete_experiment_tag(as_experiment_id(experiment_id), key)
