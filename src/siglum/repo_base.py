"""What all of `siglum.repo.Repo` stands on: the repository that it is about, and what its targets mean."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeAlias

from siglum.workspace.repository import Repository, find_root

Targets: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None
"""One target, several, or None for all there are."""


class RepoBase:
    """A data repository, which nothing is done with yet."""

    def __init__(self, root_dir: str | os.PathLike[str] | None = None) -> None:
        """Open the repository that `root_dir` (the current folder when None) lies in. Raises NotFoundError."""
        self._repository = Repository.open(os.path.realpath(root_dir or "."))

    @property
    def root_dir(self) -> str:
        """The repository's root."""
        return self._repository.root

    @property
    def dvc_dir(self) -> str:
        """The folder with settings and cache."""
        return self._repository.dvc_dir

    def _fresh(self) -> Repository:
        """Look at settings and files anew: others may have changed them since the last call."""
        self._repository = Repository(self._repository.root)
        return self._repository

    def _folder(self) -> str:
        """Return the current folder as seen from the root, posix; "" for the root, and from outside."""
        relative = os.path.relpath(os.path.realpath(os.getcwd()), os.path.realpath(self.root_dir)).replace(os.sep, "/")
        return "" if relative in (".", "..") or relative.startswith("../") else relative

    def _names(self, targets: Targets) -> list[str]:
        if targets is None:
            return []
        listed = [targets] if isinstance(targets, str | os.PathLike) else targets
        names = [os.fspath(each) for each in listed]
        if find_root() == self.root_dir:
            return names
        return [name if _is_stage(name) else os.path.join(self.root_dir, name) for name in names]


def _is_stage(name: str) -> bool:
    """Whether a target names a stage in a file, as `folder/dvc.yaml:train`."""
    return "dvc.yaml:" in name
