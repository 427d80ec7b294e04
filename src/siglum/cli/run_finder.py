"""Which run on record a stage's result is of, for who explains a pipeline."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Self

from siglum.core.errors import SiglumError

if TYPE_CHECKING:
    from siglum.client.stores import Stores
    from siglum.lineage.stage_links import StageLinks
    from siglum.workspace.repository import Repository


class RunFinder:
    """Finds runs by the name of a result; the store is opened for the first that is not remembered. A context manager.

    A store that cannot be opened, or does not answer, knows no run.
    """

    def __init__(self, repo: Repository, tracking_uri: str | None = None) -> None:
        self._repo = repo
        self._tracking_uri = tracking_uri
        self._links: StageLinks | None = None
        self._stores: Stores | None = None
        self._opened = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._links is not None:
            self._links.save()
        if self._stores is not None:
            self._stores.close()

    def __call__(self, result: str) -> str | None:
        """Return the run that made a result."""
        from siglum.lineage.stage_links import made_by

        self._open()
        if self._links is None:
            return None
        if self._stores is None:
            return self._links.get(result) or None
        try:
            return made_by(result, self._links, self._stores.tracking)
        except SiglumError:
            self._stores.close()
            self._stores = None  # asked once, and not for each stage
            return None

    def _open(self) -> None:
        if self._opened:
            return
        from siglum.client.stores import open_stores
        from siglum.client.tracking_uri import DatabaseLocation, default_tracking_uri, parse_tracking_uri
        from siglum.lineage.stage_links import links_of

        self._opened = True
        try:
            cwd = os.getcwd()
            location = parse_tracking_uri(self._tracking_uri or default_tracking_uri(os.environ, cwd), cwd)
            self._links = links_of(self._repo.tmp_dir, location.uri)
            if not isinstance(location, DatabaseLocation) or os.path.exists(location.path):
                self._stores = open_stores(location.uri, cwd)
        except SiglumError:
            return  # nothing is known then
