"""Requests and answers about lineage, below `/api/siglum/1/lineage`.

They are `lineage`'s own values; only numbers that JSON has none for are the strings "NaN", "Infinity" and "-Infinity",
as in all messages.
"""

from __future__ import annotations

import msgspec

from siglum.lineage.compare import MetricChange, VersionDiff
from siglum.lineage.record import VersionRecord
from siglum.tracking.messages import Message
from siglum.tracking.own_calls import write_number


class VersionReference(Message, kw_only=True):
    """GET lineage/version: `name@version`, `name@alias` or a `models:/` URI."""

    reference: str


class VersionPair(Message, kw_only=True):
    """GET lineage/diff: two versions, each named as in lineage/version."""

    old: str
    new: str


class TracedVersion(VersionRecord, frozen=True, kw_only=True):
    """A model version with everything it was made from, as JSON has it."""

    metrics: dict[str, float | str | None] = {}  # type: ignore[assignment]  # only to be written


class ChangedMetric(MetricChange, frozen=True):
    """A metric that differs, as JSON has it."""

    old: float | str | None  # type: ignore[assignment]  # only to be written
    new: float | str | None  # type: ignore[assignment]


class WrittenDiff(VersionDiff, frozen=True, kw_only=True):
    """Two versions and what differs, as JSON has it."""

    metrics: tuple[ChangedMetric, ...] = ()


class TraceAnswer(Message, kw_only=True):
    """All that is on record of one version."""

    version: TracedVersion


class VersionDiffAnswer(Message, kw_only=True):
    """What differs between two versions. An empty section is equal, unless `unknown` names it."""

    diff: WrittenDiff


def write_version(version: VersionRecord) -> TracedVersion:
    """Return a version as it is written."""
    fields = {field.name: getattr(version, field.name) for field in msgspec.structs.fields(VersionRecord)}
    metrics = {key: write_number(value) for key, value in version.metrics.items()}
    return TracedVersion(**fields | {"metrics": metrics})


def write_diff(diff: VersionDiff) -> WrittenDiff:
    """Return a difference as it is written."""
    fields = {field.name: getattr(diff, field.name) for field in msgspec.structs.fields(VersionDiff)}
    metrics = tuple(ChangedMetric(m.name, write_number(m.old), write_number(m.new)) for m in diff.metrics)
    return WrittenDiff(**fields | {"metrics": metrics})
