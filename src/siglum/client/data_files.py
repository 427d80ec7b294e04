"""Data files that a run reads by path: opened, hashed, and told apart by who keeps track of them."""

from __future__ import annotations

import builtins
import io
import logging
import os
from typing import IO, Any

from siglum.core.errors import InvalidInputError
from siglum.lineage.data_inputs import head_commit, input_of_path
from siglum.lineage.inputs import DataInput, record_input
from siglum.lineage.project import project_root, relative_to_root
from siglum.pipeline.sources.reading import Source
from siglum.tracking.entities import Tag
from siglum.workspace.git import Git
from siglum.workspace.repository import Repository, find_root

TRACKED_TAG = "siglum.data.tracked_by"
"""On an input: `dvc` (a pointer file names its content), `git`, or `nothing`."""

_log = logging.getLogger("siglum")
_said: set[str] = set()
"""Paths of which it has been said that nobody keeps track of them."""


def tracked_tag(item: DataInput) -> Tag:
    """Return the tag that says who keeps track of an input; a warning says so, once, when nobody does."""
    if item.pointer is not None or item.repo is not None:
        return Tag(TRACKED_TAG, "dvc")
    path = os.path.realpath(os.path.join(project_root(os.getcwd()), item.path))
    git = Git.find(os.path.dirname(path))
    if git is not None and git.tracked([os.path.relpath(path, os.path.realpath(git.root))]):
        return Tag(TRACKED_TAG, "git")
    if path not in _said:
        _said.add(path)
        _log.warning(
            "%s is not tracked: its hash is on record, its content is kept nowhere. 'siglum add' keeps it.", item.path
        )
    return Tag(TRACKED_TAG, "nothing")


def open(  # noqa: A001  -- what siglum.open is
    path: str | os.PathLike[str], mode: str = "r", encoding: str | None = None, *, context: str = "read"
) -> IO[Any]:
    """Open a data file for reading; the runs that are active record its content hash, pointer file and Git revision.

    A file that is recorded but not there is read from the cache or a remote, and verified.

    Args:
        path: Relative to the current folder, or absolute.
        mode: `r` for text, `rb` for bytes.
        encoding: Of text; by default the one that Python's own `open` takes.
        context: The role in which it is read, such as `training`.

    Raises:
        NotFoundError: Nothing is there, and nothing is recorded under this path.
        InvalidInputError: Another mode, or a folder.
    """
    if mode not in ("r", "rt", "rb"):
        raise InvalidInputError(f"mode is {mode!r}, but data can only be read.", hint="Use 'r' or 'rb'.")
    absolute = os.path.abspath(os.fspath(path))
    if os.path.isdir(absolute):
        raise InvalidInputError(f"{os.fspath(path)!r} is a folder.", hint="Record it with log_input().")
    root = find_root(os.path.dirname(absolute))
    if os.path.exists(absolute) or root is None:
        item = input_of_path(os.fspath(path), os.getcwd(), context)
        tracked_tag(item)  # says so when it is not
        record_input(item)
        return builtins.open(absolute, mode, encoding=encoding)
    opened = Source(Repository.open(root), None, None).open(absolute)
    project = project_root(os.getcwd())
    record_input(
        DataInput(
            path=relative_to_root(absolute, project),
            hash=str(opened.hash),
            pointer=relative_to_root(os.path.join(root, opened.pointer), project) if opened.pointer else None,
            rev=head_commit(root),
            context=context,
        )
    )
    return opened.stream if mode == "rb" else io.TextIOWrapper(opened.stream, encoding=encoding)
