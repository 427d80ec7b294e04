"""What a pipeline's parameters, metrics files and plots files are on a run's record: named values and series. Pure.

Names are dotted keys, as `siglum metrics show` prints them; where two files of one run have the same key, the file is
put before it (`eval/metrics.json:accuracy`).
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from siglum.core import limits
from siglum.core.errors import InvalidInputError, SiglumError
from siglum.core.names import check_key
from siglum.pipeline.definition.param_files import parse_params
from siglum.tracking.entities import Metric
from siglum.workspace.documents import load_yaml

STEP_COLUMNS = ("step", "epoch", "iteration", "iter", "round", "global_step")
"""Columns that number the rows of a series, where `x` is not declared."""

_NOT_IN_KEYS = re.compile(r"[^/\w.\- :]")
_MAX_STEP = 2**53


class FileContent(msgspec.Struct, frozen=True):
    """A metrics or plots file: its path from the root, its bytes, and for a plot the declared `x` and `y`."""

    path: str
    data: bytes
    x: str | None = None
    y: tuple[str, ...] = ()


def flat_params(files: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return parameters by dotted key as the texts that a script's `log_params` would have logged."""
    found = {path: dict(_leaves("", values)) for path, values in files.items()}
    return {
        name: _text(value)
        for path, key, name in _named(found)
        if len(_text(value := found[path][key])) <= limits.PARAM_VALUE
    }


def metric_points(files: Sequence[FileContent], timestamp: int) -> tuple[Metric, ...]:
    """Return the numbers in metrics files, one point each. What is no number, and a file that cannot be read, is not.

    `timestamp` is in milliseconds.
    """
    found: dict[str, dict[str, float]] = {}
    for file in files:
        try:
            values = parse_params(file.data, file.path)
        except SiglumError:
            continue
        found[file.path] = {key: float(value) for key, value in _leaves("", values) if _is_number(value)}
    return tuple(Metric(name, found[path][key], timestamp) for path, key, name in _named(found))


def plot_points(files: Sequence[FileContent], timestamp: int) -> tuple[Metric, ...]:
    """Return the series in plots files: tables in which a column of whole numbers counts the steps.

    That column is the declared `x`, or one of `STEP_COLUMNS`. Other plots (a confusion matrix, a curve over a
    threshold, an image) are no series of steps.
    """
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for file in files:
        rows = read_table(file.data, file.path)
        series = _series(file, rows) if rows else {}
        if series:
            found[file.path] = series
    return tuple(
        Metric(name, value, timestamp, step) for path, key, name in _named(found) for step, value in found[path][key]
    )


def read_table(data: bytes, path: str) -> list[Mapping[str, Any]]:
    """Return the rows of a table in CSV, TSV, JSON or YAML; nothing for what is no table."""
    suffix = posixpath.splitext(path)[1].lower()
    try:
        if suffix in (".csv", ".tsv"):
            text = io.StringIO(data.decode("utf-8-sig"), newline="")
            return list(csv.DictReader(text, delimiter="," if suffix == ".csv" else "\t"))
        if suffix == ".json":
            return _rows_in(json.loads(data))
        if suffix in (".yaml", ".yml"):
            return _rows_in(load_yaml(data, path))
    except (ValueError, csv.Error, SiglumError):
        return []
    return []


def _rows_in(value: Any) -> list[Mapping[str, Any]]:
    """Return the first list of rows in a value, as plots are looked for in JSON: it may stand below keys."""
    if isinstance(value, list):
        return value if value and all(isinstance(row, Mapping) for row in value) else []
    if isinstance(value, Mapping):
        return next((rows for each in value.values() if (rows := _rows_in(each))), [])
    return []


def _series(file: FileContent, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    columns = list(rows[0])
    x = file.x or next((name for name in columns if str(name).lower() in STEP_COLUMNS), None)
    if x is None or x not in columns:
        return {}
    steps = [_step(row.get(x)) for row in rows]
    if any(step is None for step in steps):
        return {}
    found = {}
    for column in file.y or [name for name in columns if name != x]:
        points = [
            (step, number)
            for step, row in zip(steps, rows, strict=True)
            if step is not None and (number := _number(row.get(column))) is not None
        ]
        if points and not _is_step_column(column):
            found[str(column)] = points
    return found


def _is_step_column(name: object) -> bool:
    return str(name).lower() in (*STEP_COLUMNS, "timestamp")


def _step(value: Any) -> int | None:
    number = _number(value)
    if number is None or number != number // 1 or abs(number) > _MAX_STEP:
        return None
    return int(number)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return float(value) if _is_number(value) else None


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(f"{prefix}.{key}" if prefix else str(key), inner)
    elif prefix:
        yield prefix, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _named(files: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str, str]]:
    """Yield (file, key, name on the record); keys that cannot be names in any way are left out."""
    holders: dict[str, int] = {}
    for keys in files.values():
        for key in keys:
            holders[key] = holders.get(key, 0) + 1
    seen = set()
    for path, keys in files.items():
        for key in keys:
            name = recordable_key(key if holders[key] == 1 else f"{path}:{key}")
            if name is not None and name not in seen:
                seen.add(name)
                yield path, key, name


def recordable_key(key: str) -> str | None:
    """Return a key as stores take it: other characters become underscores. None when that does not help."""
    name = posixpath.normpath(_NOT_IN_KEYS.sub("_", key)).lstrip("/")
    try:
        return check_key(name[: limits.KEY], "key")
    except InvalidInputError:
        return None
