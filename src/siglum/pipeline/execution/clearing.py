"""Making room for a stage's outputs before it runs, so that nothing is lost when it fails.

What is cached goes away only when its content is in the cache (it is put there first if need be). What is not cached
is moved aside and comes back when the stage fails without having written anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator

import msgspec

from siglum.core.errors import SiglumError
from siglum.pipeline.definition.stages import Output, Stage
from siglum.workspace.outputs import hash_path, is_cached, is_lost_link, save_path, unprotect
from siglum.workspace.repository import Repository


class Kept(msgspec.Struct, frozen=True):
    """An output that was safe nowhere else, and where it is now."""

    path: str
    where: str


@contextlib.contextmanager
def cleared_outputs(repo: Repository, stage: Stage) -> Iterator[tuple[Kept, ...]]:
    """Remove a stage's outputs for the time of its run; persistent ones are only detached from the cache.

    Yields what was saved on the way. An exception inside puts back what was moved aside, unless something new is
    there (then the old content stays in `.dvc/tmp/siglum/replaced`).
    """
    kept: list[Kept] = []
    aside: dict[str, str] = {}
    try:
        for out in stage.outs:
            path = os.path.join(repo.root, out.key)
            if not os.path.lexists(path):
                continue
            if is_lost_link(repo, path):
                _remove(path)
            elif out.persist:
                unprotect(repo, path)
            elif not (out.cache and _save(repo, out, kept)):
                aside[path] = _move_aside(repo, out, path)
            else:
                _remove(path)
        yield tuple(kept)
    except BaseException:
        for path, moved in aside.items():
            if not os.path.lexists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.rename(moved, path)
        raise
    for moved in aside.values():
        _remove(moved)


def keep_content(repo: Repository, out: Output) -> Kept | None:
    """Put an output's content into the cache unless it is there already; return what was put there.

    Raises what `hash_path` raises for something that cannot be tracked.
    """
    path = os.path.join(repo.root, out.key)
    if not os.path.exists(path):
        return None
    found = hash_path(repo, path).hash
    if is_cached(repo, found):
        return None
    save_path(repo, path, relink=False)
    return Kept(out.key, str(found))


def _save(repo: Repository, out: Output, kept: list[Kept]) -> bool:
    """Make sure that an output's content is in the cache; return whether it is."""
    try:
        saved = keep_content(repo, out)
    except SiglumError:
        return False  # something that cannot be tracked at all: it is moved aside
    if saved is not None:
        kept.append(saved)
    return True


def _move_aside(repo: Repository, out: Output, path: str) -> str:
    folder = os.path.join(repo.tmp_dir, "siglum", "replaced")
    os.makedirs(folder, exist_ok=True)
    name = hashlib.sha256(out.key.encode(errors="surrogateescape")).hexdigest()[:16]
    target = os.path.join(folder, name)
    number = 0
    while os.path.lexists(target):  # left by a run that was killed
        number += 1
        target = os.path.join(folder, f"{name}.{number}")
    shutil.move(path, target)
    return target


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
