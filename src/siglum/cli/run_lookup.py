"""Finding what commands about runs are given: stores, experiments by name, runs by the beginning of their id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from siglum.core.errors import NotFoundError
from siglum.core.text import count, did_you_mean, near_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from siglum.client.stores import Stores
    from siglum.tracking.entities import Experiment, Metric, Run, ViewType

LEAST_OF_AN_ID = 4
_LOOKED_AT = 10_000


def open_stores(tracking_uri: str | None) -> Stores:
    """Open what is there; a database that was named and is not there is a typo."""
    from siglum.client.stores import open_stores as open_

    return open_(tracking_uri, create=False)


def experiments_named(stores: Stores, name: str | None, view: ViewType | None = None) -> list[Experiment]:
    """Return one experiment by its name, or all. Raises NotFoundError, with near names."""
    from siglum.client.paging import collect
    from siglum.tracking.entities import ViewType

    everything = collect(
        lambda page, token: stores.tracking.search_experiments(
            max_results=page, page_token=token, view_type=view or ViewType.ACTIVE_ONLY
        ),
        None,
    )
    if name is None:
        return everything
    found = [each for each in everything if each.name == name]
    if not found:
        known = [each.name for each in everything]
        there = f"There is: {', '.join(sorted(known)[:8])}."
        raise NotFoundError(f"There is no experiment {name!r}.", hint=did_you_mean(name, known) or there)
    return found


def matching_runs(
    stores: Stores,
    experiment: str | None,
    filter_string: str,
    limit: int | None,
    order_by: Sequence[str] = (),
    view: ViewType | None = None,
) -> list[Run]:
    """Return the runs of one experiment, or of all, that match a filter."""
    from siglum.client.paging import collect
    from siglum.tracking.entities import ViewType

    ids = [each.experiment_id for each in experiments_named(stores, experiment)]
    return collect(
        lambda page, token: stores.tracking.search_runs(
            ids,
            filter_string=filter_string,
            view_type=view or ViewType.ACTIVE_ONLY,
            max_results=page,
            order_by=order_by,
            page_token=token,
        ),
        limit,
    )


def full_id(stores: Stores, given: str) -> str:
    """Return the id of the one run, deleted or not, that `given` is the name or the beginning of the id of.

    Raises:
        NotFoundError: There is none, or more than one.
    """
    from siglum.tracking.entities import ViewType

    try:
        return stores.tracking.get_run(given).info.run_id
    except NotFoundError as missing:
        runs = matching_runs(stores, None, "", _LOOKED_AT, view=ViewType.ALL)
        known = [run.info.run_id for run in runs]
        long_enough = len(given) >= LEAST_OF_AN_ID
        matching = [run_id for run_id in known if run_id.startswith(given.lower())] if long_enough else []
        named = [run.info.run_id for run in runs if run.info.run_name == given]
        if len(matching or named) == 1:
            return (matching or named)[0]
        if matching:
            hint = f"{count(len(matching), 'run')} begin with it: {', '.join(matching[:3])}."
        elif named:
            hint = f"{count(len(named), 'run')} have this name: {', '.join(named[:3])}."
        else:
            near = near_names(given, known) or [each for each in known if each[:4] == given[:4].lower()][:3]
            hint = f"Did you mean {' or '.join(near)}?" if near else "See 'siglum runs list' for the runs there are."
        raise NotFoundError(f"There is no run {given!r}.", hint=hint) from missing


def history(stores: Stores, run_id: str, key: str) -> list[Metric]:
    """Return all points of a metric, by step."""
    from siglum.client.paging import collect

    points = collect(
        lambda page, token: stores.tracking.metric_history(run_id, key, max_results=page, page_token=token),
        None,
        25_000,
    )
    return sorted(points, key=lambda point: (point.step, point.timestamp))
