"""What a command's targets mean: `.dvc` files, the paths that they track, and paths inside tracked folders."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from siglum.core.errors import NotFoundError
from siglum.core.text import did_you_mean
from siglum.workspace.pointers import OutputSpec, Pointer
from siglum.workspace.repository import Repository


class TrackedOutput(msgspec.Struct, frozen=True):
    """An output of a `.dvc` file. `key` is its path from the root; `within` what of it is meant, "" for all of it."""

    pointer: Pointer
    spec: OutputSpec
    key: str
    within: str = ""


def all_outputs(repo: Repository) -> list[TrackedOutput]:
    """Return every output of every `.dvc` file."""
    return [
        TrackedOutput(pointer, spec, pointer.key_of(spec)) for pointer in repo.pointers() for spec in pointer.file.outs
    ]


def find_output(outputs: Sequence[TrackedOutput], key: str) -> TrackedOutput | None:
    """Return the output that `key` is: its path, its `.dvc` file, or the folder that it lies in (then `within`)."""
    for output in outputs:
        if key in (output.key, output.pointer.path):
            return output
    inside = [output for output in outputs if key.startswith(output.key + "/")]
    if not inside:
        return None
    nearest = max(inside, key=lambda output: len(output.key))
    return TrackedOutput(nearest.pointer, nearest.spec, nearest.key, key[len(nearest.key) + 1 :])


def select_outputs(repo: Repository, targets: Sequence[str]) -> list[TrackedOutput]:
    """Return the outputs that `targets` (paths relative to the current folder) mean; all when there are none.

    Raises NotFoundError for a target that no `.dvc` file tracks, naming near ones.
    """
    outputs = all_outputs(repo)
    if not targets:
        return outputs
    selected: dict[tuple[str, str], TrackedOutput] = {}
    for target in targets:
        key = repo.key_of(os.path.abspath(target))
        below = [output for output in outputs if key == "." or output.key.startswith(key + "/")]
        found = find_output(outputs, key)
        if found is None and not below:
            raise not_tracked(target, [repo.shown(output.key) for output in outputs])
        for output in [found] if found is not None else below:
            selected[output.key, output.within] = output
    return list(selected.values())


def not_tracked(target: str, known: Sequence[str]) -> NotFoundError:
    """Return the error for a target that nothing tracks."""
    hint = did_you_mean(target, known) or "Put it under version control with 'siglum add'."
    return NotFoundError(f"{target!r} is not tracked.", hint=hint)
