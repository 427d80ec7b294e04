"""All content that a repository uses: in the workspace, and in the Git revisions that are asked for.

Unlike what a transfer is about (`pipeline.tracked`), this has all that garbage collection must keep: also outputs that
are never pushed, and the single files of outputs that are kept by version on a remote.
"""

from __future__ import annotations

import datetime
import posixpath
from collections.abc import Iterable

import msgspec

from siglum.core.errors import FileFormatError, InvalidInputError, SiglumError
from siglum.core.hashes import DataHash
from siglum.pipeline.files import Files, WorkspaceFiles, by_folder, is_metafile
from siglum.pipeline.load import Pipeline, flag_style, read_pipeline
from siglum.pipeline.stages import LOCK_FILE
from siglum.workspace.git import Git, TreeEntry
from siglum.workspace.pointers import is_pointer, parse_pointer
from siglum.workspace.repository import Repository

_EXPERIMENTS = "refs/exps"


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which revisions count beside the workspace, which always does. The options and their meaning are DVC's.

    `number` is how many commits count back from `revision` or from each branch, by first parents; all when negative,
    one when 0.
    """

    workspace: bool = False
    all_branches: bool = False
    all_tags: bool = False
    all_commits: bool = False
    all_experiments: bool = False
    revision: str | None = None
    since: datetime.date | None = None
    number: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was chosen."""
        return self == Scope(number=self.number)

    def in_words(self) -> str:
        """Return what is kept, as people say it."""
        number = self.number or 1
        last = "all commits of " if number < 0 else f"the last {number} commits of " if number != 1 else ""
        parts = ["the workspace"]
        if self.revision is not None:
            parts.append(f"{last}{self.revision}")
        if self.all_branches:
            parts.append(f"{last}all branches")
        if self.all_tags:
            parts.append("all tags")
        if self.all_commits:
            parts.append("all commits")
        if self.since is not None:
            parts.append(f"all commits since {self.since.isoformat()}")
        if self.all_experiments:
            parts.append("all experiments")
        return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


class Used(msgspec.Struct, frozen=True):
    """Hashes in use, and the revisions that could not be read, with the reason of each."""

    data: frozenset[DataHash]
    failed: dict[str, str] = {}


def used_data(repo: Repository, scope: Scope, *, skip_failed: bool = False) -> Used:
    """Return what the workspace and the revisions of `scope` record.

    Raises FileFormatError for a file that cannot be read; with `skip_failed` only one of the workspace, and a revision
    that has another is left out. Raises NotFoundError for a revision that is not there, InvalidInputError where Git is
    needed and there is none.
    """
    found = set(_recorded(WorkspaceFiles(repo), repo))
    failed: dict[str, str] = {}
    commits = _commits(repo, scope)
    if commits:
        assert repo.git is not None
        reader = _RevisionReader(repo, repo.git)
        for commit in commits:
            try:
                found |= reader.read(commit)
            except SiglumError as error:
                if not skip_failed:
                    error.hint = "Use --skip-failed to leave out revisions that cannot be read."
                    raise
                failed[commit] = str(error)
    return Used(frozenset(found), failed)


def _commits(repo: Repository, scope: Scope) -> list[str]:
    if scope == Scope(workspace=scope.workspace):
        return []
    git = repo.git
    if git is None:
        raise InvalidInputError(f"{repo.root} is not in a Git repository: there is only a workspace to keep.")
    number = scope.number or 1
    found: list[str] = []
    if scope.revision is not None:
        found += git.ancestors(scope.revision, number)
    if scope.all_branches:
        found += [commit for branch in git.branches() for commit in git.ancestors(f"refs/heads/{branch}", number)]
    if scope.all_tags:
        found += [commit for tag in git.tags() if (commit := git.resolve(f"refs/tags/{tag}")) is not None]
    if scope.all_commits:
        found += git.commits()
    if scope.since is not None:
        # DVC reads the day as one of this machine's time zone.
        midnight = datetime.datetime.combine(scope.since, datetime.time()).timestamp()
        found += git.committed_since(midnight)
    if scope.all_experiments:
        found += git.refs(_EXPERIMENTS)
    return list(dict.fromkeys(found))


def _recorded(files: Files, repo: Repository) -> Iterable[DataHash]:
    """Yield what `.dvc` files and lock files name and the cache is to hold."""
    for path in files.metafiles():
        if not is_pointer(path):
            continue
        for out in parse_pointer(files.read(path) or b"", path).outs:
            if not out.cache:
                continue
            if out.data is not None:
                yield out.data
            yield from (DataHash(each.md5) for each in out.files or () if each.md5 is not None)
    yield from _made(read_pipeline(files, flag_style(repo)))


def _made(pipeline: Pipeline) -> Iterable[DataHash]:
    for address, lock in pipeline.locks.items():
        for out in pipeline.stages[address].outs:
            recorded = lock.out(out.path)
            if not out.cache or recorded is None:
                continue
            if recorded.data_hash is not None:
                yield recorded.data_hash
            for each in recorded.files or ():
                if isinstance(each, dict) and isinstance(each.get("md5"), str):
                    yield DataHash.parse(f"md5:{each['md5']}")


class _RevisionReader:
    """Reads what commits record. Most commits leave the files that matter alone, so that few of many are parsed."""

    def __init__(self, repo: Repository, git: Git) -> None:
        self._repo = repo
        self._git = git
        self._blobs: dict[str, bytes] = {}
        # By the metafiles of a commit: which other files were read too, and what came of it.
        self._known: dict[tuple[tuple[str, str], ...], list[tuple[dict[str, str | None], frozenset[DataHash]]]] = {}

    def read(self, commit: str) -> frozenset[DataHash]:
        """Return what a commit records."""
        prefix = self._repo.git_prefix
        entries = {
            entry.path[len(prefix) :]: entry
            for entry in self._git.tree(commit)
            if entry.path.startswith(prefix) and entry.mode.startswith("100")
        }
        mine = tuple((path, entry.oid) for path, entry in entries.items() if _is_text(path))
        for others, data in self._known.get(mine, ()):
            if all(_oid(entries, path) == oid for path, oid in others.items()):
                return data
        self._blobs |= self._git.blobs(oid for _, oid in mine if oid not in self._blobs)
        files = _CommitFiles(self._git, entries, self._blobs, commit)
        try:
            data = frozenset(_recorded(files, self._repo))
        except FileFormatError as error:
            error.message = f"{commit[:10]}: {error.message}"
            raise
        self._known.setdefault(mine, []).append((files.others, data))
        return data


class _CommitFiles:
    """The files of a commit; notes which it was asked for that are not metafiles. Implements `Files`."""

    def __init__(self, git: Git, entries: dict[str, TreeEntry], blobs: dict[str, bytes], commit: str) -> None:
        self._git = git
        self._entries = entries
        self._blobs = blobs
        self._commit = commit
        self.others: dict[str, str | None] = {}

    def read(self, path: str) -> bytes | None:
        oid = _oid(self._entries, path)
        if not _is_text(path):
            self.others[path] = oid
        if oid is None:
            return None
        if oid not in self._blobs:
            self._blobs |= self._git.blobs([oid])
        return self._blobs[oid]

    def metafiles(self) -> list[str]:
        return sorted(filter(is_metafile, self._entries), key=by_folder)


def _oid(entries: dict[str, TreeEntry], path: str) -> str | None:
    entry = entries.get(path)
    return None if entry is None else entry.oid


def _is_text(path: str) -> bool:
    return is_metafile(path) or posixpath.basename(path) == LOCK_FILE


def parse_day(text: str) -> datetime.date:
    """Read `yyyy-mm-dd`. Raises InvalidInputError."""
    try:
        return datetime.date.fromisoformat(text) if len(text) == 10 else _no_day(text)
    except ValueError:
        return _no_day(text)


def _no_day(text: str) -> datetime.date:
    raise InvalidInputError(f"{text!r} is not a day.", hint="Write it as yyyy-mm-dd, as in 2026-11-24.")
