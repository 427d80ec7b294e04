"""What a script logs at once, in as many requests as it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from siglum.core import limits
from siglum.tracking.entities import Metric, Param, Tag

Batch = tuple[Sequence[Metric], Sequence[Param], Sequence[Tag]]


def batches(metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[Tag]) -> Iterator[Batch]:
    """Yield what fits one request each; all of it together, where it does. Values become strings."""
    params = [Param(param.key, str(param.value)) for param in params]
    tags = [Tag(tag.key, str(tag.value)) for tag in tags]
    fits = len(params) <= limits.BATCH_PARAMS and len(tags) <= limits.BATCH_TAGS
    if fits and len(metrics) + len(params) + len(tags) <= limits.BATCH_TOTAL:
        yield metrics, params, tags
        return
    for start in range(0, len(params), limits.BATCH_PARAMS):
        yield (), params[start : start + limits.BATCH_PARAMS], ()
    for start in range(0, len(metrics), limits.BATCH_METRICS):
        yield metrics[start : start + limits.BATCH_METRICS], (), ()
    for start in range(0, len(tags), limits.BATCH_TAGS):
        yield (), (), tags[start : start + limits.BATCH_TAGS]
