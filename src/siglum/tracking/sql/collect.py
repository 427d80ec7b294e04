"""Removing deleted runs for good. Each function runs inside a transaction that its caller holds.

A run goes in two steps, so that nothing that is needed is lost and nothing that is not needed stays, wherever a process
is killed: first its rows, in the transaction that looks who needs it, which leaves a note of where its files are; then
the files; then the note.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from siglum.core.errors import ConflictError, NotFoundError
from siglum.core.names import parse_experiment_id
from siglum.tracking.sql.port import Sql, marks

_ID: Final = re.compile(r"(?:\bm-)?\b[0-9a-f]{32}\b")
_CHUNK: Final = 1_000
_NAMED: Final = 5
# In this order: what refers to another goes first.
_TABLES: Final = (
    *("run_params", "run_tags", "metric_journal", "metric_segments", "metric_summaries", "run_dataset_tags"),
    *("run_datasets", "run_model_inputs", "run_model_outputs", "logged_model_metrics", "batch_keys", "runs"),
)


class DeletedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is marked as deleted. `needed_by` are model versions, such as `churn@3`."""

    run_id: str
    run_name: str
    deleted_time: int
    artifact_uri: str
    needed_by: tuple[str, ...] = ()


class RemovedRun(msgspec.Struct, frozen=True):
    """A run that is gone, and where its files may still be."""

    run_id: str
    artifact_uri: str


def deleted_runs(
    sql: Sql, *, before: int, run_ids: Collection[str] = (), experiment_ids: Sequence[str] = ()
) -> list[DeletedRun]:
    """Return the runs that were deleted at or before a time, all or those of the ids given.

    Raises NotFoundError for a run that is not there, ConflictError for one that is not deleted.
    """
    rows = sql.all(
        """SELECT run_id, run_name, experiment_id, lifecycle_stage, coalesce(deleted_time, 0), artifact_uri FROM runs
           WHERE lifecycle_stage = 'deleted' ORDER BY run_key"""
    )
    _check_are_deleted(sql, run_ids, {row[0] for row in rows})
    experiments = {parse_experiment_id(each) for each in experiment_ids}
    needs = _needs(sql)
    return [
        DeletedRun(
            run_id=run_id,
            run_name=name,
            deleted_time=deleted_time,
            artifact_uri=artifact_uri,
            needed_by=tuple(sorted(needs.get(run_id, ()))),
        )
        for run_id, name, experiment_id, _, deleted_time, artifact_uri in rows
        if deleted_time <= before
        and (not run_ids or run_id in run_ids)
        and (not experiments or experiment_id in experiments)
    ]


def _check_are_deleted(sql: Sql, run_ids: Collection[str], deleted: set[str]) -> None:
    for run_id in run_ids:
        if run_id in deleted:
            continue
        if sql.one("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)) is None:
            raise NotFoundError(f"Run with id={run_id} not found.")
        raise ConflictError(f"Run {run_id!r} is not deleted.", hint="Delete it first.")


def _needs(sql: Sql) -> dict[str, set[str]]:
    """Return which model versions need which runs: what a version, or the logged model that it is, came from."""
    sources: dict[str, str] = dict(
        sql.all("SELECT model_id, source_run_id FROM logged_models WHERE source_run_id IS NOT NULL")
    )
    needs: dict[str, set[str]] = {}
    for text, name, version in sql.all("SELECT object_id, model_name, version FROM pins"):
        for found in _ID.findall(text):
            for run_id in (found, sources.get(found)):
                if run_id is not None:
                    needs.setdefault(run_id, set()).add(f"{name}@{version}")
    return needs


def refuse_needed(runs: Sequence[DeletedRun]) -> None:
    """Raise ConflictError, which names the versions, when a model version needs one of the runs."""
    needed = [run for run in runs if run.needed_by]
    if needed:
        named = "; ".join(f"run {run.run_id} by {', '.join(run.needed_by)}" for run in needed[:_NAMED])
        more = f"; and {len(needed) - _NAMED} more" if len(needed) > _NAMED else ""
        raise ConflictError(
            f"Nothing was removed: deleted runs are needed by registered model versions: {named}{more}.",
            hint="Restore these runs, or delete the versions; --skip-needed removes the others.",
        )


def remove(sql: Sql, run_ids: Sequence[str], before: int, now: int) -> None:
    """Remove rows of runs and note where their files are. Raises ConflictError when one is needed by now."""
    runs = deleted_runs(sql, before=before, run_ids=run_ids) if run_ids else []
    refuse_needed(runs)
    for start in range(0, len(runs), _CHUNK):
        some = runs[start : start + _CHUNK]
        sql.many(
            "INSERT INTO collected_runs (run_id, artifact_uri, time) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(run.run_id, run.artifact_uri, now) for run in some],
        )
        ids = [run.run_id for run in some]
        keys = [key for (key,) in sql.all(f"SELECT run_key FROM runs WHERE run_id IN ({marks(len(ids))})", ids)]  # noqa: S608
        for table in _TABLES:
            sql.run(f"DELETE FROM {table} WHERE run_key IN ({marks(len(keys))})", keys)  # noqa: S608


def removed_runs(sql: Sql) -> list[RemovedRun]:
    """Return the runs whose files are still to be removed."""
    return [RemovedRun(*row) for row in sql.all("SELECT run_id, artifact_uri FROM collected_runs ORDER BY run_id")]


def forget(sql: Sql, run_id: str) -> None:
    """Note that the files of a removed run are gone, too."""
    sql.run("DELETE FROM collected_runs WHERE run_id = ?", (run_id,))
