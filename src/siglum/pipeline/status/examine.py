"""Looks at the workspace and says of each stage why `repro` would run it or not. Changes nothing; see `explain`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from siglum.core.errors import SiglumError
from siglum.pipeline.definition.files import WorkspaceFiles
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import Pipeline
from siglum.pipeline.graph.targets import Selection, steps
from siglum.pipeline.records.lock import StageLock, encode_entry
from siglum.pipeline.records.run_cache import RunCache, can_be_cached, value_of
from siglum.pipeline.status.events import Event, StageRestored, StageStarted, StageUnchanged, StageVerified
from siglum.pipeline.status.explain import (
    Action,
    CacheHit,
    Difference,
    Explanation,
    Missing,
    Observed,
    decide,
    differences,
    folder_hashes,
)
from siglum.pipeline.status.folder_lists import FolderLists
from siglum.pipeline.status.fresh_params import FreshParams
from siglum.pipeline.status.observe import Inputs, lock_inputs, observe_inputs, path_state, recorded_lock, why_inputs
from siglum.pipeline.status.staleness import Cause, Change, OutputState, Reason, output_reasons
from siglum.storage.tree import scan_tree
from siglum.workspace.outputs import is_cached
from siglum.workspace.repository import Repository

_CHANGES_OUTPUTS = (Action.RUN, Action.RESTORE, Action.DEPENDS)
RunOf: TypeAlias = Callable[[str], str | None]
"""Returns the run on record that made a result, by the result's name in the run cache."""


def no_run(result: str) -> None:
    """Know of no run."""


def explain_pipeline(
    repo: Repository, pipeline: Pipeline, addresses: Iterable[str] | None = None, *, run_of: RunOf = no_run
) -> tuple[Explanation, ...]:
    """Return what `repro` would do with stages and why, all or those named, in the order of the pipeline.

    `.dvc` files are there only when their data changed. Stages before the named ones are looked at, too: what they
    would make anew is a reason. Raises what reading parameters files raises, and FileFormatError for a graph that
    cannot be.
    """
    wanted = frozenset(pipeline.stages if addresses is None else addresses)
    examiner = Examiner(repo, pipeline, run_of)
    explained: dict[str, Explanation] = {}
    for address in steps(pipeline, tuple(wanted), Selection()):
        stage = pipeline.stages[address]
        above = () if stage.frozen else pipeline.graph.upstream[address]
        upstream = tuple(each for each in above if explained[each].action in _CHANGES_OUTPUTS)
        blocked = tuple(each for each in above if explained[each].action is Action.FAIL)
        explained[address] = examiner.explain(stage, upstream, blocked)
    repo.index.save()
    return tuple(
        each
        for address, each in explained.items()
        if address in wanted and (each.action is not Action.NOTHING or not pipeline.stages[address].is_data)
    )


class Examiner:
    """Explains single stages, against what was recorded of them when `pipeline` was read."""

    def __init__(self, repo: Repository, pipeline: Pipeline, run_of: RunOf = no_run) -> None:
        self._repo = repo
        self._pipeline = pipeline
        self._run_of = run_of
        self._params = FreshParams(WorkspaceFiles(repo))
        self._run_cache = RunCache(repo.run_cache_dir)
        self._folders = FolderLists(repo)

    def explain(self, stage: Stage, upstream: tuple[str, ...] = (), blocked: tuple[str, ...] = ()) -> Explanation:
        """Return why a stage would run.

        `upstream` are stages that come before it and change what they make, `blocked` those that cannot run.
        """
        lock = recorded_lock(self._pipeline.locks, stage)
        inputs = self._inputs(stage, lock)
        outs = self._outputs(stage, lock)
        reasons = (*(() if stage.is_data else why_inputs(stage, lock, inputs)), *output_reasons(stage.outs, lock, outs))
        made = [out.key for address in (*upstream, *blocked) for out in self._pipeline.stages[address].outs]
        absent = [(each, any(_lies_in(each.path, out) for out in made)) for each in _missing(stage, inputs)]
        missing = tuple(each for each, will_be_made in absent if not will_be_made)
        coming = {each.path for each, will_be_made in absent if will_be_made}
        # What is about to be made is no reason by itself: it may well be what it was.
        reasons = tuple(r for r in reasons if not (r.path in coming and r.change is Change.DELETED))
        hit = None
        if reasons and not (upstream or blocked or missing or stage.is_data or stage.frozen):
            hit = self._hit(stage, lock, inputs, reasons)
        return Explanation(
            stage=stage.address,
            action=decide(stage, reasons, outs, upstream=upstream, blocked=bool(blocked), missing=missing, hit=hit),
            recorded=lock is not None,
            frozen=stage.frozen and not stage.is_data,
            differences=self._differences(stage, lock, reasons, inputs, outs),
            upstream=blocked or upstream,
            missing=missing,
            hit=hit,
        )

    def explain_event(self, event: Event, *, dry: bool = False) -> Explanation | None:
        """Return what an event of `repro` about a stage stands for; None for one that decides nothing.

        To be called as it happens: a stage that is about to run, or in a dry run any, is looked at once more. Outputs
        that were brought back or recorded say nothing any more about what they were before.
        """
        match event:
            case StageStarted(stage, reasons):
                only_upstream = all(reason.cause is Cause.UPSTREAM for reason in reasons)
                action = Action.DEPENDS if only_upstream else Action.RUN
                return self._explain_reasons(stage, action, reasons, look=True)
            case StageRestored(stage, reasons, lock, source):
                name = source or value_of(encode_entry(lock))
                return self._explain_reasons(
                    stage, Action.RESTORE, reasons, CacheHit(name, self._run_of(name)), look=dry
                )
            case StageVerified(stage, reasons):
                return self._explain_reasons(stage, Action.RECORD, reasons, look=dry)
            case StageUnchanged(stage):
                return self._explain_reasons(stage, Action.NOTHING, ())
        return None

    def _explain_reasons(
        self,
        stage: Stage,
        action: Action,
        reasons: Sequence[Reason],
        hit: CacheHit | None = None,
        *,
        look: bool = False,
    ) -> Explanation:
        lock = recorded_lock(self._pipeline.locks, stage)
        inputs = self._inputs(stage, lock) if reasons else Inputs({}, {})
        outs = self._outputs(stage, lock) if look else {}
        if action is Action.RUN and all(reason.cause is not Cause.FORCED for reason in reasons):
            own = output_reasons(stage.outs, lock, outs)
            reasons = (*(each for each in reasons if each.cause is not Cause.OUTPUT), *own)
        return Explanation(
            stage=stage.address,
            action=action,
            recorded=lock is not None,
            frozen=stage.frozen and not stage.is_data,
            differences=self._differences(stage, lock, reasons, inputs, outs),
            upstream=tuple(r.path for r in reasons if r.cause is Cause.UPSTREAM and r.path is not None),
            hit=hit,
        )

    def _inputs(self, stage: Stage, lock: StageLock | None) -> Inputs:
        if stage.is_data:
            return Inputs({}, {})
        return observe_inputs(self._repo, stage, self._params, lock)

    def _outputs(self, stage: Stage, lock: StageLock | None) -> dict[str, OutputState]:
        states = {}
        for out in stage.outs:
            recorded = None if lock is None else lock.out(out.path)
            data = None if recorded is None else recorded.data_hash
            state = path_state(self._repo, out.key, legacy=data is not None and data.legacy)
            cached = data is not None and is_cached(self._repo, data)
            states[out.key] = OutputState(None if state is None else state.hash.oid, cached)
        return states

    def _differences(
        self,
        stage: Stage,
        lock: StageLock | None,
        reasons: Sequence[Reason],
        inputs: Inputs,
        outs: dict[str, OutputState],
    ) -> tuple[Difference, ...]:
        observed = Observed(deps=inputs.oids(), params=inputs.params, outs=outs)
        folders = folder_hashes(stage, lock, reasons, observed)
        found = {old: self._folders.read(key, old) for key, (old, _) in folders.items()}
        found |= {new: self._present_listing(key) for key, (_, new) in folders.items()}
        listings = {oid: listing for oid, listing in found.items() if oid is not None and listing is not None}
        return differences(
            stage, lock, reasons, Observed(deps=observed.deps, params=observed.params, outs=outs, listings=listings)
        )

    def _present_listing(self, key: str) -> dict[str, str] | None:
        path = os.path.join(self._repo.root, key)
        if not os.path.isdir(path):
            return None
        return {entry.relpath: entry.oid for entry in scan_tree(path, self._repo.index, self._repo.ignore).entries}

    def _hit(self, stage: Stage, lock: StageLock | None, inputs: Inputs, reasons: Sequence[Reason]) -> CacheHit | None:
        if not can_be_cached(stage):
            return None
        try:
            wanted = lock_inputs(stage, inputs)
        except SiglumError:
            return None  # repro will say what is wrong with them
        candidates = [] if lock is None or any(r.cause is not Cause.OUTPUT for r in reasons) else [lock]
        for entry in [*candidates, *self._run_cache.find(wanted, [out.path for out in stage.outs])]:
            hashes = [None if (kept := entry.out(out.path)) is None else kept.data_hash for out in stage.outs]
            if all(data is not None and is_cached(self._repo, data) for data in hashes):
                name = value_of(encode_entry(entry))
                return CacheHit(name, self._run_of(name))
        return None


def _missing(stage: Stage, inputs: Inputs) -> Iterator[Missing]:
    for key, token in inputs.oids().items():
        if token is None:
            yield Missing(key)
    for dep in stage.params:
        values = inputs.params[dep.key]
        if values is None:
            yield Missing(dep.key)
        else:
            yield from (Missing(dep.key, name) for name in dep.names if name not in values)


def _lies_in(key: str, output: str) -> bool:
    return key == output or key.startswith(f"{output}/")
