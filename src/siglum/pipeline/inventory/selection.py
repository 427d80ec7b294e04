"""Which stages and `.dvc` files a data command is about: DVC's rules for targets, `-d` and `-R`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import msgspec

from siglum.core.errors import NotFoundError
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import Pipeline
from siglum.pipeline.graph.targets import Selection, find_stages, steps
from siglum.workspace.repository import Repository
from siglum.workspace.targets import not_tracked


class Selected(msgspec.Struct, frozen=True):
    """A stage or `.dvc` file; `part` is what of its outputs is meant, a path from the root, "" for all of them."""

    stage: Stage
    part: str = ""


def folder_of(repo: Repository) -> str:
    """Return the current folder as seen from the root, posix; "" for the root itself, and from outside."""
    relative = os.path.relpath(os.path.realpath(os.getcwd()), os.path.realpath(repo.root)).replace(os.sep, "/")
    return "" if relative in (".", "..") or relative.startswith("../") else relative


def select(
    repo: Repository,
    pipeline: Pipeline,
    targets: Sequence[str],
    *,
    with_deps: bool = False,
    recursive: bool = False,
) -> tuple[Selected, ...]:
    """Return what `targets` (paths relative to the current folder, or stages) mean; everything when there are none.

    A target is a stage, a dvc.yaml, a `.dvc` file, an output, or something in an output; with `recursive` also a
    folder, for all that is described in it and below. With `with_deps` comes what the targets are made from, each
    behind what it needs. Raises NotFoundError, with near names.
    """
    if not targets:
        return tuple(Selected(stage) for stage in pipeline.stages.values())
    folder = folder_of(repo)
    found: dict[tuple[str, str], Selected] = {}
    for target in targets:
        for each in _meant(repo, pipeline, target, folder, recursive):
            found[each.stage.address, each.part] = each
    return _with_upstream(pipeline, found.values()) if with_deps else tuple(found.values())


def _meant(repo: Repository, pipeline: Pipeline, target: str, folder: str, recursive: bool) -> list[Selected]:
    path = os.path.abspath(target)
    key = "" if path == repo.root else os.path.relpath(path, repo.root).replace(os.sep, "/")
    if os.path.isabs(target):
        target = os.path.relpath(path, os.path.join(repo.root, folder))
    if recursive and os.path.isdir(os.path.join(repo.root, key)):
        below = [stage for stage in pipeline.stages.values() if not key or stage.file.startswith(f"{key}/")]
        if below:
            return [Selected(stage) for stage in below]
    try:
        stages = [pipeline.stages[address] for address in find_stages(pipeline, [target], folder)]
    except NotFoundError:
        stages = []
    if stages:
        by_path = target not in (stages[0].name, stages[0].address) and key not in pipeline.tops
        return [Selected(s, key if by_path and any(out.key == key for out in s.outs) else "") for s in stages]
    inside = [(out.key, stage) for stage in pipeline.stages.values() for out in stage.outs if _lies_in(key, out.key)]
    if inside:
        return [Selected(max(inside, key=lambda each: len(each[0]))[1], key)]
    raise _nothing_there(repo, pipeline, target, key)


def _lies_in(key: str, output: str) -> bool:
    return key.startswith(f"{output}/")


def _nothing_there(repo: Repository, pipeline: Pipeline, target: str, key: str) -> NotFoundError:
    if any(not key or _lies_in(out.key, key) for stage in pipeline.stages.values() for out in stage.outs):
        return NotFoundError(f"{target!r} is not tracked itself.", hint="Use -R for all that is tracked below it.")
    names = [stage.address for stage in pipeline.stages.values() if not stage.is_data]
    return not_tracked(target, [*names, *(repo.shown(out.key) for s in pipeline.stages.values() for out in s.outs)])


def _with_upstream(pipeline: Pipeline, found: Iterable[Selected]) -> tuple[Selected, ...]:
    parts = {each.stage.address: each for each in found}
    ordered = steps(pipeline, tuple(parts), Selection())
    return tuple(parts.get(address, Selected(pipeline.stages[address])) for address in ordered)
