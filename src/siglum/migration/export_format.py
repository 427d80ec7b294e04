"""The folder that a store is exported to: its files, and records as lines of JSON.

    siglum-export.json      format, version of Siglum, how points are kept; written last, when all else is there
    experiments.jsonl       one experiment a line
    runs.jsonl              one run a line, with parameters, tags, inputs and outputs; where its points begin
    points.jsonl            one portion of a series a line (`PointLine`); or
    points.parquet          run_id, key, step, timestamp, value: one row for each point
    logged_models.jsonl     one logged model a line, with its points
    registered_models.jsonl one registered model a line, with its versions
    registry.json           the audit log as it is, numbers of next versions, webhooks with their secrets
    artifacts/              the files, by the path that follows `mlflow-artifacts:/`

JSON has no NaN and no infinities: NaN is null, the others are the texts "inf" and "-inf".
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import msgspec

from siglum.migration.reader import LoggedModelRecord
from siglum.tracking.entities import LoggedModel, Metric
from siglum.tracking.series import Point

FORMAT: Final = 1
MANIFEST: Final = "siglum-export.json"
EXPERIMENTS: Final = "experiments.jsonl"
RUNS: Final = "runs.jsonl"
POINTS: Final = "points.jsonl"
POINTS_PARQUET: Final = "points.parquet"
LOGGED_MODELS: Final = "logged_models.jsonl"
REGISTERED_MODELS: Final = "registered_models.jsonl"
REGISTRY: Final = "registry.json"
ARTIFACTS: Final = "artifacts"

JsonFloat: TypeAlias = float | str | None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What `siglum-export.json` says."""

    format: int
    siglum: str
    parquet: bool = False
    artifacts: bool = True


class PointLine(msgspec.Struct, frozen=True, kw_only=True):
    """Some points of one series, in columns."""

    run_id: str
    key: str
    steps: list[int]
    timestamps: list[int]
    values: list[JsonFloat]

    def points(self) -> list[Point]:
        """Return the points. Raises ValueError when the columns are of different lengths, or hold no numbers."""
        return list(zip(self.steps, self.timestamps, map(read_float, self.values), strict=True))


class LoggedModelLine(msgspec.Struct, frozen=True, kw_only=True):
    """A logged model; the values of its points apart, as JSON has them."""

    model: LoggedModel
    deleted: bool
    values: list[JsonFloat]

    def record(self) -> LoggedModelRecord:
        """Return the logged model with its points."""
        points = zip(self.model.metrics, map(read_float, self.values), strict=True)
        metrics = tuple(msgspec.structs.replace(point, value=value) for point, value in points)
        return LoggedModelRecord(msgspec.structs.replace(self.model, metrics=metrics), self.deleted)


def logged_model_line(record: LoggedModelRecord) -> LoggedModelLine:
    """Return the line of a logged model."""
    without: tuple[Metric, ...] = tuple(msgspec.structs.replace(each, value=0.0) for each in record.model.metrics)
    return LoggedModelLine(
        model=msgspec.structs.replace(record.model, metrics=without),
        deleted=record.deleted,
        values=[write_float(each.value) for each in record.model.metrics],
    )


def write_float(value: float) -> JsonFloat:
    """Return a value as JSON can have it."""
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def read_float(value: JsonFloat) -> float:
    """Undo `write_float`. Raises ValueError for another text."""
    return math.nan if value is None else float(value)
