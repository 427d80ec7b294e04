"""`siglum db`: look after the database of runs and models."""

from __future__ import annotations

import os

import click

from siglum.cli.command import group
from siglum.cli.console import Console
from siglum.core.errors import InvalidInputError, NotFoundError


@group("db")
def db() -> None:
    """Look after the database of runs and models."""


@db.command("upgrade")
@click.argument("uri", required=False)
@click.option("--dry-run", is_flag=True, help="Try it, say what would be done, and undo it.")
def upgrade(console: Console, uri: str | None, dry_run: bool) -> None:
    """Bring the tables of a database to what this version of Siglum needs.

    URI is sqlite:///path or postgresql://user@host/name; by default, the project's embedded store. An SQLite database
    is also upgraded when it is opened; a copy of it as it was is kept beside it. Before that of a PostgreSQL, back it
    up and stop the servers that use it.
    """
    from siglum.client.tracking_uri import DatabaseLocation, ServerLocation, default_tracking_uri, parse_tracking_uri
    from siglum.tracking.sql.database import upgrade_database

    location = parse_tracking_uri(uri or default_tracking_uri({}, os.getcwd()), os.getcwd())
    if isinstance(location, ServerLocation):
        raise InvalidInputError(
            f"{location.url} is a server; what has to be upgraded is its database.",
            hint="Give sqlite:///path or postgresql://user@host/name, where the server runs.",
        )
    if isinstance(location, DatabaseLocation) and not os.path.exists(location.path):
        raise NotFoundError(f"There is no database {location.path}.")
    done = upgrade_database(location.uri, dry_run=dry_run)
    console.result({"database": location.shown, "dry_run": dry_run, "upgrade": done})
    if not done.migrations:
        console.say(f"{location.shown} has schema version {done.after}, which is the newest.")
        return
    for name in done.migrations:
        console.say(f"  {name}")
    verb = "would go" if dry_run else "went"
    console.say(f"{location.shown} {verb} from schema version {done.before} to {done.after}.")
    if done.backup is not None:
        console.say(f"A copy of it as it was: {done.backup}")
