"""What the pipeline knows of a run: which stage it is, the data that the stage reads, and where that came from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import msgspec

from siglum.core.errors import NotFoundError
from siglum.lineage.inputs import DataInput
from siglum.pipeline.definition.paths import is_outside, parents
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import Pipeline, load_pipeline
from siglum.workspace.outputs import hash_path
from siglum.workspace.repository import Repository

STAGE_CONTEXT = "stage"
SOURCE_CONTEXT = "source"


class StageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The stage that runs (its address), and its inputs that Git does not track."""

    name: str | None = None
    inputs: tuple[DataInput, ...] = ()
    problems: tuple[str, ...] = ()


def result_paths(root: str) -> tuple[str, ...]:
    """Return what pipelines write (outputs and lock files), relative to `root`: results, so no part of the code."""
    if not os.path.isdir(os.path.join(root, ".dvc")):
        return ()
    return results_of(load_pipeline(Repository.open(root)))


def results_of(pipeline: Pipeline) -> tuple[str, ...]:
    """Return what a pipeline writes: outputs and lock files."""
    stages = pipeline.stages.values()
    found = {stage.lock_path for stage in stages if not stage.is_data}
    found |= {out.key for stage in stages for out in stage.outs if not is_outside(out.key)}
    return tuple(sorted(found | {"dvc.lock"}))


def capture_stage(environ: Mapping[str, str], commit: str | None) -> StageFacts:
    """Return the facts of the stage that this process is a part of, as `DVC_STAGE` and `DVC_ROOT` name it.

    Inputs are the stage's dependencies, and the data that stages before it were made from (`via` says through which
    dependency). What Git tracks is left out: the commit names it already. `commit` is noted as its revision.
    """
    root, address = environ.get("DVC_ROOT"), environ.get("DVC_STAGE")
    if not root or not address:
        return StageFacts()
    repo = Repository.open(root)
    pipeline = load_pipeline(repo)
    stage = pipeline.stages.get(address)
    if stage is None:
        return StageFacts(name=address, problems=(f"The pipeline in {root} has no stage {address!r}.",))
    producers = _producers(pipeline.stages.values())
    own = [dep.key for dep in stage.deps if not is_outside(dep.key)]
    sources = _sources(pipeline, producers, own)
    tracked = _tracked(repo, [*own, *sources])
    inputs, problems = [], []
    for key, via in {**dict.fromkeys(own), **{k: v for k, v in sources.items() if k not in own}}.items():
        if key in tracked:
            continue
        maker = _maker(key, producers)
        try:
            found = str(hash_path(repo, os.path.join(repo.root, key)).hash)
        except NotFoundError:
            problems.append(f"{key} is not there: its content could not be recorded.")
            continue
        inputs.append(
            DataInput(
                path=key,
                hash=found,
                pointer=None if maker is None else maker.file if maker.is_data else maker.lock_path,
                rev=commit,
                context=STAGE_CONTEXT if via is None else SOURCE_CONTEXT,
                via=via,
            )
        )
    return StageFacts(name=address, inputs=tuple(inputs), problems=tuple(problems))


def _tracked(repo: Repository, keys: Iterable[str]) -> set[str]:
    """Return those of `keys` that Git tracks; the data repository may lie below Git's root."""
    if repo.git is None:
        return set()
    below = os.path.relpath(os.path.realpath(repo.root), os.path.realpath(repo.git.root)).replace(os.sep, "/")
    in_git = {key if below == "." else f"{below}/{key}": key for key in keys}
    return {in_git[path] for path in repo.git.tracked(in_git)}


def _sources(pipeline: Pipeline, producers: Mapping[str, Stage], own: Iterable[str]) -> dict[str, str]:
    """Return the data without a maker that stages before this one read, each with the dependency it came through."""
    found: dict[str, str] = {}
    for key in own:
        maker = _maker(key, producers)
        if maker is None or maker.is_data:
            continue
        for address in sorted(pipeline.graph.closure([maker.address])):
            for dep in pipeline.stages[address].deps:
                source = _maker(dep.key, producers)
                if not is_outside(dep.key) and (source is None or source.is_data):
                    found.setdefault(dep.key, key)
    return found


def _producers(stages: Iterable[Stage]) -> dict[str, Stage]:
    return {out.key: stage for stage in stages for out in stage.outs}


def _maker(key: str, producers: Mapping[str, Stage]) -> Stage | None:
    """Return the stage or `.dvc` file that a path is an output of, or lies inside an output of."""
    return next((producers[path] for path in (key, *reversed(parents(key))) if path in producers), None)
