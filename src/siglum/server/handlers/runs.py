"""Runs and their metrics."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.server.route import Call, Services
from siglum.tracking import browser_calls, calls
from siglum.tracking.entities import LoggedModelInput, LoggedModelOutput, Metric, Param, Tag
from siglum.tracking.wire import (
    read_dataset_input,
    read_run_status,
    read_view_type,
    write_metric,
    write_run,
    write_run_info,
)

DEFAULT_PAGE = 1000
DEFAULT_EXPERIMENT_ID = "0"


def create(services: Services, request: calls.CreateRun, _call: Call) -> calls.RunAnswer:
    """Create a run."""
    made = services.tracking.create_run(
        request.experiment_id or DEFAULT_EXPERIMENT_ID,
        user_id=request.user_id or "",
        run_name=request.run_name,
        start_time=request.start_time,
        tags=request.tags,
        run_id=request.run_id,
    )
    answer = write_run(made)
    answer.outputs = None  # as MLflow answers here, and only here
    return calls.RunAnswer(run=answer)


def get(services: Services, request: calls.RunIdRequest, _call: Call) -> calls.RunAnswer:
    """Return a run."""
    return calls.RunAnswer(run=write_run(services.tracking.get_run(request.run)))


def update(services: Services, request: calls.UpdateRun, _call: Call) -> calls.RunInfoAnswer:
    """Change status, end time or name; an empty name changes nothing, as in MLflow."""
    info = services.tracking.update_run(
        request.run,
        status=None if request.status is None else read_run_status(request.status),
        end_time=request.end_time,
        run_name=request.run_name or None,
    )
    return calls.RunInfoAnswer(run_info=write_run_info(info))


def delete(services: Services, request: calls.RunIdRequest, _call: Call) -> calls.Empty:
    """Mark a run as deleted."""
    services.tracking.delete_run(request.run)
    return calls.Empty()


def restore(services: Services, request: calls.RunIdRequest, _call: Call) -> calls.Empty:
    """Undo a deletion."""
    services.tracking.restore_run(request.run)
    return calls.Empty()


def search(services: Services, request: calls.SearchRuns, _call: Call) -> calls.RunsAnswer:
    """Return a page of runs."""
    page = services.tracking.search_run_messages(
        request.experiment_ids,
        filter_string=request.filter or "",
        view_type=read_view_type(request.run_view_type),
        max_results=DEFAULT_PAGE if request.max_results is None else request.max_results,
        order_by=request.order_by,
        page_token=request.page_token or None,
    )
    return calls.RunsAnswer(runs=list(page.items), next_page_token=page.next_token)


def queue_metric(services: Services, request: calls.LogMetric, _call: Call) -> Future[Any]:
    """Begin to store one point."""
    point = Metric(
        request.key,
        request.value,
        request.timestamp,
        request.step,
        request.model_id or None,
        request.dataset_name or None,
        request.dataset_digest or None,
    )
    return services.tracking.queue_batch(request.run, metrics=(point,))


def log_metric(services: Services, request: calls.LogMetric, call: Call) -> calls.Empty:
    """Store one point."""
    queue_metric(services, request, call).result()
    return calls.Empty()


def queue_param(services: Services, request: calls.LogParam, _call: Call) -> Future[Any]:
    """Begin to store one parameter."""
    return services.tracking.queue_batch(request.run, params=(Param(request.key, request.value),))


def log_param(services: Services, request: calls.LogParam, call: Call) -> calls.Empty:
    """Store one parameter."""
    queue_param(services, request, call).result()
    return calls.Empty()


def queue_tag(services: Services, request: calls.SetTag, _call: Call) -> Future[Any]:
    """Begin to set one tag."""
    return services.tracking.queue_batch(request.run, tags=(Tag(request.key, request.value),))


def set_tag(services: Services, request: calls.SetTag, call: Call) -> calls.Empty:
    """Set one tag."""
    queue_tag(services, request, call).result()
    return calls.Empty()


def delete_tag(services: Services, request: calls.DeleteTag, _call: Call) -> calls.Empty:
    """Remove one tag."""
    services.tracking.delete_tag(request.run, request.key)
    return calls.Empty()


def queue_batch(services: Services, request: calls.LogBatch, _call: Call) -> Future[Any]:
    """Begin to store many things of one run, all or nothing. The same parameter twice is refused, as in MLflow."""
    if len(request.params) > len({param.key for param in request.params}):
        names = [param.key for param in request.params]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInputError(f"Parameter {twice!r} is given twice in one request.", hint="Give each only once.")
    return services.tracking.queue_batch(
        request.run,
        metrics=request.metrics,
        params=request.params,
        tags=request.tags,
        idempotency_key=request.idempotency_key,
    )


def log_batch(services: Services, request: calls.LogBatch, call: Call) -> calls.Empty:
    """Store many things of one run, all or nothing."""
    queue_batch(services, request, call).result()
    return calls.Empty()


def replace_params(services: Services, request: calls.ReplaceParams, _call: Call) -> calls.Empty:
    """Store parameters in place of those that were logged."""
    services.tracking.replace_params(request.run, request.params)
    return calls.Empty()


def log_inputs(services: Services, request: calls.LogInputs, _call: Call) -> calls.Empty:
    """Record what a run read."""
    services.tracking.log_inputs(
        request.run,
        datasets=[read_dataset_input(given) for given in request.datasets],
        models=[LoggedModelInput(model_id=model.model_id) for model in request.models],
    )
    return calls.Empty()


def log_outputs(services: Services, request: calls.LogOutputs, _call: Call) -> calls.Empty:
    """Record what a run made."""
    models = [LoggedModelOutput(model_id=model.model_id, step=model.step) for model in request.models]
    services.tracking.log_outputs(request.run, models)
    return calls.Empty()


def metric_history(services: Services, request: calls.GetMetricHistory, _call: Call) -> calls.MetricsAnswer:
    """Return the points of one key."""
    if not request.metric_key:
        raise InvalidInputError("Missing value for required parameter 'metric_key'.")
    page = services.tracking.metric_history(
        request.run, request.metric_key, max_results=request.max_results, page_token=request.page_token or None
    )
    return calls.MetricsAnswer(metrics=[write_metric(point) for point in page.items], next_page_token=page.next_token)


_MODEL_FIELDS = ("run_id", "artifact_path", "utc_time_created", "flavors")


def log_model(services: Services, request: browser_calls.LogModel, _call: Call) -> calls.Empty:
    """Note that a run made a model, as MLflow 2 did."""
    try:
        model = msgspec.json.decode(request.model_json, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise InvalidInputError("Malformed model info: 'model_json' is not a JSON object.") from None
    missing = [name for name in _MODEL_FIELDS if name not in model]
    if missing:
        raise InvalidInputError(f"Model json is missing mandatory fields: {', '.join(missing)}.")
    services.tracking.log_model_history(request.run, model)
    return calls.Empty()
