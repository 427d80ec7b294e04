"""A pipeline brought up to date: which stages to look at, in what order, and what to do when one fails."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from siglum.core.errors import SiglumError, StageFailedError
from siglum.core.text import count
from siglum.pipeline.events import OnEvent, Outcome, StageFailed, StageResult, StageSkipped, ignore_events
from siglum.pipeline.load import Pipeline, load_pipeline
from siglum.pipeline.perform import HeldLock, Options, Performer
from siglum.pipeline.targets import Selection, find_stages, steps
from siglum.workspace.locking import repository_lock
from siglum.workspace.repository import Repository

_CHANGES_OUTPUTS = (Outcome.WOULD_RUN, Outcome.RESTORED)


def repro(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    folder: str = "",
    recursive: bool = False,
    selection: Selection | None = None,
    force: bool = False,
    dry: bool = False,
    run_cache: bool = True,
    commit: bool = True,
    keep_going: bool = False,
    output: int | None = None,
    environment: Mapping[str, str] | None = None,
    on_event: OnEvent = ignore_events,
) -> tuple[StageResult, ...]:
    """Run what is out of date among `targets` and what they need; return what became of each stage.

    Args:
        repo: The repository.
        targets: What to bring up to date, see `targets.find_stages`; nothing means the dvc.yaml in `folder`.
        folder: The folder in which targets are written, posix, from the root.
        recursive: Whether a target may be a folder, standing for all stages in it.
        selection: How far around the targets to go; by default to all that they need.
        force: Run stages that did not change, too, and restore none from earlier runs.
        dry: Change nothing; say what would happen.
        run_cache: Whether results of earlier runs may be restored.
        commit: Whether outputs go into the cache; without, only their hashes are recorded.
        keep_going: Go on with stages that do not need one that failed; raise at the end.
        output: The descriptor for the commands' standard output; ours by default.
        environment: The environment of the commands; this process's by default.
        on_event: Called with each event as it happens, in this thread.

    Raises:
        StageFailedError: A command failed, or an output is missing after it. With `keep_going`, raised at the end.
        NotFoundError: A target, a dependency or a parameter does not exist.
        FileFormatError: A file does not say what it should.
    """
    selection = selection or Selection()
    environment = os.environ if environment is None else environment
    with _only_one(repo, environment), HeldLock(repo) as lock:
        pipeline = load_pipeline(repo)
        found = () if selection.everything else find_stages(pipeline, targets, folder, recursive=recursive)
        order = steps(pipeline, found, selection)
        options = Options(force=force, dry=dry, run_cache=run_cache, commit=commit, output=output)
        performer = Performer(repo, pipeline, options, environment, on_event, lock)
        try:
            return _perform(performer, pipeline, order, dry=dry, keep_going=keep_going, on_event=on_event)
        finally:
            repo.index.save()


@contextlib.contextmanager
def _only_one(repo: Repository, environment: Mapping[str, str]) -> Iterator[None]:
    """Keep a second `repro` from running the same stages while the repository's own lock is not held.

    A stage that itself calls `siglum repro`, for another pipeline of the repository, runs inside the first one.
    """
    if "DVC_STAGE" in environment and environment.get("DVC_ROOT") == repo.root:
        yield
        return
    with repository_lock(os.path.join(repo.tmp_dir, "siglum", "repro.lock")):
        yield


def _perform(
    performer: Performer, pipeline: Pipeline, order: Sequence[str], *, dry: bool, keep_going: bool, on_event: OnEvent
) -> tuple[StageResult, ...]:
    results: dict[str, StageResult] = {}
    blocked: dict[str, str] = {}
    for address in order:
        stage = pipeline.stages[address]
        if address in blocked:
            on_event(StageSkipped(stage, blocked[address]))
            results[address] = StageResult(address, Outcome.SKIPPED, error=f"'{blocked[address]}' failed")
            continue
        try:
            results[address] = performer.bring_up_to_date(stage, _changing(pipeline, address, results) if dry else None)
        except SiglumError as error:
            on_event(StageFailed(stage, error.message))
            if not keep_going:
                raise
            results[address] = StageResult(address, Outcome.FAILED, error=error.message)
            for below in pipeline.graph.closure([address], downstream=True) - {address}:
                blocked.setdefault(below, address)
    failed = [address for address, result in results.items() if result.outcome is Outcome.FAILED]
    if failed:
        names = ", ".join(f"'{address}'" for address in failed)
        raise StageFailedError(f"{count(len(failed), 'stage')} failed: {names}.")
    return tuple(results.values())


def _changing(pipeline: Pipeline, address: str, results: Mapping[str, StageResult]) -> str | None:
    """Return a stage that this one needs and whose outputs would change in a dry run."""
    needs = pipeline.graph.upstream[address] if not pipeline.stages[address].frozen else ()
    changing = (need for need in needs if need in results and results[need].outcome in _CHANGES_OUTPUTS)
    return next(changing, None)


def result_values(result: StageResult) -> dict[str, object]:
    """Return a result as plain JSON values, without the lock entry."""
    return {
        "stage": result.address,
        "outcome": str(result.outcome),
        "reasons": [msgspec.to_builtins(reason) for reason in result.reasons],
        "error": result.error,
    }
