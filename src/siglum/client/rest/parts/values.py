"""What runs at a server log, read and make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from siglum.client.rest.parts.base import RUNS, StorePart
from siglum.client.rest.session import MLFLOW, SIGLUM
from siglum.core.errors import NotSupportedError
from siglum.tracking import calls, own_calls, wire
from siglum.tracking.browser_calls import DatasetSummariesAnswer, LogModel, SearchDatasets
from siglum.tracking.entities import (
    DatasetInput,
    DatasetSummary,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Tag,
)
from siglum.tracking.messages import ModelInputMessage, ModelOutputMessage
from siglum.tracking.store import Page
from siglum.tracking.table import DataVersion, Window


class Values(StorePart):
    """Metrics, parameters, tags and inputs of runs."""

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
        self._send(f"{RUNS}log-batch", request)  # the same points again are stored once, so it may be repeated

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
        self._send(f"{RUNS}delete-tag", calls.DeleteTag(run_id=run_id, key=key), idempotent=False)

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
        self._send(f"{RUNS}log-inputs", request)

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        messages = [ModelOutputMessage(model_id=model.model_id, step=model.step) for model in models]
        self._send(f"{RUNS}outputs", calls.LogOutputs(run_id=run_id, models=messages))

    def log_model_history(self, run_id: str, model: dict[str, Any]) -> None:
        request = LogModel(run_id=run_id, model_json=msgspec.json.encode(model).decode())
        self._send(f"{RUNS}log-model", request, idempotent=False)

    def search_datasets(self, experiment_ids: Sequence[str]) -> tuple[DatasetSummary, ...]:
        request = SearchDatasets(experiment_ids=list(experiment_ids))
        # MLflow serves this one to browsers only
        answer = self._session.call(
            "POST", f"/ajax-{MLFLOW[1:]}experiments/search-datasets", request, DatasetSummariesAnswer
        )
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
