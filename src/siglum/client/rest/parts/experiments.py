"""Experiments at a server."""

from __future__ import annotations

from collections.abc import Sequence

from siglum.client.rest.parts.base import StorePart
from siglum.client.rest.session import MLFLOW
from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.tracking import calls, wire
from siglum.tracking.entities import (
    Experiment,
    Tag,
    ViewType,
)
from siglum.tracking.store import Page

_EXPERIMENTS = f"{MLFLOW}experiments/"


class Experiments(StorePart):
    """Experiments by id and by name."""

    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Sequence[Tag] = ()) -> str:
        request = calls.CreateExperiment(name=name, artifact_location=artifact_location, tags=wire.write_tags(tags))
        answer = self._session.call("POST", f"{_EXPERIMENTS}create", request, calls.ExperimentId, idempotent=False)
        return answer.experiment_id

    def get_experiment(self, experiment_id: str) -> Experiment:
        request = calls.ExperimentId(experiment_id=experiment_id)
        return wire.read_experiment(
            self._session.call("GET", f"{_EXPERIMENTS}get", request, calls.ExperimentAnswer).experiment
        )

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        request = calls.GetExperimentByName(experiment_name=name)
        try:
            answer = self._session.call("GET", f"{_EXPERIMENTS}get-by-name", request, calls.ExperimentAnswer)
        except NotFoundError:
            return None
        return wire.read_experiment(answer.experiment)

    def search_experiments(
        self,
        *,
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[Experiment]:
        if max_results < 1:  # on the wire, 0 means the server's default
            raise InvalidInputError(f"Invalid value {max_results} for parameter 'max_results' supplied.")
        request = calls.SearchExperiments(
            max_results=max_results,
            page_token=page_token,
            filter=filter_string or None,
            order_by=list(order_by),
            view_type=view_type.name,
        )
        answer = self._session.call("POST", f"{_EXPERIMENTS}search", request, calls.ExperimentsAnswer)
        return Page(tuple(map(wire.read_experiment, answer.experiments)), answer.next_page_token or None)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        self._send(f"{_EXPERIMENTS}update", calls.UpdateExperiment(experiment_id=experiment_id, new_name=new_name))

    def delete_experiment(self, experiment_id: str) -> None:
        self._send(f"{_EXPERIMENTS}delete", calls.ExperimentId(experiment_id=experiment_id), idempotent=False)

    def restore_experiment(self, experiment_id: str) -> None:
        self._send(f"{_EXPERIMENTS}restore", calls.ExperimentId(experiment_id=experiment_id), idempotent=False)

    def set_experiment_tag(self, experiment_id: str, tag: Tag) -> None:
        request = calls.SetExperimentTag(experiment_id=experiment_id, key=tag.key, value=tag.value)
        self._send(f"{_EXPERIMENTS}set-experiment-tag", request)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        request = calls.DeleteExperimentTag(experiment_id=experiment_id, key=key)
        self._send(f"{_EXPERIMENTS}delete-experiment-tag", request, idempotent=False)
