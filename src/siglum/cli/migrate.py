"""`siglum migrate`: bring runs and models over from MLflow, out to a folder, and back."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import click

from siglum.cli.command import group, tracking_option
from siglum.cli.console import Console
from siglum.core.errors import IntegrityError, UsageError
from siglum.core.text import count, size

if TYPE_CHECKING:
    from siglum.migration.outcome import Outcome, Tally
    from siglum.migration.reader import Reader

_SHOWN_SECONDS = 0.2
_NAMED = 10
_TO = click.option(
    "--to",
    "--tracking-uri",
    "to",
    metavar="URI",
    help="What to fill: a database (sqlite:///path, postgresql://user@host/name) or a running Siglum server"
    " (http://host:5000). Default: as in all commands.",
)
_TO_ARTIFACTS = click.option(
    "--to-artifacts",
    metavar="PLACE",
    help="Where the target's files are, if its server was given a --default-artifact-root: a folder or a URI.",
)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only count what there is, and what of it would be new.")


@group("migrate")
def migrate() -> None:
    """Bring runs and models over from MLflow, or to another database."""


@migrate.command("mlflow")
@click.argument("source")
@_TO
@_TO_ARTIFACTS
@click.option(
    "--artifacts",
    metavar="FOLDER",
    help="Where MLflow's server kept files, its --artifacts-destination. Default: mlartifacts beside the database.",
)
@click.option("--no-artifacts", is_flag=True, help="Leave all files where they are; runs go on naming these places.")
@_DRY_RUN
def from_mlflow(
    console: Console,
    source: str,
    to: str | None,
    to_artifacts: str | None,
    artifacts: str | None,
    no_artifacts: bool,
    dry_run: bool,
) -> None:
    """Bring over what MLflow keeps, with ids, times and histories.

    SOURCE is a database (sqlite:///mlflow.db, postgresql://user@host/name), a folder (mlruns) or a server
    (http://host:5000). It is only read; nobody should write to it meanwhile. The command may be ended and run again
    at any time: what is there is kept, what is missing is added. A server does not tell of deleted logged models.
    """
    from siglum.migration.sources import open_mlflow

    if no_artifacts and artifacts is not None:
        raise UsageError("--artifacts and --no-artifacts do not go together.")
    with closing(open_mlflow(source, os.getcwd(), artifacts)) as reader:
        _bring_over(console, reader, to, to_artifacts, files=not no_artifacts, dry_run=dry_run)


@migrate.command("export")
@click.argument("folder")
@click.option("--parquet", is_flag=True, help="Write points as Parquet, not as lines of JSON; needs pyarrow.")
@click.option("--no-artifacts", is_flag=True, help="Write records only, no files.")
@tracking_option
def export(console: Console, folder: str, parquet: bool, no_artifacts: bool, tracking_uri: str | None) -> None:
    """Write all runs and models of a database to FOLDER: lines of JSON, and the files.

    FOLDER is new or empty. 'siglum migrate siglum FOLDER' reads it back to the same state, audit log included. The
    secrets of webhooks are in it, encrypted: take their key along. Only its owner may read registry.json.
    """
    from siglum.migration.target import export_from

    live = _Live(console)
    outcome = export_from(
        tracking_uri, os.getcwd(), folder, parquet=parquet, files=not no_artifacts, progress=live.show
    )
    live.clear()
    console.result({"folder": folder, "outcome": outcome})
    written = map(_number, _values(outcome.added))
    console.table(("", "written"), list(zip(_KINDS, written, strict=True)))
    _raise_if_skipped(outcome)


@migrate.command("siglum")
@click.argument("folder")
@_TO
@_TO_ARTIFACTS
@click.option("--no-artifacts", is_flag=True, help="Read records only, no files.")
@click.option(
    "--webhook-key",
    metavar="FILE",
    help="The key to the secrets of webhooks, for a server, which encrypts them with its own. Default: the key in"
    " SIGLUM_WEBHOOK_SECRET_ENCRYPTION_KEY.",
)
@_DRY_RUN
def from_siglum(
    console: Console,
    folder: str,
    to: str | None,
    to_artifacts: str | None,
    no_artifacts: bool,
    webhook_key: str | None,
    dry_run: bool,
) -> None:
    """Read back what 'siglum migrate export' wrote to FOLDER.

    Into an empty database the audit log comes as it was. Into another one, or a server, what is missing there is added
    and said in the audit log, which then holds the entries of the other one, too, marked as such. The command may be
    ended and run again at any time.
    """
    from siglum.migration.export_reader import ExportReader

    with closing(ExportReader(os.path.abspath(folder))) as reader:
        _bring_over(console, reader, to, to_artifacts, files=not no_artifacts, dry_run=dry_run, webhook_key=webhook_key)


def _bring_over(
    console: Console,
    reader: Reader,
    to: str | None,
    to_artifacts: str | None,
    *,
    files: bool,
    dry_run: bool,
    webhook_key: str | None = None,
) -> None:
    from siglum.migration.target import try_out, write_to

    live = _Live(console)
    if dry_run:
        outcome = try_out(reader, to, os.getcwd(), to_artifacts, files=files, progress=live.show)
    else:
        outcome = write_to(
            reader, to, os.getcwd(), to_artifacts, files=files, progress=live.show, webhook_key=webhook_key
        )
    live.clear()
    console.result({"source": reader.place, "dry_run": dry_run, "outcome": outcome})
    _report(console, outcome, dry_run=dry_run)
    _raise_if_skipped(outcome)


def _raise_if_skipped(outcome: Outcome) -> None:
    if outcome.skipped:
        raise IntegrityError(
            f"{count(len(outcome.skipped), 'file')} could not be taken, such as: {outcome.skipped[0]}",
            hint="Rename them in the source, and run the command again.",
        )


class _Live:
    """How far a migration is, on one line of a terminal."""

    def __init__(self, console: Console) -> None:
        self._shown = console.interactive
        self._next = 0.0
        self._wrote = False

    def show(self, outcome: Outcome) -> None:
        """Write the line anew, a few times a second."""
        if not self._shown or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SHOWN_SECONDS
        found = outcome.found
        text = f"{count(found.runs, 'run')}, {count(found.files, 'file')} ({size(found.bytes)})"
        sys.stderr.write(f"\r{text}\033[K")
        sys.stderr.flush()
        self._wrote = True

    def clear(self) -> None:
        """Take the line away."""
        if self._wrote:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def _report(console: Console, outcome: Outcome, *, dry_run: bool) -> None:
    rows = [
        (what, _number(found), _number(new))
        for what, found, new in zip(_KINDS, _values(outcome.found), _values(outcome.added), strict=True)
    ]
    console.table(("", "found", "would be new" if dry_run else "new"), rows)
    for before, after in outcome.renumbered.items():
        console.say(f"Experiment {before} is {after} here: its id is taken, or its name was here already.")
    if outcome.audit_entries or outcome.webhooks:
        entries = count(outcome.audit_entries, "entry", "entries")
        console.say(f"With them came {entries} of the audit log and {count(outcome.webhooks, 'webhook')}.")
    for left in outcome.webhooks_left:
        console.say(f"A webhook stays behind: {left}")
    if outcome.left:
        console.say(f"The files of {count(outcome.left, 'run or model', 'runs and models')} stay where they are.")


_KINDS = ("experiments", "runs", "points", "logged models", "registered models", "versions", "files", "bytes")


def _values(tally: Tally) -> tuple[int | None, ...]:
    return (
        *(tally.experiments, tally.runs, tally.points, tally.logged_models, tally.registered_models),
        *(tally.versions, tally.files, tally.bytes),
    )


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"
