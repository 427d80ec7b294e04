"""Which data runs and model versions on record need: asked of the stores that a repository uses."""

from __future__ import annotations

import os
from contextlib import closing

from siglum.client.stores import open_stores
from siglum.client.tracking_uri import DatabaseLocation, default_tracking_uri, parse_tracking_uri
from siglum.core.errors import SiglumError, UnavailableError
from siglum.core.hashes import DataHash
from siglum.lineage.retention import needs_on_record
from siglum.workspace.repository import Repository


def recorded_needs(repo: Repository, tracking_uri: str | None) -> dict[DataHash, tuple[str, ...]]:
    """Return what runs and versions need, of the store that is configured and of the embedded one if there is one."""
    embedded = default_tracking_uri({}, repo.root)
    configured = tracking_uri or default_tracking_uri(os.environ, repo.root)
    found: dict[DataHash, tuple[str, ...]] = {}
    for uri in dict.fromkeys((configured, embedded)):
        try:
            location = parse_tracking_uri(uri, repo.root)
            if uri == embedded and isinstance(location, DatabaseLocation) and not os.path.exists(location.path):
                continue  # nothing was ever recorded
            with closing(open_stores(uri, repo.root, create=False)) as stores:
                for data, holders in needs_on_record(stores).items():
                    found[data] = (*found.get(data, ()), *holders)
        except SiglumError as error:
            raise UnavailableError(
                f"What runs and model versions need cannot be asked of {uri}: {error.message}",
                hint="Make the tracking store reachable, or give --ignore-registry to collect what they may need.",
            ) from error
    return found
