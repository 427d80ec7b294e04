"""What a target has already, for a dry run: asked of a database, or of a server by what all its clients may ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol, TypeVar

from siglum.client.rest.imports import RestImports
from siglum.client.stores import Stores
from siglum.core.errors import NotFoundError
from siglum.migration.store_reader import all_pages
from siglum.registry.entities import ModelVersion
from siglum.registry.sql import bulk as registry_bulk
from siglum.tracking.entities import Experiment
from siglum.tracking.sql import bulk
from siglum.tracking.sql.database import Database

T = TypeVar("T")

_PAGE = 1_000


class Present(Protocol):
    """What is there."""

    def place_of(self, experiment: Experiment) -> tuple[str | None, bool]:
        """Return the id that an experiment would have, None for the next free one, and whether it is there."""
        ...

    def points_of(self, run_id: str) -> int | None:
        """Return how many points a run has; None when it is not there."""
        ...

    def has_logged_model(self, model_id: str) -> bool:
        """Whether a logged model is there, deleted or not."""
        ...

    def count_missing(self, names: Sequence[str], versions: Sequence[ModelVersion]) -> tuple[int, int]:
        """Return how many of these registered models and versions are not there."""
        ...


class PresentInDatabase:
    """Implements `Present` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def place_of(self, experiment: Experiment) -> tuple[str | None, bool]:
        return self._database.read(
            lambda sql: (
                bulk.place_of_experiment(sql, experiment.experiment_id, experiment.name),
                bulk.has_experiment(sql, experiment.name),
            )
        )

    def points_of(self, run_id: str) -> int | None:
        return self._database.read(lambda sql: bulk.points_of(sql, run_id))

    def has_logged_model(self, model_id: str) -> bool:
        return self._database.read(lambda sql: bulk.has_logged_model(sql, model_id))

    def count_missing(self, names: Sequence[str], versions: Sequence[ModelVersion]) -> tuple[int, int]:
        return self._database.read(
            lambda sql: (
                sum(not registry_bulk.has_model(sql, name) for name in names),
                sum(not registry_bulk.has_version(sql, each.name, each.version) for each in versions),
            )
        )


class PresentAtServer:
    """Implements `Present` over HTTP."""

    def __init__(self, stores: Stores, imports: RestImports) -> None:
        self._stores = stores
        self._imports = imports

    def place_of(self, experiment: Experiment) -> tuple[str | None, bool]:
        known = self._stores.tracking.get_experiment_by_name(experiment.name)
        if known is not None:
            return known.experiment_id, True
        taken = _found(lambda: self._stores.tracking.get_experiment(experiment.experiment_id))
        return (None if taken else experiment.experiment_id), False

    def points_of(self, run_id: str) -> int | None:
        return self._imports.points_of(run_id)

    def has_logged_model(self, model_id: str) -> bool:
        return _found(lambda: self._stores.tracking.get_logged_model(model_id, allow_deleted=True))

    def count_missing(self, names: Sequence[str], versions: Sequence[ModelVersion]) -> tuple[int, int]:
        return (
            len(set(names) - self._names),
            len({(each.name, each.version) for each in versions} - self._versions),
        )

    @cached_property
    def _names(self) -> set[str]:
        search = self._stores.registry.search_registered_models
        return {model.name for model in all_pages(lambda token: search(max_results=_PAGE, page_token=token))}

    @cached_property
    def _versions(self) -> set[tuple[str, str]]:
        search = self._stores.registry.search_model_versions
        found = all_pages(lambda token: search(max_results=_PAGE, page_token=token))
        return {(version.name, version.version) for version in found}


def _found(look: Callable[[], object]) -> bool:
    try:
        look()
    except NotFoundError:
        return False
    return True
