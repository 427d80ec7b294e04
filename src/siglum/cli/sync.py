"""`siglum sync`: send what training scripts have left in the spool."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click
from msgspec import structs

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.spool import spool_folders, spools
from siglum.core.addresses import shown_url
from siglum.core.errors import UnavailableError
from siglum.core.text import count

if TYPE_CHECKING:
    from siglum.client.artifact_folder import ArtifactFolder
    from siglum.client.spool.delivery import Delivery
    from siglum.client.spool.leftovers import Sent
    from siglum.client.stores import Stores
    from siglum.tracking.store import TrackingStore


@command("sync")
@click.option("--to", metavar="URL", help="The server (or database) of runs that were recorded offline and name none.")
@click.option("--spool-dir", metavar="FOLDER", help="Another folder of spools, such as one copied from a node.")
def sync(console: Console, to: str | None, spool_dir: str | None) -> None:
    """Send what training scripts wrote to runs while their server was away, or before they were killed.

    Ids of runs, times and steps stay as they are, and what a server has it does not get twice: the command may be
    repeated, and interrupted. A run whose process was killed is marked KILLED, and gets what it had printed, if that
    was kept. Spools of processes that are alive are left to them.
    """
    from siglum.client.left_output import store_left_output
    from siglum.client.run_output import output_folders
    from siglum.client.spool.inventory import discard_unfinished
    from siglum.client.spool.leftovers import send_leftovers

    for folder in spool_folders(spool_dir):
        discard_unfinished(folder)
    with ExitStack() as stack:
        opener = _Opener(stack, to)
        sent = send_leftovers(spools(spool_dir), to, opener, lambda each: _say(console, each))
        printed = [each for folder in output_folders() for each in store_left_output(folder, opener.files)]
    shown = [structs.replace(each, uri=shown_url(each.uri)) for each in sent]
    console.result({"spools": shown, "outputs": printed})
    for output in printed:
        if output.problem is None:
            console.say(f"Stored what run {output.run_id} had printed.")
        else:
            console.warn(f"What run {output.run_id} had printed is not stored: {output.problem}")
    if not sent and not printed:
        console.say("Nothing waits.")
    left = [each for each in sent if _waits(each)]
    if len(left) > 1:
        for each in left:
            console.warn(f"{each.path}: {count(each.left, 'record')} still wait: {each.problem}")
    if left:
        records = count(sum(each.left for each in left), "record")
        raise UnavailableError(f"{records} of {count(len(left), 'spool')} still wait: {left[0].problem}")


def _waits(sent: Sent) -> bool:
    return sent.left > 0 or (sent.problem is not None and not sent.records)


class _Opener:
    """Opens each store once."""

    def __init__(self, stack: ExitStack, to: str | None) -> None:
        self._stack = stack
        self._to = to
        self._opened: dict[str, tuple[Delivery, TrackingStore]] = {}
        self._stores: dict[str, Stores] = {}

    def __call__(self, uri: str) -> tuple[Delivery, TrackingStore]:
        from siglum.client.spool.delivery import Delivery
        from siglum.client.stores import open_for_sending

        if uri not in self._opened:
            # tables that the script would have made, had its database answered
            create = uri == self._to or uri.startswith("postgres")
            stores = open_for_sending(uri, os.getcwd(), create=create)
            self._stack.callback(stores.close)
            self._stores[uri] = stores
            self._opened[uri] = Delivery(stores.tracking, stores.artifacts_for), stores.tracking
        return self._opened[uri]

    def files(self, uri: str, run_id: str) -> ArtifactFolder:
        """Return the files of a run."""
        from siglum.client.spool.places import OFFLINE_URL

        if uri == OFFLINE_URL and self._to is not None:
            uri = self._to
        _, tracking = self(uri)
        return self._stores[uri].artifacts_for(tracking.get_run(run_id).info.artifact_uri)


def _say(console: Console, sent: Sent) -> None:
    where = shown_url(sent.uri)
    for refused in sent.refused:
        console.warn(f"Run {sent.run_id}: {where} did not take {refused}")
    for piece in sent.unreadable:
        console.warn(f"Run {sent.run_id}: what was logged may be missing in part: {piece}")
    if sent.unreadable:
        console.say("'siglum spool list' shows what could not be read.")
    if sent.refused:
        console.say("'siglum spool list' shows what was refused.")
    if _waits(sent):
        return
    if sent.problem is not None:
        console.warn(f"{sent.path}: {sent.problem}")
    end = ", and marked it KILLED" if sent.killed else ""
    console.say(f"Sent {count(sent.records, 'record')} of run {sent.run_id} to {where}{end}.")
