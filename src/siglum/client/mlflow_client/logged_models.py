"""MlflowClient: logged models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from siglum.client.mlflow_client.base import ClientBase
from siglum.client.paging import PagedList
from siglum.core import limits
from siglum.core.errors import InvalidInputError
from siglum.tracking.entities import LoggedModel, LoggedModelStatus, Param, Tag
from siglum.tracking.store import DatasetFilter, LoggedModelOrder


class LoggedModelMethods(ClientBase):
    """Logged models by id."""

    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Create a logged model without files, in status PENDING."""
        listed = [Param(key, str(value)) for key, value in (params or {}).items()]
        made = self._tracking.create_logged_model(
            str(experiment_id),
            name=name,
            source_run_id=source_run_id,
            tags=[Tag(key, str(value)) for key, value in (tags or {}).items()],
            params=listed[: limits.BATCH_PARAMS],
            model_type=model_type,
        )
        if len(listed) <= limits.BATCH_PARAMS:
            return made
        self._tracking.log_logged_model_params(made.model_id, listed[limits.BATCH_PARAMS :])
        return self._tracking.get_logged_model(made.model_id)

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """Return a logged model. Raises NotFoundError."""
        return self._tracking.get_logged_model(model_id)

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus | str) -> LoggedModel:
        """Say that a logged model's files are all there (`READY`), or that they will not come (`FAILED`)."""
        return self._tracking.finalize_logged_model(model_id, _status(status))

    def delete_logged_model(self, model_id: str) -> None:
        """Mark a logged model as deleted."""
        self._tracking.delete_logged_model(model_id)

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, Any]) -> None:
        """Set or replace tags."""
        self._tracking.set_logged_model_tags(model_id, [Tag(key, str(value)) for key, value in tags.items()])

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Remove a tag. Raises NotFoundError when it is not there."""
        self._tracking.delete_logged_model_tag(model_id, key)

    def log_model_params(self, model_id: str, params: Mapping[str, Any]) -> None:
        """Add parameters."""
        self._tracking.log_logged_model_params(model_id, [Param(key, str(value)) for key, value in params.items()])

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """Return one page of logged models that match, by default the newest first."""
        return PagedList(
            self._tracking.search_logged_models(
                [str(each) for each in experiment_ids],
                filter_string=filter_string or "",
                datasets=[DatasetFilter(**entry) for entry in datasets or ()],
                max_results=max_results or 100,
                order_by=[LoggedModelOrder(**entry) for entry in order_by or ()],
                page_token=page_token,
            )
        )


def _status(status: LoggedModelStatus | str) -> LoggedModelStatus:
    """Accept MLflow's short names (`READY`) and the wire's (`LOGGED_MODEL_READY`)."""
    try:
        return LoggedModelStatus.from_wire(str(status).upper())
    except ValueError:
        raise InvalidInputError(
            f"{status!r} is not the status of a logged model.", hint="Use READY or FAILED."
        ) from None
