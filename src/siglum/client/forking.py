"""Forks: a run that goes on from a step of another one, with that one's series up to there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from siglum.client.paging import collect
from siglum.core import limits
from siglum.tracking.entities import Metric, Run
from siglum.tracking.store import Page, TrackingStore

FORK_TAG = "siglum.fork.run_id"
FORK_STEP_TAG = "siglum.fork.step"
_HISTORY_PAGE = 25_000


def fork_tags(source: Run, step: int | None) -> dict[str, str]:
    """Return the tags that say which run another one goes on from, and from where."""
    return {FORK_TAG: source.info.run_id} | ({} if step is None else {FORK_STEP_TAG: str(step)})


def copy_series(store: TrackingStore, source: Run, run_id: str, step: int | None) -> None:
    """Give a run the points of another one up to and including a step (None: all), with their times and steps.

    They are copied, so that any client shows them and the source may be deleted.
    """
    batch: list[Metric] = []
    for point in _points(store, source, step):
        batch.append(point)
        if len(batch) == limits.BATCH_METRICS:
            store.log_batch(run_id, metrics=batch)
            batch = []
    if batch:
        store.log_batch(run_id, metrics=batch)


def _points(store: TrackingStore, source: Run, step: int | None) -> Iterator[Metric]:
    for key in source.data.metrics:
        points = collect(partial(_page, store, source.info.run_id, key), None, _HISTORY_PAGE)
        yield from (point for point in points if step is None or point.step <= step)


def _page(store: TrackingStore, run_id: str, key: str, size: int, token: str | None) -> Page[Metric]:
    return store.metric_history(run_id, key, max_results=size, page_token=token)
