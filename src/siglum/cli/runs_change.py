"""`siglum runs delete`, `restore` and `tag`."""

from __future__ import annotations

from contextlib import closing

import click

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.cli.run_lookup import full_id, open_stores
from siglum.core.errors import UsageError


@command("delete")
@click.argument("run_ids", metavar="RUN_ID...", nargs=-1, required=True)
@tracking_option
def delete_runs(console: Console, run_ids: tuple[str, ...], tracking_uri: str | None) -> None:
    """Mark runs as deleted. 'siglum runs restore' brings them back, until 'siglum runs gc' removes them for good."""
    with closing(open_stores(tracking_uri)) as stores:
        found = [full_id(stores, each) for each in run_ids]  # all are looked up before one is touched
        for run_id in found:
            stores.tracking.delete_run(run_id)
    console.result({"deleted": found})
    for run_id in found:
        console.say(f"Deleted run {run_id}")


@command("restore")
@click.argument("run_ids", metavar="RUN_ID...", nargs=-1, required=True)
@tracking_option
def restore_runs(console: Console, run_ids: tuple[str, ...], tracking_uri: str | None) -> None:
    """Bring deleted runs back."""
    with closing(open_stores(tracking_uri)) as stores:
        found = [full_id(stores, each) for each in run_ids]
        for run_id in found:
            stores.tracking.restore_run(run_id)
    console.result({"restored": found})
    for run_id in found:
        console.say(f"Restored run {run_id}")


@command("tag")
@click.argument("run_id")
@click.argument("tags", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--remove", metavar="KEY", multiple=True, help="Remove this tag. May be given several times.")
@tracking_option
def tag_run(
    console: Console, run_id: str, tags: tuple[str, ...], remove: tuple[str, ...], tracking_uri: str | None
) -> None:
    """Set and remove tags of a run, and say which it has then."""
    from siglum.tracking.entities import Tag

    wanted = []
    for word in tags:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(f"{word!r} is not a tag.", hint="Write KEY=VALUE.")
        wanted.append(Tag(key, value))
    if not wanted and not remove:
        raise UsageError("There is nothing to set or remove.", hint="Write KEY=VALUE, or --remove KEY.")
    with closing(open_stores(tracking_uri)) as stores:
        found = full_id(stores, run_id)
        for key in remove:
            stores.tracking.delete_tag(found, key)
        if wanted:
            stores.tracking.log_batch(found, tags=wanted)
        now = stores.tracking.get_run(found).data.tags
    console.result({"run_id": found, "tags": now})
    for tag in wanted:
        console.say(f"{tag.key} = {tag.value}")
    for key in remove:
        console.say(f"{key} removed")
