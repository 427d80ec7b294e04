"""A pipeline brought up to date: what is asked for, as stages in order, and the parts that do it put together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from siglum.pipeline.definition.files import check_is_file
from siglum.pipeline.definition.paths import join
from siglum.pipeline.definition.stages import PIPELINE_FILE, Stage
from siglum.pipeline.execution.commands import OnOutput
from siglum.pipeline.execution.conductor import Conductor
from siglum.pipeline.execution.executor import Executor
from siglum.pipeline.execution.held_lock import HeldLock
from siglum.pipeline.execution.local_pool import LocalPool
from siglum.pipeline.execution.options import OnError, Options
from siglum.pipeline.execution.orphans import RunningCommands
from siglum.pipeline.execution.perform import Performer, pull_nothing
from siglum.pipeline.execution.record import Recorder
from siglum.pipeline.graph.load import Pipeline, load_pipeline
from siglum.pipeline.graph.targets import Selection, find_stages, steps
from siglum.pipeline.status.events import OnEvent, StageResult, VariablesOf, ignore_events
from siglum.workspace.locking import repository_lock
from siglum.workspace.repository import Repository

OnPlan: TypeAlias = Callable[[Pipeline, Sequence[str]], None]


def repro(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    folder: str = "",
    recursive: bool = False,
    glob: bool = False,
    selection: Selection | None = None,
    force: bool = False,
    force_downstream: bool = False,
    dry: bool = False,
    run_cache: bool = True,
    commit: bool = True,
    allow_missing: bool = False,
    pull: bool = False,
    keep_going: bool = False,
    ignore_errors: bool = False,
    jobs: int | None = None,
    confirm: Callable[[Stage], bool] | None = None,
    environment: Mapping[str, str] | None = None,
    variables: VariablesOf | None = None,
    executor: Executor | None = None,
    on_event: OnEvent = ignore_events,
    on_output: OnOutput | None = None,
    on_plan: OnPlan | None = None,
    before_change: Callable[[], None] | None = None,
) -> tuple[StageResult, ...]:
    """Run what is out of date among `targets` and what they need; return what became of each stage.

    Args:
        repo: The repository.
        targets: What to bring up to date, see `targets.find_stages`; nothing means the dvc.yaml in `folder`. One
            without stages stands for all stages that there are, as in DVC.
        folder: The folder in which targets are written, posix, from the root.
        recursive: Whether a target may be a folder, standing for all stages in it.
        glob: Whether targets are patterns of stage names, in which `*`, `?` and `[…]` have their usual meaning.
        selection: How far around the targets to go; by default to all that they need.
        force: Run stages that did not change, too, and restore none from earlier runs.
        force_downstream: Run what needs a stage that changed, even if its own inputs did not.
        dry: Change nothing; say what would happen.
        run_cache: Whether results of earlier runs may be restored.
        commit: Whether outputs go into the cache; without, only their hashes are recorded.
        allow_missing: Do not count it as a change that recorded data is missing.
        pull: Get what is missing, and results of earlier runs, from the default remote.
        keep_going: Go on with stages that do not need one that failed; raise at the end.
        ignore_errors: Go on with all stages whatever fails, and raise nothing for those that did.
        jobs: How many stages may run at once; by default as many as there are cores.
        confirm: Asked before a stage is run or restored; a no ends everything.
        environment: The environment of the commands; this process's by default.
        variables: Gives variables to add for a stage, asked right after its StageStarted.
        executor: What runs the commands; this machine by default, with `jobs`, and with the terminal shared when one
            stage at a time can run and standard input is a terminal.
        on_event: Called with each event as it happens, in this thread.
        on_output: Called with what commands print, from other threads; it is in their log files in any case.
        on_plan: Called once with the pipeline and the stages to go through, in order, before the first of them.
        before_change: Called once, when something is about to be run or brought back and all is still as it was found.

    Raises:
        StageFailedError: A command failed, or an output is missing after it. Raised when all that ran has ended.
        NotFoundError: A target, a dependency or a parameter does not exist.
        ConflictError: `confirm` said no.
        FileFormatError: A file does not say what it should.
        KeyboardInterrupt: After an interruption, when all commands were ended.
    """
    selection = selection or Selection()
    environment = os.environ if environment is None else environment
    on_error = OnError.IGNORE if ignore_errors else OnError.KEEP_GOING if keep_going else OnError.STOP
    options = Options(
        force=force,
        force_downstream=force_downstream,
        dry=dry,
        run_cache=run_cache,
        commit=commit,
        allow_missing=allow_missing,
        pull=pull,
        on_error=on_error,
        confirm=confirm,
        variables=variables,
        before_change=before_change,
    )
    running = RunningCommands(os.path.join(repo.tmp_dir, "siglum", "running"))
    with _only_one(repo, environment, running), HeldLock(repo) as lock:
        pipeline = load_pipeline(repo)
        everything = selection.everything
        if not (everything or targets):
            check_is_file(repo, join(folder, PIPELINE_FILE))
        found = () if everything else find_stages(pipeline, targets, folder, recursive=recursive, glob=glob)
        if not (found or selection.single):
            selection = Selection(everything=True)
        order = steps(pipeline, found, selection)
        if on_plan is not None:
            on_plan(pipeline, order)
        recorder = Recorder(repo, [pipeline.stages[address] for address in order])
        fetch = pull_nothing
        if pull and not dry:
            # Imported here: it brings all that speaks to remotes, and most runs need none of it.
            from siglum.pipeline.execution.missing import Missing

            fetch = Missing(repo, run_cache=run_cache).fetch
        performer = Performer(repo, pipeline, options, on_event, recorder, fetch)
        pool = executor or _local_pool(1 if confirm else jobs, len(order), on_output, running)
        conductor = Conductor(repo, pipeline, order, options, pool, environment, on_event, lock, performer, recorder)
        try:
            return conductor.run()
        finally:
            repo.index.save()
            repo.placed.save()


def _local_pool(jobs: int | None, stages: int, on_output: OnOutput | None, running: RunningCommands) -> LocalPool:
    attended = (jobs == 1 or stages == 1) and _has_terminal()
    return LocalPool(jobs, attended=attended, on_output=on_output, running=running)


def _has_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


@contextlib.contextmanager
def _only_one(repo: Repository, environment: Mapping[str, str], running: RunningCommands) -> Iterator[None]:
    """Keep a second `repro` from running the same stages while the repository's own lock is not held.

    A stage that itself calls `siglum repro`, for another pipeline of the repository, runs inside the first one.
    """
    if "DVC_STAGE" in environment and environment.get("DVC_ROOT") == repo.root:
        yield
        return
    with repository_lock(os.path.join(repo.tmp_dir, "siglum", "repro.lock")):
        running.end_orphans()
        yield


def result_values(result: StageResult) -> dict[str, object]:
    """Return a result as plain JSON values, without the lock entry."""
    return {
        "stage": result.address,
        "outcome": str(result.outcome),
        "reasons": [msgspec.to_builtins(reason) for reason in result.reasons],
        "error": result.error,
        "run": msgspec.to_builtins(result.run),
    }
