"""Which run on record made a stage's result: by the result's name, which is also that of its file in the run cache.

Runs carry the name as a tag. What was asked once is remembered in a private file, so that a `repro` of many stages
asks the store for few:

    links = links_of(repo.tmp_dir, tracking_uri)        # the URI in its absolute form, see `client.tracking_uri`
    run_id = made_by(result_name(lock), links, stores.tracking)
    links.save()
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

import msgspec

from siglum.core.addresses import shown_url
from siglum.pipeline.records.lock import StageLock, encode_entry
from siglum.pipeline.records.run_cache import value_of
from siglum.storage.durability import temporary_name
from siglum.tracking.store import TrackingStore

RESULT_TAG = "siglum.stage.result"
_REMEMBERED = 20_000


def result_name(lock: StageLock) -> str:
    """Return the name of a stage's result."""
    return value_of(encode_entry(lock))


class StageLinks:
    """What is remembered for the store `uri`, in the file at `path`."""

    def __init__(self, path: str, uri: str) -> None:
        self._path = path
        self._uri = uri
        self._stores = _read(path)
        self._changed = False

    def get(self, result: str) -> str | None:
        """Return the run that made a result; None when that is not remembered, "" when no run is known to have."""
        return self._stores.get(self._uri, {}).get(result)

    def put(self, result: str, run_id: str) -> None:
        """Remember the run that made a result."""
        known = self._stores.setdefault(self._uri, {})
        known.pop(result, None)  # so that it stands last, with the latest
        known[result] = run_id
        self._changed = True

    def save(self) -> None:
        """Write what is new; left out where that cannot be, as the store has it too."""
        if not self._changed:
            return
        stores = {uri: dict(list(known.items())[-_REMEMBERED:]) for uri, known in self._stores.items()}
        temporary = os.path.join(os.path.dirname(self._path), temporary_name())
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(msgspec.json.encode(stores))
            os.replace(temporary, self._path)
        self._changed = False


def links_of(tmp_dir: str, uri: str) -> StageLinks:
    """Return what a repository remembers of the store `uri`. `tmp_dir` is the repository's `.dvc/tmp`."""
    return StageLinks(os.path.join(tmp_dir, "siglum", "runs", "links.json"), shown_url(uri))


def made_by(result: str, links: StageLinks, tracking: TrackingStore) -> str | None:
    """Return the run that made a result: the one remembered, else the latest in the store; None when none is known.

    What the store said is remembered. Raises what the store raises.
    """
    known = links.get(result)
    if known is None:
        known = find_run(tracking, experiment_ids(tracking), result) or ""
        links.put(result, known)
    return known or None


def find_run(tracking: TrackingStore, experiments: Sequence[str], result: str) -> str | None:
    """Return the latest run in some experiments that made a result, None when there is none."""
    found = tracking.search_runs(
        experiments, filter_string=f"tags.`{RESULT_TAG}` = '{result}' AND attributes.status = 'FINISHED'", max_results=1
    )
    return found.items[0].info.run_id if found.items else None


def experiment_ids(tracking: TrackingStore) -> tuple[str, ...]:
    """Return the experiments in which a run may be: the thousand latest that were not deleted."""
    return tuple(each.experiment_id for each in tracking.search_experiments().items)


def _read(path: str) -> dict[str, dict[str, str]]:
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(), type=dict[str, dict[str, str]])
    except (OSError, msgspec.MsgspecError):
        return {}
