"""Batches of a few points and nothing else, as most are: those that clients send at once are stored at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from siglum.tracking.series import Point
from siglum.tracking.sql.appending import append_points
from siglum.tracking.sql.port import Sql, marks
from siglum.tracking.sql.runs import require_active_run

MOST_POINTS: Final = 16
"""A batch of more points gains little from being stored beside others."""


class PointBatch(msgspec.Struct, frozen=True):
    """Points of one run, by their keys, checked."""

    run_id: str
    series: Mapping[str, Sequence[Point]]


def store(sql: Sql, batches: Sequence[PointBatch], known_keys: Mapping[str, int]) -> list[dict[str, int]]:
    """Add the points of all batches. Returns for each the ids of metric keys that `known_keys` did not have.

    Raises NotFoundError and ConflictError as `require_active_run`, for whichever run it may be.
    """
    run_keys = _active_runs(sql, list(dict.fromkeys(batch.run_id for batch in batches)))
    joined: dict[int, dict[str, list[Point]]] = {}
    for batch in batches:
        of_run = joined.setdefault(run_keys[batch.run_id], {})
        for key, points in batch.series.items():
            of_run.setdefault(key, []).extend(points)
    new_keys = append_points(sql, joined, known_keys)
    return [new_keys] * len(batches)


def _active_runs(sql: Sql, run_ids: Sequence[str]) -> dict[str, int]:
    select = f"SELECT run_id, run_key FROM runs WHERE lifecycle_stage = 'active' AND run_id IN ({marks(len(run_ids))})"  # noqa: S608
    found: dict[str, int] = dict(sql.all(select, run_ids))
    for run_id in run_ids:
        if run_id not in found:
            found[run_id], _ = require_active_run(sql, run_id)  # raises what says why
    return found
