"""The `.gitignore` lines of outputs, for many stages with few runs of Git and few writes.

The lines are DVC's, in the order in which one stage after the other would have added them.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterable, Mapping
from operator import itemgetter

from siglum.core.errors import ConflictError, NotFoundError
from siglum.pipeline.definition.stages import Stage
from siglum.workspace.documents import read_bytes, write_atomic
from siglum.workspace.git import Git
from siglum.workspace.gitignore import entry_for
from siglum.workspace.repository import Repository


class OutputRules:
    """What Git knows of the outputs of some stages: asked once, for all of them, when it is first needed.

    Outputs that are not cached, or lie outside the repository, are no matter of Git's here.
    """

    def __init__(self, repo: Repository, stages: Iterable[Stage]) -> None:
        self._repo = repo
        self._git: Git | None = repo.git
        self._keys = [out.key for stage in stages for out in stage.outs if out.cache and not out.is_outside]
        self._tracked: frozenset[str] | None = None
        self._ignored: Mapping[str, bool] | None = None
        self._files: dict[str, _RulesFile] = {}

    def check_untracked(self, stage: Stage) -> None:
        """Raise ConflictError for an output that Git tracks: it cannot be kept in the cache as well."""
        if self._git is None:
            return
        if self._tracked is None:
            names = {self._below(key): key for key in self._keys}
            self._tracked = frozenset(names[name] for name in self._git.tracked(names))
        for out in stage.outs:
            if out.key in self._tracked:
                raise ConflictError(
                    f"The output '{out.key}' of '{stage.address}' is tracked by Git.",
                    hint=f"Run 'git rm -r --cached {out.key}', or declare it with 'cache: false'.",
                )

    def ignore(self, key: str, rank: int) -> None:
        """Have `flush` add the line for an output, unless Git ignores it. Lines stand by rank."""
        if self._git is None or self._is_ignored(self._git, key):
            return
        path = os.path.join(self._repo.root, key)
        file = os.path.join(os.path.dirname(path), ".gitignore")
        if file not in self._files:
            self._files[file] = _RulesFile(file)
        self._files[file].add(os.path.basename(path), rank)

    def flush(self) -> None:
        """Write the files that got new lines; durable on return."""
        for file in self._files.values():
            file.flush()

    def _is_ignored(self, git: Git, key: str) -> bool:
        if self._ignored is None:
            # A rule may be for folders only, and what will be one is not there yet. A link is no folder to Git.
            names = [self._below(key) for key in self._keys]
            linked = (os.path.islink(os.path.join(self._repo.root, key)) for key in self._keys)
            folders = [f"{name}/" for name, is_link in zip(names, linked, strict=True) if not is_link]
            found = git.ignored([*names, *folders])
            self._ignored = {
                key: os.path.isdir(os.path.join(self._repo.root, key)) if name not in found else True
                for key, name in zip(self._keys, names, strict=True)
                if name in found or f"{name}/" in found
            }
        if key not in self._ignored:
            return False
        return self._ignored[key] or os.path.isdir(os.path.join(self._repo.root, key))

    def _below(self, key: str) -> str:
        return self._repo.git_prefix + key


class _RulesFile:
    def __init__(self, path: str) -> None:
        self._path = path
        self._before: bytes | None = None
        self._added: list[tuple[int, bytes]] = []
        self._written = b""
        self._dirty = False

    def add(self, name: str, rank: int) -> None:
        line = os.fsencode(entry_for(name))
        if all(line != added for _, added in self._added):
            bisect.insort(self._added, (rank, line), key=itemgetter(0))
            self._dirty = True

    def flush(self) -> None:
        if not self._dirty:
            return
        now = self._read()
        if self._before is None or now != self._written:  # the first time, or somebody else changed it meanwhile
            self._before = now
            there = set(now.split(b"\n"))
            self._added = [(rank, line) for rank, line in self._added if line not in there]
        joint = b"" if not self._before or self._before.endswith(b"\n") else b"\n"
        text = self._before + (joint if self._added else b"") + b"".join(line + b"\n" for _, line in self._added)
        if text != now:
            write_atomic(self._path, text)
        self._written, self._dirty = text, False

    def _read(self) -> bytes:
        try:
            return read_bytes(self._path)
        except NotFoundError:
            return b""
