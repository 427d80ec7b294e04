"""`siglum runs artifacts`: the files that a run logged."""

from __future__ import annotations

import os
from contextlib import closing

import click

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.cli.run_lookup import full_id, open_stores
from siglum.core.errors import NotFoundError
from siglum.core.text import did_you_mean, size


@command("artifacts")
@click.argument("run_id")
@click.argument("path", default="")
@click.option("--download", "target", metavar="FOLDER", type=click.Path(file_okay=False), help="Copy them here.")
@tracking_option
def run_files(console: Console, run_id: str, path: str, target: str | None, tracking_uri: str | None) -> None:
    """List the files of a run, or of the folder PATH among them; with --download, copy them.

    A file that is there already is written anew.
    """
    from siglum.client.artifact_folder import files_below, get_files

    path = path.strip("/")
    with closing(open_stores(tracking_uri)) as stores:
        run = stores.tracking.get_run(full_id(stores, run_id))
        store = stores.artifacts_for(run.info.artifact_uri)
        everything = list(files_below(store))
        found = [each for each in everything if not path or each.path == path or each.path.startswith(f"{path}/")]
        if path and not found:
            hint = did_you_mean(path, [each.path for each in everything])
            raise NotFoundError(f"Run {run.info.run_id} has no file or folder {path!r}.", hint=hint)
        if target is not None and found:
            places = [os.path.join(target, *each.path.split("/")) for each in found]
            get_files(store, found, places, shown=console.interactive)
    console.result({"run_id": run.info.run_id, "files": found, "folder": target})
    if not found:
        console.say("The run has no files.")
        return
    console.table(["file", "size"], [[each.path, size(each.size or 0)] for each in found])
    if target is not None:
        console.say(f"Copied to {target}")
