"""`siglum spool`: look at what waits to be sent to a tracking server, and give it up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from siglum.cli.command import group
from siglum.cli.console import Console
from siglum.cli.trash import ask
from siglum.core.errors import BusyError, NotFoundError
from siglum.core.text import count, timestamp

if TYPE_CHECKING:
    from siglum.client.spool.inventory import Waiting
    from siglum.client.spool.refused import Refused
    from siglum.client.spool.unreadable import Unreadable


@group("spool")
def spool() -> None:
    """Look at what training scripts have written to runs and no server has taken yet."""


@spool.command("list")
@click.option("--spool-dir", metavar="FOLDER", help="Another folder of spools, such as one copied from a node.")
def list_spools(console: Console, spool_dir: str | None) -> None:
    """List what waits: of which run, for which server, how many records, whether the process is still there, and why.

    'siglum sync' sends what processes that have gone left behind; those that are alive send it themselves. What a
    server has refused for good, and what could not be read, is listed below, with its reason, until
    'siglum spool remove' takes it away.
    """
    found = [each for path in spools(spool_dir) if (each := _look(path)) is not None]
    refused, unreadable = _refused(spool_dir), _unreadable(spool_dir)
    console.result({"spools": found, "refused": refused, "unreadable": [_shown(each) for each in unreadable]})
    if found:
        _show_waiting(console, found)
    else:
        console.say("Nothing waits.")
    if refused:
        console.table(
            ("refused of run", "server", "records", "the first", "why"),
            [
                (note.run_id, note.uri or "(to be named)", str(each.records), each.what, each.reason)
                for note in refused
                for each in note.refusals
            ],
        )
    if unreadable:
        console.table(
            ("unreadable of run", "server", "what", "why", "kept in"),
            [
                (note.run_id, note.uri or "(to be named)", each.what, each.reason, note.path)
                for note in unreadable
                for each in note.pieces
            ],
        )


def _show_waiting(console: Console, found: list[Waiting]) -> None:
    console.table(
        ("run", "server", "records", "files", "since", "process", "why it waits"),
        [
            (
                each.run_id or os.path.basename(each.path),
                each.uri or "(to be named)",
                str(each.records),
                str(each.files),
                timestamp(each.started) if each.started else "",
                _process(each),
                each.why.text,
            )
            for each in found
        ],
    )
    for each in found:
        if each.problem is not None:
            console.warn(f"{each.path}: {each.problem}")


@spool.command("remove")
@click.argument("run_ids", metavar="RUN_ID...", nargs=-1, required=True)
@click.option("-f", "--force", is_flag=True, help="Ask no question.")
@click.option("--spool-dir", metavar="FOLDER", help="Another folder of spools, such as one copied from a node.")
def remove_spools(console: Console, run_ids: tuple[str, ...], force: bool, spool_dir: str | None) -> None:
    """Give up what waits of these runs, and what was refused of them: it is lost. Ids may be cut short."""
    from siglum.client.spool import refused as refusals
    from siglum.client.spool import unreadable as damaged
    from siglum.client.spool.inventory import remove

    chosen: dict[str, Waiting | None] = {}
    notes: dict[str, Refused] = {}
    pieces: dict[str, Unreadable] = {}
    for run_id in run_ids:
        some = [path for path in spools(spool_dir) if os.path.basename(path).startswith(run_id)]
        refused = {note.path: note for note in _refused(spool_dir) if note.run_id.startswith(run_id)}
        unreadable = {note.path: note for note in _unreadable(spool_dir) if note.run_id.startswith(run_id)}
        notes |= refused
        pieces |= unreadable
        if not some and not refused and not unreadable:
            raise NotFoundError(f"Nothing of run {run_id} waits.", hint="See 'siglum spool list'.")
        chosen.update({path: _look(path) for path in some})
    for each in chosen.values():
        if each is not None and each.alive:
            raise BusyError(f"Run {each.run_id} belongs to process {each.pid} on {each.host}, which runs.")
    records = sum(each.records for each in (*chosen.values(), *notes.values()) if each is not None)
    records += sum(len(each.pieces) for each in pieces.values())
    if not force:
        ask(f"Give up {count(records, 'record')}?")
    for path in chosen:
        remove(path)
    for path in notes:
        refusals.remove(path)
    for path in pieces:
        damaged.remove(path)
    console.result({"removed": sorted([*chosen, *notes, *pieces]), "records": records})
    console.say(f"Gave up {count(records, 'record')}.")


def spools(spool_dir: str | None) -> list[str]:
    """Return the spools of a folder or, without one, of the project and of the user. Raises NotFoundError."""
    from siglum.client.spool.inventory import spool_paths

    return [path for folder in spool_folders(spool_dir) for path in spool_paths(folder)]


def spool_folders(spool_dir: str | None) -> list[str]:
    """Return the folder that was named or, without one, those of the project and of the user. Raises NotFoundError."""
    from siglum.client.spool.places import spool_folder, user_folder

    if spool_dir is None:
        return list(dict.fromkeys((spool_folder(os.environ, os.getcwd()), user_folder(os.environ))))
    if not os.path.isdir(spool_dir):
        raise NotFoundError(f"There is no folder {spool_dir!r}.")
    return [os.path.abspath(spool_dir)]


def _refused(spool_dir: str | None) -> list[Refused]:
    from siglum.client.spool.refused import read, refused_paths

    return [note for folder in spool_folders(spool_dir) for path in refused_paths(folder) if (note := read(path))]


def _unreadable(spool_dir: str | None) -> list[Unreadable]:
    from siglum.client.spool.unreadable import notes

    return [note for folder in spool_folders(spool_dir) for note in notes(folder)]


def _shown(note: Unreadable) -> dict[str, object]:
    """Return what is told of a note: not the bytes themselves."""
    pieces = [{"what": each.what, "reason": each.reason, "at": each.at, "start": each.start} for each in note.pieces]
    return {"run_id": note.run_id, "uri": note.uri, "path": note.path, "pieces": pieces}


def _look(path: str) -> Waiting | None:
    from siglum.client.spool.inventory import look

    return look(path)


def _process(each: Waiting) -> str:
    if not each.pid:
        return ""
    state = "runs" if each.alive else "ended its run" if each.ended else "has gone"
    return f"{each.pid} on {each.host}: {state}"
