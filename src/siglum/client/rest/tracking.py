"""`TrackingStore` over MLflow's REST API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from siglum.client.rest.session import MLFLOW, SIGLUM, RestSession
from siglum.core.errors import InvalidInputError, NotFoundError, NotSupportedError
from siglum.tracking import calls, own_calls, wire
from siglum.tracking.browser_calls import DatasetSummariesAnswer, LogModel, SearchDatasets
from siglum.tracking.calls import Empty
from siglum.tracking.entities import (
    DatasetInput,
    DatasetSummary,
    Experiment,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    Run,
    RunInfo,
    RunStatus,
    Tag,
    ViewType,
)
from siglum.tracking.messages import (
    DatasetFilterMessage,
    Message,
    ModelInputMessage,
    ModelOutputMessage,
    OrderByMessage,
)
from siglum.tracking.search.grammar import RUNS
from siglum.tracking.search.parser import parse_column
from siglum.tracking.search.tree import FieldKind
from siglum.tracking.store import DatasetFilter, LoggedModelOrder, Page
from siglum.tracking.table import DataVersion, RunTable, Window

MAX_PARAMS_AT_ONCE = 100
"""What MLflow's server takes with one logged model, or one addition to it."""

_E, _R, _L = f"{MLFLOW}experiments/", f"{MLFLOW}runs/", f"{MLFLOW}logged-models"


class RestTrackingStore:
    """Experiments, runs and logged models at a server. Several stores may share one session; closing one closes it.

    What a server refuses, and in which words, is the server's; Siglum's answers make the same errors as its SQL
    store. `log_batch` is sent as one request, so a batch beyond the server's limits is refused whole.
    """

    def __init__(self, session: RestSession) -> None:
        self._session = session

    @property
    def session(self) -> RestSession:
        """The connection to the server."""
        return self._session

    # -- experiments -----------------------------------------------------------------------------------------
    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Sequence[Tag] = ()) -> str:
        request = calls.CreateExperiment(name=name, artifact_location=artifact_location, tags=wire.write_tags(tags))
        answer = self._session.call("POST", f"{_E}create", request, calls.ExperimentId, idempotent=False)
        return answer.experiment_id

    def get_experiment(self, experiment_id: str) -> Experiment:
        request = calls.ExperimentId(experiment_id=experiment_id)
        return wire.read_experiment(self._session.call("GET", f"{_E}get", request, calls.ExperimentAnswer).experiment)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        request = calls.GetExperimentByName(experiment_name=name)
        try:
            answer = self._session.call("GET", f"{_E}get-by-name", request, calls.ExperimentAnswer)
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
        answer = self._session.call("POST", f"{_E}search", request, calls.ExperimentsAnswer)
        return Page(tuple(map(wire.read_experiment, answer.experiments)), answer.next_page_token or None)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        self._send(f"{_E}update", calls.UpdateExperiment(experiment_id=experiment_id, new_name=new_name))

    def delete_experiment(self, experiment_id: str) -> None:
        self._send(f"{_E}delete", calls.ExperimentId(experiment_id=experiment_id), idempotent=False)

    def restore_experiment(self, experiment_id: str) -> None:
        self._send(f"{_E}restore", calls.ExperimentId(experiment_id=experiment_id), idempotent=False)

    def set_experiment_tag(self, experiment_id: str, tag: Tag) -> None:
        request = calls.SetExperimentTag(experiment_id=experiment_id, key=tag.key, value=tag.value)
        self._send(f"{_E}set-experiment-tag", request)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        request = calls.DeleteExperimentTag(experiment_id=experiment_id, key=key)
        self._send(f"{_E}delete-experiment-tag", request, idempotent=False)

    # -- runs ------------------------------------------------------------------------------------------------
    def create_run(
        self,
        experiment_id: str,
        *,
        user_id: str = "",
        run_name: str | None = None,
        start_time: int | None = None,
        tags: Sequence[Tag] = (),
        run_id: str | None = None,
    ) -> Run:
        """Create a run. Raises NotSupportedError for a `run_id` that the server does not take, as MLflow's."""
        request = calls.CreateRun(
            experiment_id=experiment_id,
            user_id=user_id or None,
            run_name=run_name,
            start_time=start_time,
            tags=wire.write_tags(tags),
            run_id=run_id,
        )
        run = wire.read_run(self._session.call("POST", f"{_R}create", request, calls.RunAnswer, idempotent=False).run)
        if run_id is not None and run.info.run_id != run_id:
            self.delete_run(run.info.run_id)
            raise NotSupportedError(f"The server at {self._session.url} does not let a client choose a run's id.")
        return run

    def get_run(self, run_id: str) -> Run:
        request = calls.RunIdRequest(run_id=run_id, run_uuid=run_id)
        return wire.read_run(self._session.call("GET", f"{_R}get", request, calls.RunAnswer).run)

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        request = calls.UpdateRun(
            run_id=run_id, status=None if status is None else status.value, end_time=end_time, run_name=run_name
        )
        return wire.read_run_info(self._session.call("POST", f"{_R}update", request, calls.RunInfoAnswer).run_info)

    def delete_run(self, run_id: str) -> None:
        self._send(f"{_R}delete", calls.RunIdRequest(run_id=run_id))

    def restore_run(self, run_id: str) -> None:
        self._send(f"{_R}restore", calls.RunIdRequest(run_id=run_id))

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        *,
        filter_string: str = "",
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[Run]:
        request = calls.SearchRuns(
            experiment_ids=list(experiment_ids),
            filter=filter_string or None,
            run_view_type=view_type.name,
            max_results=max_results,
            order_by=list(order_by),
            page_token=page_token,
        )
        answer = self._session.call("POST", f"{_R}search", request, calls.RunsAnswer)
        return Page(tuple(map(wire.read_run, answer.runs)), answer.next_page_token or None)

    def run_table(
        self,
        experiment_ids: Sequence[str],
        columns: Sequence[str],
        *,
        filter_string: str = "",
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> RunTable:
        fields = [parse_column(text, RUNS) for text in columns]
        request = own_calls.RunPage(
            experiment_ids=list(experiment_ids),
            columns=list(columns),
            filter=filter_string or None,
            view_type=view_type.name,
            max_results=max_results,
            order_by=list(order_by),
            page_token=page_token,
        )
        answer = self._session.call("POST", f"{SIGLUM}runs/page", request, own_calls.RunPageAnswer)
        return own_calls.read_table(answer, [field.kind is FieldKind.METRIC for field in fields])

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[Tag] = (),
        idempotency_key: str | None = None,
    ) -> None:
        """Store a batch. A server that does not know idempotency keys, as MLflow's, passes over the key."""
        request = calls.LogBatch(
            run_id=run_id,
            metrics=list(map(wire.write_metric, metrics)),
            params=wire.write_params(params),
            tags=wire.write_tags(tags),
            idempotency_key=idempotency_key,
        )
        self._send(f"{_R}log-batch", request)  # the same points again are stored once, so it may be repeated

    def replace_params(self, run_id: str, params: Sequence[Param]) -> None:
        request = calls.ReplaceParams(run_id=run_id, params=wire.write_params(params))
        try:
            self._session.call("POST", f"{SIGLUM}runs/replace-parameters", request, calls.Empty)
        except NotSupportedError:
            raise NotSupportedError(
                f"The server at {self._session.url} cannot replace parameters.",
                hint="It takes on_conflict='error' and 'keep', or log the new value under another name.",
            ) from None

    def delete_tag(self, run_id: str, key: str) -> None:
        self._send(f"{_R}delete-tag", calls.DeleteTag(run_id=run_id, key=key), idempotent=False)

    def metric_history(
        self, run_id: str, key: str, *, max_results: int | None = None, page_token: str | None = None
    ) -> Page[Metric]:
        request = calls.GetMetricHistory(
            run_id=run_id, run_uuid=run_id, metric_key=key, max_results=max_results, page_token=page_token
        )
        answer = self._session.call("GET", f"{MLFLOW}metrics/get-history", request, calls.MetricsAnswer)
        return Page(tuple(map(wire.read_metric, answer.metrics)), answer.next_page_token or None)

    def metric_window(
        self, run_id: str, key: str, buckets: int, *, start_step: int | None = None, end_step: int | None = None
    ) -> Window:
        request = own_calls.MetricWindow(
            run_id=run_id, metric_key=key, buckets=buckets, start_step=start_step, end_step=end_step
        )
        answer = self._session.call("GET", f"{SIGLUM}metrics/window", request, own_calls.MetricWindowAnswer)
        return own_calls.read_window(answer)

    def log_inputs(
        self,
        run_id: str,
        *,
        datasets: Sequence[DatasetInput] = (),
        models: Sequence[LoggedModelInput] = (),
    ) -> None:
        request = calls.LogInputs(
            run_id=run_id,
            datasets=list(map(wire.write_dataset_input, datasets)),
            models=[ModelInputMessage(model_id=model.model_id) for model in models],
        )
        self._send(f"{_R}log-inputs", request)

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        messages = [ModelOutputMessage(model_id=model.model_id, step=model.step) for model in models]
        self._send(f"{_R}outputs", calls.LogOutputs(run_id=run_id, models=messages))

    def log_model_history(self, run_id: str, model: dict[str, Any]) -> None:
        request = LogModel(run_id=run_id, model_json=msgspec.json.encode(model).decode())
        self._send(f"{_R}log-model", request, idempotent=False)

    def search_datasets(self, experiment_ids: Sequence[str]) -> tuple[DatasetSummary, ...]:
        request = SearchDatasets(experiment_ids=list(experiment_ids))
        # MLflow serves this one to browsers only
        answer = self._session.call("POST", f"/ajax-{_E[1:]}search-datasets", request, DatasetSummariesAnswer)
        return tuple(
            DatasetSummary(experiment_id=d.experiment_id, name=d.name, digest=d.digest, context=d.context)
            for d in answer.dataset_summaries
        )

    def data_versions(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        name: str | None = None,
        path: str | None = None,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[DataVersion]:
        request = own_calls.DataVersions(
            experiment_id=list(experiment_ids),
            name=name,
            data_path=path,
            max_results=max_results,
            page_token=page_token,
        )
        answer = self._session.call("GET", f"{SIGLUM}data/versions", request, own_calls.DataVersionsAnswer)
        return Page(tuple(answer.versions), answer.next_page_token)

    # -- logged models ---------------------------------------------------------------------------------------
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

    def close(self) -> None:
        self._session.close()

    def _send(self, path: str, request: Message, *, idempotent: bool = True) -> None:
        self._session.call("POST", path, request, Empty, idempotent=idempotent)


def _model(model_id: str) -> str:
    return f"{_L}/{quote(model_id, safe='')}"
