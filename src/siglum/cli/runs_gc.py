"""`siglum runs gc`: remove deleted runs for good."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import click

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.core.clock import now_ms
from siglum.core.errors import IntegrityError, UsageError
from siglum.core.text import count, timestamp

if TYPE_CHECKING:
    from siglum.client.run_collection import RunCollection

_AGE = re.compile(r"(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?\Z")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_NAMED = 20


@command("gc")
@click.option(
    "--older-than",
    metavar="AGE",
    default="30d",
    show_default=True,
    help="Only runs that were deleted so long ago: 30d, 12h, 1d2h30m; 0s for all.",
)
@click.option("--run-ids", metavar="IDS", default="", help="Only these runs, with commas between them.")
@click.option("--experiment-ids", metavar="IDS", default="", help="Only runs of these experiments, with commas.")
@click.option("--skip-needed", is_flag=True, help="Leave out runs that model versions need, and remove the others.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@tracking_option
def remove_deleted(
    console: Console,
    older_than: str,
    run_ids: str,
    experiment_ids: str,
    skip_needed: bool,
    dry_run: bool,
    tracking_uri: str | None,
) -> None:
    """Remove deleted runs for good, with their files, where the database is.

    A run that a registered model version came from is never removed: the command then names the version, removes
    nothing and ends with status 1. 'siglum gc' is for the data of a project.
    """
    from siglum.client.run_collection import collect_runs
    from siglum.client.stores import open_stores

    before = now_ms() - _milliseconds(older_than)
    with closing(open_stores(tracking_uri, create=False)) as stores:
        collection = collect_runs(
            stores,
            before=before,
            run_ids=_listed(run_ids),
            experiment_ids=_listed(experiment_ids),
            skip_needed=skip_needed,
            dry_run=dry_run,
        )
    console.result({"dry_run": dry_run, "collection": collection})
    _report(console, collection, dry_run=dry_run)
    if collection.leftover:
        run_id, reason = next(iter(collection.leftover.items()))
        raise IntegrityError(
            f"Files of {count(len(collection.leftover), 'removed run')} are left, such as of {run_id}: {reason}",
            hint="Run the command again once they can be reached.",
        )


def _milliseconds(age: str) -> int:
    match = _AGE.match(age)
    if not age or match is None:
        raise UsageError(f"{age!r} is not an age.", hint="Write it as 30d, 12h, 1d2h30m or 90s.")
    return 1000 * sum(int(match[unit] or 0) * seconds for unit, seconds in _SECONDS.items())


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _report(console: Console, collection: RunCollection, *, dry_run: bool) -> None:
    removed = collection.removed
    for run in removed[:_NAMED]:
        console.say(f"  {run.run_id}  {run.run_name}  deleted {timestamp(run.deleted_time)}")
    if len(removed) > _NAMED:
        console.say(f"  … and {len(removed) - _NAMED} more")
    verb = "would be removed" if dry_run else "removed"
    console.say(f"{count(len(removed), 'deleted run')} {verb}." if removed else "There is no deleted run to remove.")
    for run in collection.needed:
        console.say(f"Kept {run.run_id}: {', '.join(run.needed_by)} needs it.")
