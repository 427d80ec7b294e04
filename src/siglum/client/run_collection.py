"""Removing deleted runs and their files for good, where the database is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from siglum.client.stores import Stores
from siglum.core.errors import IntegrityError, NotSupportedError, SiglumError
from siglum.tracking.sql.collect import DeletedRun, RemovedRun, refuse_needed
from siglum.tracking.sql.store import SqlTrackingStore

_AT_ONCE = 50
"""Runs that are removed in one transaction: other writers wait for it."""


class RunCollection(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed, or would be; what was left because a model version needs it; whose files could not be removed.

    `leftover` are the ids of runs, these or of an earlier collection, with the reason.
    """

    removed: tuple[DeletedRun, ...] = ()
    needed: tuple[DeletedRun, ...] = ()
    leftover: dict[str, str] = {}


def collect_runs(
    stores: Stores,
    *,
    before: int,
    run_ids: Sequence[str] = (),
    experiment_ids: Sequence[str] = (),
    skip_needed: bool = False,
    dry_run: bool = False,
) -> RunCollection:
    """Remove the runs that were deleted before a time, all or those of the ids given, with their files.

    What a registered model version needs is never removed: then nothing is, or with `skip_needed` only the others.

    Raises:
        ConflictError: A version needs a run, or a run that was named is not deleted.
        NotFoundError: A run that was named is not there.
        NotSupportedError: The stores are those of a server.
    """
    tracking = stores.tracking
    if not isinstance(tracking, SqlTrackingStore):
        raise NotSupportedError(
            "Runs are removed where their database is, not through a server.",
            hint="Give the database: --tracking-uri sqlite:///path or postgresql://user@host/name.",
        )
    found = tracking.deleted_runs(before=before, run_ids=run_ids, experiment_ids=experiment_ids)
    if not skip_needed:
        refuse_needed(found)
    removed = tuple(run for run in found if not run.needed_by)
    needed = tuple(run for run in found if run.needed_by)
    if dry_run:
        return RunCollection(removed=removed, needed=needed)
    for start in range(0, len(removed), _AT_ONCE):
        tracking.remove_runs([run.run_id for run in removed[start : start + _AT_ONCE]], before=before)
    return RunCollection(removed=removed, needed=needed, leftover=_remove_files(stores, tracking))


def _remove_files(stores: Stores, tracking: SqlTrackingStore) -> dict[str, str]:
    """Remove the files of all removed runs, also of those that an earlier collection did not come to."""
    leftover = {}
    for run in tracking.removed_runs():
        try:
            _remove_folder(stores, run)
        except SiglumError as error:
            leftover[run.run_id] = error.message
        else:
            tracking.forget_removed_run(run.run_id)
    return leftover


def _remove_folder(stores: Stores, run: RemovedRun) -> None:
    parent, _, rest = run.artifact_uri.partition(f"/{run.run_id}/")
    if rest != "artifacts":  # the record may say anything: only a folder that bears the run's own id is removed
        raise IntegrityError(f"{run.artifact_uri!r} is not a folder of run {run.run_id}; its files are left.")
    stores.artifacts_for(parent).delete(run.run_id)
