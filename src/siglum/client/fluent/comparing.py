"""Runs and model versions side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from siglum.client import state
from siglum.client.fluent.runs import get_run
from siglum.core.errors import InvalidInputError
from siglum.lineage.project import project_root
from siglum.tracking.entities import Run
from siglum.workspace.git import Git

if TYPE_CHECKING:
    from siglum.client.run_comparison import RunComparison
    from siglum.client.version_comparison import VersionComparison


def compare_runs(*runs: str | Run | Sequence[str | Run]) -> RunComparison:
    """Return at least two runs side by side, given by id or as what a search returned; shows itself in a notebook.

    They are given one by one, or as a list.

    Raises:
        InvalidInputError: Fewer than two.
        NotFoundError: No run has this id.
    """
    from siglum.client.run_comparison import RunComparison  # only for who compares

    given = [each for some in runs for each in ([some] if isinstance(some, str | Run) else some)]
    if len(given) < 2:
        raise InvalidInputError("A comparison takes at least two runs.", hint="See search_runs() for their ids.")
    return RunComparison([each if isinstance(each, Run) else get_run(each) for each in given])


def compare_versions(old: str, new: str) -> VersionComparison:
    """Return what differs between two model versions, `name@version` or `name@alias`; shows itself in a notebook.

    Raises:
        InvalidInputError: Not a version's name.
        NotFoundError: No model or version has this name.
    """
    from siglum.client.version_comparison import VersionComparison  # only for who compares
    from siglum.lineage.diff import diff_versions
    from siglum.lineage.trace import Project

    root = project_root(os.getcwd())
    git = Git.find(root)
    project = None if git is None else Project(root, git)
    return VersionComparison(diff_versions(state.session().stores, project, old, new))
