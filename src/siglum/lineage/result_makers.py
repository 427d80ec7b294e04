"""Which runs made the results that a `repro` finds: as far as it knows, is remembered, or the store says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from siglum.core.errors import SiglumError
from siglum.lineage.stage_links import StageLinks, made_by, result_name
from siglum.lineage.stage_record import StageRow
from siglum.lineage.trace import RecordSource
from siglum.pipeline.definition.paths import parents
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import Pipeline
from siglum.pipeline.records.lock import StageLock

_QUESTIONS = 100
_KEPT = ("unchanged", "restored", "verified")
"""Outcomes of stages whose outputs an earlier run has made."""


class StageOwners:
    """Tells which stage makes what is at a path."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._owners = {out.key: stage for stage in pipeline.stages.values() for out in stage.outs}

    def of(self, keys: Iterable[str]) -> dict[str, Stage]:
        """Return the stages that make what is at paths, or a folder that it is in; without what no stage makes."""
        found = {key: self._of(key) for key in keys}
        return {key: stage for key, stage in found.items() if stage is not None}

    def _of(self, key: str) -> Stage | None:
        return next((self._owners[path] for path in (key, *reversed(parents(key))) if path in self._owners), None)


class ResultMakers:
    """Finds the runs that made results, and asks the store no more once it did not answer."""

    def __init__(self, links: StageLinks) -> None:
        self._links = links
        self._asks = True

    def put(self, lock: StageLock, run_id: str) -> None:
        """Remember the run that made a result."""
        self._links.put(result_name(lock), run_id)

    def maker(self, lock: StageLock | None, source: RecordSource | None) -> str | None:
        """Return the run that made a result, None when none is known. Without `source`, nobody is asked."""
        if lock is None or not lock.outs:
            return None
        result = result_name(lock)
        if source is None or not self._asks:
            return self._links.get(result) or None
        try:
            return made_by(result, self._links, source.tracking)
        except SiglumError:  # a link is worth no failure, and no second attempt
            self._asks = False
            return None

    def linked(
        self,
        rows: Iterable[StageRow],
        locks: Mapping[str, StageLock],
        source: RecordSource | None,
        id_of: Callable[[str], str],
    ) -> list[StageRow]:
        """Return the rows with the runs that made the outputs of their stages.

        For what is not remembered, the store is asked, but not for all of very many. `id_of` tells which id the store
        gave to a run of our own.
        """
        found = []
        questions = 0
        for row in rows:
            if row.outcome in _KEPT:
                lock = locks.get(row.stage)
                questions += lock is not None and self._links.get(result_name(lock)) is None
                made = self.maker(lock, source if questions <= _QUESTIONS else None)
            else:
                made = None if row.run_id is None else id_of(row.run_id)
            found.append(msgspec.structs.replace(row, run_id=made))
        return found

    def save(self) -> None:
        """Write down what is remembered."""
        self._links.save()
