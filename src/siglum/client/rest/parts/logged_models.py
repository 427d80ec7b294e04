"""Logged models at a server."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from siglum.client.rest.parts.base import StorePart
from siglum.client.rest.session import MLFLOW
from siglum.tracking import calls, wire
from siglum.tracking.calls import Empty
from siglum.tracking.entities import (
    LoggedModel,
    LoggedModelStatus,
    Param,
    Tag,
)
from siglum.tracking.messages import DatasetFilterMessage, OrderByMessage
from siglum.tracking.store import DatasetFilter, LoggedModelOrder, Page

MAX_PARAMS_AT_ONCE = 100
"""What MLflow's server takes with one logged model, or one addition to it."""

_L = f"{MLFLOW}logged-models"


class LoggedModels(StorePart):
    """Logged models by id, and searches among them."""

    def create_logged_model(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Sequence[Tag] = (),
        params: Sequence[Param] = (),
        model_type: str | None = None,
    ) -> LoggedModel:
        request = calls.CreateLoggedModel(
            experiment_id=experiment_id,
            name=name,
            model_type=model_type,
            source_run_id=source_run_id,
            params=wire.write_params(params[:MAX_PARAMS_AT_ONCE]),
            tags=wire.write_tags(tags),
        )
        answer = self._session.call("POST", _L, request, calls.LoggedModelAnswer, idempotent=False)
        model = wire.read_logged_model(answer.model)
        if len(params) <= MAX_PARAMS_AT_ONCE:
            return model
        self.log_logged_model_params(model.model_id, params[MAX_PARAMS_AT_ONCE:])
        return self.get_logged_model(model.model_id)

    def get_logged_model(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        request = calls.GetLoggedModel(allow_deleted=allow_deleted)
        return wire.read_logged_model(
            self._session.call("GET", _model(model_id), request, calls.LoggedModelAnswer).model
        )

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        request = calls.FinalizeLoggedModel(model_id=model_id, status=status.wire_name)
        return wire.read_logged_model(
            self._session.call("PATCH", _model(model_id), request, calls.LoggedModelAnswer).model
        )

    def delete_logged_model(self, model_id: str) -> None:
        self._session.call("DELETE", _model(model_id), Empty(), Empty, idempotent=False)

    def set_logged_model_tags(self, model_id: str, tags: Sequence[Tag]) -> None:
        request = calls.SetLoggedModelTags(model_id=model_id, tags=wire.write_tags(tags))
        self._session.call("PATCH", f"{_model(model_id)}/tags", request, Empty)

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        path = f"{_model(model_id)}/tags/{quote(key, safe='')}"
        self._session.call("DELETE", path, Empty(), Empty, idempotent=False)

    def log_logged_model_params(self, model_id: str, params: Sequence[Param]) -> None:
        for start in range(0, len(params), MAX_PARAMS_AT_ONCE):
            some = wire.write_params(params[start : start + MAX_PARAMS_AT_ONCE])
            self._send(f"{_model(model_id)}/params", calls.LogLoggedModelParams(model_id=model_id, params=some))

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        *,
        filter_string: str = "",
        datasets: Sequence[DatasetFilter] = (),
        max_results: int = 100,
        order_by: Sequence[LoggedModelOrder] = (),
        page_token: str | None = None,
    ) -> Page[LoggedModel]:
        request = calls.SearchLoggedModels(
            experiment_ids=list(experiment_ids),
            filter=filter_string or None,
            datasets=[
                DatasetFilterMessage(dataset_name=given.dataset_name, dataset_digest=given.dataset_digest)
                for given in datasets
            ],
            max_results=max_results,
            order_by=[
                OrderByMessage(
                    field_name=clause.field_name,
                    ascending=clause.ascending,
                    dataset_name=clause.dataset_name,
                    dataset_digest=clause.dataset_digest,
                )
                for clause in order_by
            ],
            page_token=page_token,
        )
        answer = self._session.call("POST", f"{_L}/search", request, calls.LoggedModelsAnswer)
        return Page(tuple(map(wire.read_logged_model, answer.models)), answer.next_page_token or None)


def _model(model_id: str) -> str:
    return f"{_L}/{quote(model_id, safe='')}"
