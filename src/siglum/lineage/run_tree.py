"""How runs that are nested in others stand below them, and what a `repro` says of its stages. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from siglum.lineage.stage_record import STAGES_TAG, StageRow
from siglum.lineage.trace import PARENT_TAG
from siglum.tracking.entities import Run


def as_tree(runs: Sequence[Run]) -> Iterator[tuple[int, Run]]:
    """Yield runs with how deep each is nested: below the run it is nested in, if that is among them, first begun first.

    All others keep their order.
    """
    known = {run.info.run_id for run in runs}
    below: dict[str, list[Run]] = {}
    top = []
    for run in runs:
        parent = run.data.tags.get(PARENT_TAG, "")
        if parent in known and parent != run.info.run_id:
            below.setdefault(parent, []).append(run)
        else:
            top.append(run)
    shown: set[str] = set()
    for run in top:
        yield from _branch(run, below, 0, shown)
    for run in runs:  # runs whose tags go round in a circle
        if run.info.run_id not in shown:
            shown.add(run.info.run_id)
            yield 0, run


def stage_rows(run: Run) -> tuple[StageRow, ...]:
    """Return what became of each stage in the `repro` that a run is of; nothing for other runs, and for very many."""
    try:
        return msgspec.json.decode(run.data.tags.get(STAGES_TAG, "[]"), type=tuple[StageRow, ...])
    except msgspec.MsgspecError:
        return ()


def _branch(run: Run, below: dict[str, list[Run]], depth: int, shown: set[str]) -> Iterator[tuple[int, Run]]:
    waiting = [(depth, run)]
    while waiting:
        deep, each = waiting.pop()
        if each.info.run_id in shown:
            continue
        shown.add(each.info.run_id)
        yield deep, each
        inner = sorted(below.get(each.info.run_id, ()), key=lambda child: child.info.start_time, reverse=True)
        waiting += [(deep + 1, child) for child in inner]
