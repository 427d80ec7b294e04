"""All content that a repository records: what `.dvc` files name and what stages made, by target."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence

from siglum.core.errors import NotFoundError
from siglum.core.hashes import DataHash
from siglum.pipeline.graph.load import load_pipeline
from siglum.pipeline.graph.targets import find_stages
from siglum.pipeline.inventory.outputs import recorded_outputs
from siglum.workspace.checkout import DataAt, recorded_data
from siglum.workspace.manifests import Manifests
from siglum.workspace.repository import Repository
from siglum.workspace.targets import all_outputs, find_output, not_tracked


def tracked_data(repo: Repository, targets: Sequence[str] = (), manifests: Manifests | None = None) -> list[DataAt]:
    """Return what the workspace's `.dvc` files and lock files record, all of it or what `targets` mean.

    A target is a path relative to the current folder (an output, something in one, a folder above some, a `.dvc` file)
    or a stage. Raises NotFoundError for one that is none of these, or for a part of a folder whose manifest is not in
    the cache (nor where else `manifests` looks).
    """
    manifests = manifests or Manifests(repo.cache)
    pointed = all_outputs(repo)
    made = [DataAt(out.path, out.hash, out.is_exec, out.cached) for out in recorded_outputs(repo)]
    if not targets:
        return _once([*recorded_data(pointed, repo), *made])
    selected: list[DataAt] = []
    for target in targets:
        key = repo.key_of(os.path.abspath(target))
        output = find_output(pointed, key)
        if output is not None:
            selected += recorded_data([output], repo, manifests)
            continue
        below = [each for each in pointed if key == "." or each.key.startswith(key + "/")]
        found = [*recorded_data(below, repo), *(each for each in made if _is_within(each.path, key))]
        found = found or _part_of(manifests, made, key) or _of_stages(repo, target)
        if not found:
            raise not_tracked(target, [repo.shown(each.path) for each in (*recorded_data(pointed, repo), *made)])
        selected += found
    return _once(selected)


def _is_within(path: str, key: str) -> bool:
    return key == "." or path == key or path.startswith(key + "/")


def _part_of(manifests: Manifests, made: Sequence[DataAt], key: str) -> list[DataAt]:
    """Return one file or folder inside the output of a stage."""
    for each in made:
        if each.hash.is_dir and key.startswith(each.path + "/"):
            within = key[len(each.path) + 1 :]
            entries = manifests.read(each.hash.oid).entries
            return [
                DataAt(posixpath.join(each.path, entry.relpath), DataHash(entry.oid))
                for entry in entries
                if _is_within(entry.relpath, within)
            ]
    return []


def _of_stages(repo: Repository, target: str) -> list[DataAt]:
    """Return the recorded outputs of the stages that a target names, nothing when it names none."""
    folder = os.path.relpath(os.getcwd(), repo.root)
    try:
        addresses = find_stages(load_pipeline(repo), [target], "" if folder == "." else folder)
    except NotFoundError:
        return []
    return [DataAt(o.path, o.hash, o.is_exec, o.cached) for o in recorded_outputs(repo) if o.stage in addresses]


def _once(found: Sequence[DataAt]) -> list[DataAt]:
    return list({(each.path, each.hash): each for each in found}.values())
