"""What Siglum's own web page asks of runs."""

from __future__ import annotations

from siglum.server.route import Call, Services
from siglum.tracking import own_calls
from siglum.tracking.wire import read_view_type

DEFAULT_PAGE = 100


def run_page(services: Services, request: own_calls.RunPage, _call: Call) -> own_calls.RunPageAnswer:
    """Return a page of runs with chosen columns, and how many there are in all."""
    table = services.tracking.run_table(
        request.experiment_ids,
        request.columns,
        filter_string=request.filter or "",
        view_type=read_view_type(request.view_type),
        max_results=DEFAULT_PAGE if request.max_results is None else request.max_results,
        order_by=request.order_by,
        page_token=request.page_token or None,
    )
    return own_calls.write_table(table)


def metric_window(services: Services, request: own_calls.MetricWindow, _call: Call) -> own_calls.MetricWindowAnswer:
    """Return the points of one key as a chart of some width shows them."""
    found = services.tracking.metric_window(
        request.run,
        request.metric_key,
        request.buckets,
        start_step=request.start_step,
        end_step=request.end_step,
    )
    return own_calls.write_window(found)
