"""What people name on the command line, as stages. Pure."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterable

import msgspec

from siglum.core.errors import NotFoundError
from siglum.core.text import did_you_mean
from siglum.pipeline.definition.paths import join
from siglum.pipeline.definition.stages import PIPELINE_FILE, Stage, make_address
from siglum.pipeline.graph.load import Pipeline


class Selection(msgspec.Struct, frozen=True):
    """How far around the named stages to go."""

    single: bool = False
    downstream: bool = False
    whole_pipelines: bool = False
    everything: bool = False


def find_stages(
    pipeline: Pipeline, targets: Iterable[str], folder: str, *, recursive: bool = False, glob: bool = False
) -> tuple[str, ...]:
    """Return the addresses that `targets`, written in `folder`, stand for, in that order, each once.

    A target is a stage's name, the group name of generated stages, `path/dvc.yaml`, `path/dvc.yaml:name`, a `.dvc`
    file, or an output; with `recursive`, also a folder; with `glob`, a pattern of names. No targets: the stages of the
    dvc.yaml in `folder`. Raises NotFoundError with near names.
    """
    listed = list(targets)
    if not listed:
        return _of_file(pipeline, join(folder, PIPELINE_FILE), folder)
    found: dict[str, None] = {}
    for target in listed:
        matching = _matching(pipeline, target, folder) if glob else ()
        found.update(dict.fromkeys(matching or _find(pipeline, target, folder, recursive)))
    return tuple(found)


def steps(pipeline: Pipeline, addresses: tuple[str, ...], selection: Selection) -> tuple[str, ...]:
    """Return the stages to look at, each behind what it needs. Frozen stages do not lead to what they depend on.

    Of what a selection says the widest counts, as in DVC.
    """
    if selection.single and not (selection.everything or selection.whole_pipelines):
        return addresses
    frozen = (stage.address for stage in pipeline.stages.values() if stage.frozen)
    graph = pipeline.graph.without_upstream(frozen)
    if selection.everything:
        return graph.order()
    if selection.whole_pipelines:
        reached = frozenset(addresses)
        while (wider := graph.closure(graph.closure(reached), downstream=True)) != reached:
            reached = wider
        return graph.order(reached)
    return graph.order(graph.closure(addresses, downstream=selection.downstream))


def _of_file(pipeline: Pipeline, file: str, folder: str) -> tuple[str, ...]:
    if file not in pipeline.tops:
        where = f"in '{folder}'" if folder else "here"
        raise NotFoundError(
            f"There is no dvc.yaml {where}.", hint="Name a stage, or use --all-pipelines to run every dvc.yaml."
        )
    return tuple(stage.address for stage in pipeline.stages.values() if stage.file == file)


def _find(pipeline: Pipeline, target: str, folder: str, recursive: bool) -> tuple[str, ...]:
    path = join(folder, target)
    if recursive:
        inside = [s.address for s in pipeline.stages.values() if not path or s.file.startswith(f"{path}/")]
        if inside:
            return tuple(inside)
    if path in pipeline.tops:
        return _of_file(pipeline, path, folder)
    if path in pipeline.stages and pipeline.stages[path].is_data:
        return (path,)
    file, colon, name = target.rpartition(":")
    named_file = join(folder, file) if colon and file else join(folder, PIPELINE_FILE)
    if colon and file and posixpath.basename(named_file) == PIPELINE_FILE and named_file not in pipeline.tops:
        raise NotFoundError(f"There is no '{named_file}'.")
    name = name if colon else target
    address = make_address(named_file, name)
    if address in pipeline.stages:
        return (address,)
    group = tuple(a for a, stage in pipeline.stages.items() if stage.file == named_file and _in_group(stage, name))
    owners = tuple(a for a, stage in pipeline.stages.items() if any(out.key == path for out in stage.outs))
    if group or owners:
        return group or owners
    names = [stage.name for stage in pipeline.stages.values() if stage.file == named_file]
    hint = did_you_mean(name, [*names, *pipeline.stages]) or "See dvc.yaml for the stages there are."
    raise NotFoundError(f"There is no stage or output '{target}'.", hint=hint)


def _matching(pipeline: Pipeline, pattern: str, folder: str) -> tuple[str, ...]:
    """Return the stages of one dvc.yaml whose names match a pattern, which may have a `path/dvc.yaml:` before it."""
    file, colon, names = pattern.rpartition(":")
    file, names = (join(folder, file), names) if colon and file else (join(folder, PIPELINE_FILE), pattern)
    return tuple(
        address
        for address, stage in pipeline.stages.items()
        if not stage.is_data and stage.file == file and fnmatch.fnmatchcase(stage.name, names)
    )


def _in_group(stage: Stage, name: str) -> bool:
    return stage.name.rpartition("@")[0] == name
