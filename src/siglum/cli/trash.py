"""`siglum gc --undo` and `--purge`, and what all of `siglum gc` asks a person."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.console import Console
from siglum.core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from siglum.storage.remote_trash import RemoteTrash
    from siglum.storage.remotes.base import Remote
    from siglum.storage.trash import Trash
    from siglum.workspace.repository import Repository


def ask(question: str) -> None:
    """Go on after a yes; end with status 1 after a no. Raises UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError("There is nobody to ask.", hint="Give --force to go on without a question, or --dry-run.")
    if not click.confirm(question, err=True):
        raise click.exceptions.Exit(1)


def undo_collection(console: Console, repo: Repository, remote: Remote | None, options: Mapping[str, Any]) -> None:
    """Bring back what the last collection took out of the cache, or out of a remote."""
    from siglum.core.text import count, timestamp
    from siglum.pipeline.data.gc import collection_lock

    trash = _trash(repo, remote, options)
    with collection_lock(repo):
        batches = trash.batches()
        if not batches:
            raise NotFoundError(f"The trash of {_named(remote)} is empty: there is nothing to bring back.")
        restored = trash.restore(batches[-1])
    again = f"; {count(restored.present, 'object')} had come back already" if restored.present else ""
    when = timestamp(restored.batch.created * 1000)
    console.say(f"Brought back {count(restored.moved.objects, 'object')} that left {_named(remote)} {when}{again}.")
    for path in restored.quarantined:
        console.warn(f"A damaged copy had taken the place of one: it is now {path}.")
    console.result(
        {
            "remote": None if remote is None else remote.name,
            "batch": restored.batch.id,
            "restored": restored.moved.objects,
            "present": restored.present,
            "quarantined": list(restored.quarantined),
        }
    )


def purge_trash(console: Console, repo: Repository, remote: Remote | None, options: Mapping[str, Any]) -> None:
    """Delete for good what is past its time of grace, or all of the trash after a question."""
    from siglum.client.needs import recorded_needs
    from siglum.core.text import count, size
    from siglum.pipeline.data.gc import PurgePlan, collection_lock, plan_purge, purge
    from siglum.storage.trash import Contents

    trash = _trash(repo, remote, options)
    recorded = {} if options["ignore_registry"] else recorded_needs(repo, options["tracking_uri"])

    def plan() -> PurgePlan:
        return plan_purge(repo, trash, remote, recorded, now=time.time(), everything=options["everything"])

    with collection_lock(repo):
        planned = plan()
        found = sum((trash.contents(batch) for batch in planned.batches), Contents())
    weight = f" ({size(found.size)})" if remote is None else ""
    console.say(
        f"In the trash of {_named(remote)}, {count(found.objects, 'object')}{weight} in "
        f"{count(len(planned.batches), 'collection')} may be deleted for good."
    )
    purged, restored = Contents(), Contents()
    if planned.batches and not options["dry_run"]:
        if options["everything"] and not options["force"]:
            ask("Delete them for good?")
        with collection_lock(repo):
            purged, restored = purge(trash, plan())
        console.say(f"Deleted {count(purged.objects, 'object')}.")
        if restored.objects:
            console.say(f"Brought back {count(restored.objects, 'object')} that is needed again.")
    console.result(
        {
            "remote": None if remote is None else remote.name,
            "dry_run": options["dry_run"],
            "batches": [batch.id for batch in planned.batches],
            "objects": found.objects,
            "bytes": found.size if remote is None else None,
            "purged": purged.objects,
            "restored": restored.objects,
        }
    )


def _trash(repo: Repository, remote: Remote | None, options: Mapping[str, Any]) -> Trash | RemoteTrash:
    from siglum.storage.remote_trash import RemoteTrash
    from siglum.storage.transfer import DEFAULT_JOBS
    from siglum.workspace.gc import trash_of

    return trash_of(repo) if remote is None else RemoteTrash(remote, options["jobs"] or DEFAULT_JOBS)


def _named(remote: Remote | None) -> str:
    return "the cache" if remote is None else f"the remote {remote.name!r}"
