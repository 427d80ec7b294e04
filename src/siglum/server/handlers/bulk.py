"""What MLflow's web interface asks for many runs or experiments at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from siglum.core import limits
from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.server.route import Call, Services
from siglum.tracking import browser_calls
from siglum.tracking.calls import MetricsAnswer
from siglum.tracking.entities import Metric
from siglum.tracking.messages import MetricMessage
from siglum.tracking.sampling import sample, within
from siglum.tracking.wire import write_metric


def history(
    services: Services, request: browser_calls.GetMetricHistoryBulk, _call: Call
) -> browser_calls.BulkMetricsAnswer:
    """Return the first points of one key in several runs, by run, time, step and value; unknown runs have none."""
    if not request.metric_key:
        raise InvalidInputError("GetMetricHistoryBulk request must specify a metric_key.")
    run_ids = _checked_runs("GetMetricHistoryBulk", "run_id", request.run_id)
    wanted = request.max_results
    if wanted is None or not 1 <= wanted <= limits.HISTORY_POINTS:
        wanted = limits.HISTORY_POINTS
    found: list[MetricMessage] = []
    for run_id in sorted(run_ids):
        points = _points(services, run_id, request.metric_key, wanted - len(found))
        found += (_of_run(point, run_id) for point in points)
        if len(found) >= wanted:
            break
    return browser_calls.BulkMetricsAnswer(metrics=found)


def history_interval(services: Services, request: browser_calls.GetMetricHistoryInterval, _call: Call) -> MetricsAnswer:
    """Return an even sample of the points of one key between two steps, for each run."""
    run_ids = _checked_runs("GetMetricHistoryBulkInterval", "run_ids", request.run_ids)
    start, end, count = request.start_step, request.end_step, request.max_results
    if (start is None) != (end is None):
        raise InvalidInputError("If either start step or end step are specified, both must be specified.")
    if start is not None and end is not None and start > end:
        raise InvalidInputError(
            f"end_step must be greater than start_step. Found start_step={start} and end_step={end}."
        )
    if count is None:
        count = limits.HISTORY_SAMPLES
    if not 1 <= count <= limits.HISTORY_SAMPLES:
        raise InvalidInputError(f"max_results must be between 1 and {limits.HISTORY_SAMPLES}.")
    found: list[MetricMessage] = []
    for run_id in run_ids:
        points = [(p.step, p.timestamp, p.value) for p in _points(services, run_id, request.metric_key, None)]
        found += (
            _of_run(Metric(request.metric_key, value, timestamp, step), run_id)
            for step, timestamp, value in sample(within(points, start, end), count)
        )
    return MetricsAnswer(metrics=found)


def search_datasets(
    services: Services, request: browser_calls.SearchDatasets, _call: Call
) -> browser_calls.DatasetSummariesAnswer:
    """Return the data sets that runs of some experiments read."""
    found = services.tracking.search_datasets(request.experiment_ids)
    return browser_calls.DatasetSummariesAnswer(
        dataset_summaries=[
            browser_calls.DatasetSummaryMessage(
                experiment_id=item.experiment_id, name=item.name, digest=item.digest, context=item.context
            )
            for item in found
        ]
    )


def _checked_runs(call: str, field: str, run_ids: Iterable[str]) -> list[str]:
    """Return each run once, in the order given."""
    found = list(dict.fromkeys(run_ids))
    if not found:
        raise InvalidInputError(f"{call} request must specify at least one {field}.")
    if len(found) > limits.HISTORY_RUNS:
        raise InvalidInputError(
            f"{call} request cannot specify more than {limits.HISTORY_RUNS} {field}s. Received {len(found)}."
        )
    return found


def _points(services: Services, run_id: str, key: str, limit: int | None) -> Iterator[Metric]:
    try:
        yield from services.tracking.metric_history(run_id, key, max_results=limit).items
    except NotFoundError:
        return


def _of_run(point: Metric, run_id: str) -> MetricMessage:
    return write_metric(Metric(point.key, point.value, point.timestamp, point.step, run_id=run_id))
