"""The states that are compared: the workspace and Git's revisions, each as files, read by one `git` in all."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Protocol, Self

import msgspec

from siglum.core.errors import NotFoundError
from siglum.core.text import did_you_mean
from siglum.pipeline.definition.files import RulesOfRevision, WorkspaceFiles, by_folder, is_metafile
from siglum.pipeline.definition.param_files import parse_params
from siglum.pipeline.graph.load import Pipeline, flag_style, read_pipeline
from siglum.workspace.git import Git
from siglum.workspace.git_objects import ObjectReader, TreeItem
from siglum.workspace.repository import DVC_DIR, Repository

WORKSPACE: Final = "workspace"
_Metafiles = tuple[tuple[str, str], ...]


class StateName(msgspec.Struct, frozen=True):
    """What a state is called (several branches and tags may be one commit), and its commit; None is the workspace."""

    name: str
    commit: str | None = None


class StateFiles(Protocol):
    """The files of a state by posix path from the root. Widens `Files`."""

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, or None when there is no such file."""
        ...

    def metafiles(self) -> list[str]:
        """Return all `dvc.yaml` and `.dvc` files that are not ignored."""
        ...

    def below(self, folder: str) -> list[str] | None:
        """Return the files in a folder and below it that are not ignored, sorted; None when it is not a folder."""
        ...

    def values(self, path: str) -> dict[str, Any] | None:
        """Return what a file of keys and values says, None when it is not there. Raises FileFormatError."""
        ...


class History:
    """Opens states, and keeps what is the same in several of them. A context manager, for one command's use."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._stack = ExitStack()
        self._reader: ObjectReader | None = None
        self._values: dict[tuple[str, str], dict[str, Any]] = {}
        self._metafiles: dict[str, _Metafiles] = {}
        # By the metafiles of a commit: which other files were read for its pipeline, and what it came to.
        self._pipelines: dict[_Metafiles, list[tuple[dict[str, str | None], Pipeline]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def files(self, state: StateName) -> StateFiles:
        """Return the files of a state. Raises NotFoundError."""
        if state.commit is None:
            return _Workspace(self._repo)
        if self._reader is None:
            assert self._repo.git is not None
            self._reader = self._stack.enter_context(ObjectReader(self._repo.git))
        return _Revision(self._reader, state.commit, self._repo.git_prefix, self._values, self._metafiles)

    def pipeline(self, files: StateFiles) -> Pipeline:
        """Return the pipeline of a state. Raises FileFormatError for a file that cannot be read."""
        style = flag_style(self._repo)
        if not isinstance(files, _Revision):
            return read_pipeline(files, style)
        mine = files.metafile_ids()
        for others, pipeline in self._pipelines.get(mine, ()):
            if all(files.oid(path) == oid for path, oid in others.items()):
                return pipeline
        files.asked.clear()
        pipeline = read_pipeline(files, style)
        self._pipelines.setdefault(mine, []).append((dict(files.asked), pipeline))
        return pipeline


def state_named(repo: Repository, rev: str | None) -> StateName:
    """Return the state that a revision names, the workspace for None. Raises NotFoundError with near names."""
    if rev is None:
        return StateName(WORKSPACE)
    git = repo.git
    if git is None:
        raise NotFoundError(f"There is no Git repository that could hold the revision {rev!r}.")
    commit = git.resolve(rev)
    if commit is None:
        hint = did_you_mean(rev, [*git.branches(), *git.tags()]) or "See 'git log --all' and 'git tag'."
        raise NotFoundError(f"Git has no revision {rev!r}.", hint=hint)
    return StateName(rev, commit)


def states(repo: Repository, *, branches: bool = False, tags: bool = False, commits: bool = False) -> list[StateName]:
    """Return the workspace, then the tips of all branches and tags, or all commits, the newest first.

    What has the same commit is one state, with all names. Without any of the three, the workspace alone is nameless.
    """
    if not (branches or tags or commits):
        return [StateName("")]
    git = repo.git
    if git is None:
        raise NotFoundError(f"{repo.root} is not in a Git repository that could hold revisions.")
    if commits:
        return [StateName(WORKSPACE), *(StateName(commit, commit) for commit in git.commits())]
    names: dict[str, list[str]] = {}
    for name, commit in _tips(git, branches=branches, tags=tags):
        names.setdefault(commit, []).append(name)
    return [StateName(WORKSPACE), *(StateName(",".join(each), commit) for commit, each in names.items())]


def _tips(git: Git, *, branches: bool, tags: bool) -> Iterator[tuple[str, str]]:
    if branches:
        yield from git.tips("refs/heads/")
    if tags:
        yield from git.tips("refs/tags/")


class _Workspace(WorkspaceFiles):
    """The files on disk. Implements `StateFiles`."""

    def __init__(self, repo: Repository) -> None:
        super().__init__(repo)
        self._root = repo.root
        self._rules = repo.ignore

    def below(self, folder: str) -> list[str] | None:
        top = os.path.join(self._root, folder)
        if not os.path.isdir(top):
            return None
        found: list[str] = []
        for where, folders, files in os.walk(top):
            folders[:] = [name for name in folders if not self._rules.is_ignored(os.path.join(where, name), True)]
            paths = (os.path.join(where, name) for name in files)
            found += (path for path in paths if not self._rules.is_ignored(path, False))
        return sorted(os.path.relpath(path, self._root).replace(os.sep, "/") for path in found)

    def values(self, path: str) -> dict[str, Any] | None:
        data = self.read(path)
        return None if data is None else parse_params(data, path)


class _Revision:
    """The files of a commit, looked up folder by folder; notes which were asked for. Implements `StateFiles`."""

    def __init__(
        self,
        reader: ObjectReader,
        commit: str,
        prefix: str,
        values: dict[tuple[str, str], dict[str, Any]],
        metafiles: dict[str, _Metafiles],
    ) -> None:
        self._reader = reader
        self._metafiles = metafiles
        top = reader.find(reader.tree_of(commit), prefix.rstrip("/"))
        self._top = top.oid if top is not None and top.is_folder else None
        self._values = values
        self.asked: dict[str, str | None] = {}

    def oid(self, path: str) -> str | None:
        """Return the id of a file's content, None when there is no such file."""
        item = self._find(path)
        return item.oid if item is not None and item.is_file else None

    def read(self, path: str) -> bytes | None:
        oid = self.asked[path] = self.oid(path)
        return None if oid is None else self._reader.blob(oid)

    def values(self, path: str) -> dict[str, Any] | None:
        oid = self.oid(path)
        if oid is None:
            return None
        key = (oid, path.rpartition(".")[2])
        if key not in self._values:
            self._values[key] = parse_params(self._reader.blob(oid), path)
        return self._values[key]

    def metafiles(self) -> list[str]:
        return sorted((path for path, _ in self.metafile_ids()), key=by_folder)

    def metafile_ids(self) -> _Metafiles:
        """Return all metafiles that are not ignored, with the ids of their contents."""
        return () if self._top is None else tuple(self._visible(self._metafiles_in(self._top)))

    def below(self, folder: str) -> list[str] | None:
        item = self._find(folder)
        if item is None or not item.is_folder:
            return None
        return sorted(path for path, _ in self._visible(self._walk(item.oid, f"{folder}/" if folder else "")))

    def _find(self, path: str) -> TreeItem | None:
        return None if self._top is None else self._reader.find(self._top, path)

    def _metafiles_in(self, tree: str) -> _Metafiles:
        """Return the metafiles in a folder and below it; known for one that was seen in another commit."""
        if tree not in self._metafiles:
            found: list[tuple[str, str]] = []
            for name, item in self._reader.tree(tree).items():
                if self._is_inside(name, item):
                    found += ((f"{name}/{path}", oid) for path, oid in self._metafiles_in(item.oid))
                elif item.is_file and is_metafile(name):
                    found.append((name, item.oid))
            self._metafiles[tree] = tuple(found)
        return self._metafiles[tree]

    def _walk(self, tree: str, prefix: str) -> Iterator[tuple[str, str]]:
        for name, item in self._reader.tree(tree).items():
            if self._is_inside(name, item):
                yield from self._walk(item.oid, f"{prefix}{name}/")
            elif item.is_file:
                yield prefix + name, item.oid

    def _is_inside(self, name: str, item: TreeItem) -> bool:
        """Whether something is a folder of this repository: what has settings of its own is another one."""
        return item.is_folder and name != DVC_DIR and self._reader.find(item.oid, f"{DVC_DIR}/config") is None

    def _visible(self, found: Iterable[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        rules = RulesOfRevision(self, ())
        return [each for each in found if not rules.hides(each[0])]


def is_values_file(path: str) -> bool:
    """Return whether a file of a folder may be one of values: not one that describes data, or what is ignored."""
    return not is_metafile(path) and posixpath.basename(path) not in ("dvc.lock", ".gitignore", ".dvcignore")
