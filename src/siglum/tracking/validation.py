"""What may be logged: checks of values before they reach a database. Messages name the field as the wire does."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence

from siglum.core import limits
from siglum.core.errors import InvalidInputError
from siglum.core.limits import INT64_MAX, INT64_MIN
from siglum.core.names import check_int64, check_key, check_text
from siglum.tracking.entities import Dataset, DatasetInput, Metric, Param, Tag
from siglum.tracking.series import Point


def check_tags(tags: Sequence[Tag], maximum: int, *, where: str = "tags") -> dict[str, str]:
    """Return tags by key; of two with the same key the later counts."""
    for i, tag in enumerate(tags):
        check_key(tag.key, f"{where}[{i}].key")
        check_text(tag.value, f"{where}[{i}].value", maximum)
    return {tag.key: tag.value for tag in tags}


def check_tag(tag: Tag, maximum: int) -> Tag:
    """Hold one tag to its rules."""
    check_key(tag.key, "key")
    check_text(tag.value, "value", maximum)
    return tag


def check_params(params: Sequence[Param]) -> dict[str, str]:
    """Return parameters by key. The same key twice is fine with the same value only."""
    found: dict[str, str] = {}
    for i, param in enumerate(params):
        check_key(param.key, f"params[{i}].key")
        check_text(param.value, f"params[{i}].value", limits.PARAM_VALUE)
        if found.setdefault(param.key, param.value) != param.value:
            raise InvalidInputError(
                f"Parameter {param.key!r} is given twice in one request, as {found[param.key]!r} and {param.value!r}."
            )
    return found


def group_metrics(metrics: Iterable[Metric], good_keys: Container[str] = ()) -> dict[str, list[Point]]:
    """Return points by key, each checked, in the order given. `good_keys` are known to be right."""
    series: dict[str, list[Point]] = {}
    for i, metric in enumerate(metrics):
        key, step, timestamp = metric.key, metric.step, metric.timestamp
        if not (0 <= timestamp <= INT64_MAX and INT64_MIN <= step <= INT64_MAX):
            if timestamp < 0:
                raise InvalidInputError(
                    f"Invalid value {timestamp} for parameter 'metrics[{i}].timestamp' supplied: negative."
                )
            check_int64(timestamp, f"metrics[{i}].timestamp")
            check_int64(step, f"metrics[{i}].step")
        value = float(metric.value)
        point = step, timestamp, value + 0.0 if value == value else math.nan
        if key in series:
            series[key].append(point)
        else:
            if key not in good_keys:
                check_key(key, f"metrics[{i}].name")
            series[key] = [point]
    return series


def exact_value(value: float) -> float:
    """Return a value as it is stored: one NaN, one zero, so that equal points have equal bytes."""
    number = float(value)
    return math.nan if math.isnan(number) else number + 0.0


def check_batch_sizes(metrics: int, params: int, tags: int) -> None:
    """Hold a batch to its sizes."""
    for what, found, maximum in (
        ("metrics", metrics, limits.BATCH_METRICS),
        ("params", params, limits.BATCH_PARAMS),
        ("tags", tags, limits.BATCH_TAGS),
        ("metrics, params and tags together", metrics + params + tags, limits.BATCH_TOTAL),
    ):
        if found > maximum:
            raise InvalidInputError(
                f"A batch can contain at most {maximum:,} {what}; this one has {found:,}.", hint="Split the batch."
            )


def check_idempotency_key(key: str) -> str:
    """Hold a client's key of a batch to its length."""
    if not key:
        raise InvalidInputError("Missing value for required parameter 'idempotency_key'.")
    return check_text(key, "idempotency_key", limits.IDEMPOTENCY_KEY)


def check_dataset_input(item: DatasetInput, where: str) -> None:
    """Hold a data set and its tags to their rules."""
    _check_dataset(item.dataset, f"{where}.dataset")
    for j, tag in enumerate(item.tags):
        if not tag.key:
            raise InvalidInputError(f"Missing value for required parameter '{where}.tags[{j}].key'.")
        check_text(tag.key, f"{where}.tags[{j}].key", limits.INPUT_TAG_KEY)
        check_text(tag.value, f"{where}.tags[{j}].value", limits.INPUT_TAG_VALUE)


def _check_dataset(dataset: Dataset, where: str) -> None:
    for field, value, maximum in (
        ("name", dataset.name, limits.DATASET_NAME),
        ("digest", dataset.digest, limits.DATASET_DIGEST),
        ("source_type", dataset.source_type, limits.DATASET_SOURCE_TYPE),
        ("source", dataset.source, limits.DATASET_SOURCE),
        ("schema", dataset.schema, limits.DATASET_SCHEMA),
        ("profile", dataset.profile, limits.DATASET_PROFILE),
    ):
        if not value and field in ("name", "digest", "source_type"):
            raise InvalidInputError(f"Missing value for required parameter '{where}.{field}'.")
        check_text(value or "", f"{where}.{field}", maximum)
