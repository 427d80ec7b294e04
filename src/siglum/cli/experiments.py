"""`siglum experiments`: the named sets of runs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from siglum.cli.command import group, tracking_option
from siglum.cli.console import Console
from siglum.cli.run_lookup import experiments_named, open_stores
from siglum.core.errors import NotFoundError, UsageError
from siglum.core.text import count, did_you_mean, timestamp

if TYPE_CHECKING:
    from siglum.client.stores import Stores
    from siglum.tracking.entities import Experiment

_COUNTED = 1_000
_LATEST = 5


@group("experiments")
def experiments() -> None:
    """List, show, create, rename, delete and restore experiments."""


@experiments.command("list")
@click.option("--filter", "filter_string", metavar="TEXT", default="", help="Such as \"name LIKE 'churn%'\".")
@click.option("--deleted", is_flag=True, help="Those that were deleted.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@tracking_option
def list_experiments(
    console: Console, filter_string: str, deleted: bool, as_csv: bool, tracking_uri: str | None
) -> None:
    """List experiments, the newest first, with how many runs they have."""
    from siglum.client.paging import collect
    from siglum.tracking.entities import ViewType

    view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
    with closing(open_stores(tracking_uri)) as stores:
        found = collect(
            lambda page, token: stores.tracking.search_experiments(
                view_type=view, filter_string=filter_string, max_results=page, page_token=token
            ),
            None,
        )
        counted = [_count(stores, each) for each in found]
    console.result(found)
    if not found:
        console.say("No experiments match." if filter_string or deleted else "There are no experiments yet.")
        return
    header = ["id", "name", "runs", "created", "changed"]
    rows = [
        [each.experiment_id, each.name, runs, timestamp(each.creation_time), timestamp(each.last_update_time)]
        for each, runs in zip(found, counted, strict=True)
    ]
    if as_csv:
        import csv
        import io

        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        console.say(text.getvalue().rstrip("\n"))
    else:
        console.table(header, rows)


@experiments.command("show")
@click.argument("experiment")
@tracking_option
def show_experiment(console: Console, experiment: str, tracking_uri: str | None) -> None:
    """Show one experiment, given by name or id: tags, where files go, the latest runs."""
    with closing(open_stores(tracking_uri)) as stores:
        found = find_experiment(stores, experiment)
        runs = stores.tracking.search_runs([found.experiment_id], max_results=_LATEST).items
        counted = _count(stores, found)
    console.result({"experiment": found, "latest": runs})
    console.say(console.style(found.name, "bold"))
    rows = [
        ("id", found.experiment_id),
        ("state", str(found.lifecycle_stage)),
        ("created", timestamp(found.creation_time)),
        ("changed", timestamp(found.last_update_time)),
        ("files", found.artifact_location),
        ("runs", counted),
        *((f"tag {key}", value) for key, value in sorted(found.tags.items())),
    ]
    for key, value in rows:
        console.say(f"  {key:<18} {value}")
    if runs:
        console.table(
            ["run", "name", "status", "started"],
            [[r.info.run_id[:12], r.info.run_name, str(r.info.status), timestamp(r.info.start_time)] for r in runs],
        )


@experiments.command("create")
@click.argument("name")
@click.option("--artifact-location", metavar="URI", help="Where its runs keep their files.")
@click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="A tag. May be given several times.")
@tracking_option
def create_experiment(
    console: Console, name: str, artifact_location: str | None, tags: tuple[str, ...], tracking_uri: str | None
) -> None:
    """Create an experiment."""
    import os

    from siglum.client.artifact_location import absolute_location
    from siglum.client.stores import open_stores as open_or_create
    from siglum.tracking.entities import Tag

    pairs = [word.partition("=") for word in tags]
    if wrong := next((word for word, (key, equals, _) in zip(tags, pairs, strict=True) if not key or not equals), None):
        raise UsageError(f"{wrong!r} is not a tag.", hint="Write KEY=VALUE.")
    location = None if artifact_location is None else absolute_location(artifact_location, os.getcwd())
    with closing(open_or_create(tracking_uri)) as stores:
        made = stores.tracking.create_experiment(name, location, [Tag(key, value) for key, _, value in pairs])
    console.result({"experiment_id": made, "name": name})
    console.say(f"Created experiment {name} ({made})")


@experiments.command("rename")
@click.argument("experiment")
@click.argument("new_name")
@tracking_option
def rename_experiment(console: Console, experiment: str, new_name: str, tracking_uri: str | None) -> None:
    """Give an experiment another name."""
    with closing(open_stores(tracking_uri)) as stores:
        found = find_experiment(stores, experiment)
        stores.tracking.rename_experiment(found.experiment_id, new_name)
    console.result({"experiment_id": found.experiment_id, "name": new_name, "before": found.name})
    console.say(f"Renamed {found.name} to {new_name}")


@experiments.command("delete")
@click.argument("experiment")
@tracking_option
def delete_experiment(console: Console, experiment: str, tracking_uri: str | None) -> None:
    """Mark an experiment and its runs as deleted; 'siglum experiments restore' brings them back."""
    with closing(open_stores(tracking_uri)) as stores:
        found = find_experiment(stores, experiment)
        stores.tracking.delete_experiment(found.experiment_id)
    console.result({"deleted": found.experiment_id})
    console.say(f"Deleted experiment {found.name} ({found.experiment_id})")


@experiments.command("restore")
@click.argument("experiment")
@tracking_option
def restore_experiment(console: Console, experiment: str, tracking_uri: str | None) -> None:
    """Bring a deleted experiment back, with its runs."""
    with closing(open_stores(tracking_uri)) as stores:
        found = find_experiment(stores, experiment)
        stores.tracking.restore_experiment(found.experiment_id)
    console.result({"restored": found.experiment_id})
    console.say(f"Restored experiment {found.name} ({found.experiment_id})")


def find_experiment(stores: Stores, given: str) -> Experiment:
    """Return the experiment, deleted or not, of a name or id. Raises NotFoundError, with near names."""
    from siglum.tracking.entities import ViewType

    by_name = stores.tracking.get_experiment_by_name(given)
    if by_name is not None:
        return by_name
    everything = experiments_named(stores, None, ViewType.ALL)
    by_id = next((each for each in everything if each.experiment_id == given), None)
    if by_id is not None:
        return by_id
    known = [each.name for each in everything]
    raise NotFoundError(
        f"There is no experiment {given!r}.",
        hint=did_you_mean(given, known) or "See 'siglum experiments list' for those there are.",
    )


def _count(stores: Stores, experiment: Experiment) -> str:
    """Return how many runs an experiment has, up to a number that is quickly counted."""
    from siglum.tracking.entities import LifecycleStage, ViewType

    alive = experiment.lifecycle_stage == LifecycleStage.ACTIVE
    view = ViewType.ACTIVE_ONLY if alive else ViewType.ALL
    page = stores.tracking.search_runs([experiment.experiment_id], view_type=view, max_results=_COUNTED)
    return f"{count(len(page.items), 'run').split()[0]}{'+' if page.next_token else ''}"
