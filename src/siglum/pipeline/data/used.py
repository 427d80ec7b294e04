"""All content that a repository uses: in the workspace, and in the Git revisions that are asked for.

Unlike what a transfer is about (`pipeline.tracked`), this has all that garbage collection must keep: also outputs that
are never pushed, and the single files of outputs that are kept by version on a remote.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

import msgspec

from siglum.core.errors import InvalidInputError, SiglumError
from siglum.core.hashes import DataHash
from siglum.pipeline.inventory.inventory import InventoryItem, read_inventory
from siglum.pipeline.inventory.revisions import RevisionReader
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
    found = set(hashes_of(read_inventory(repo, cached_only=True).items))
    failed: dict[str, str] = {}
    commits = commits_of(repo, scope)
    if commits:
        reader = RevisionReader(repo)
        for commit in commits:
            try:
                found.update(hashes_of(reader.read(commit)))
            except SiglumError as error:
                if not skip_failed:
                    error.hint = "Use --skip-failed to leave out revisions that cannot be read."
                    raise
                failed[commit] = str(error)
    return Used(frozenset(found), failed)


def commits_of(repo: Repository, scope: Scope) -> list[str]:
    """Return the commits that a scope counts beside the workspace. Raises as `used_data` does."""
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


def hashes_of(items: Iterable[InventoryItem]) -> Iterator[DataHash]:
    """Yield the hashes of outputs, and of the single files of those that are kept by version on a remote."""
    for item in items:
        if item.hash is not None:
            yield item.hash
        yield from (DataHash(oid) for _, oid in item.files or ())


def parse_day(text: str) -> datetime.date:
    """Read `yyyy-mm-dd`. Raises InvalidInputError."""
    try:
        return datetime.date.fromisoformat(text) if len(text) == 10 else _no_day(text)
    except ValueError:
        return _no_day(text)


def _no_day(text: str) -> datetime.date:
    raise InvalidInputError(f"{text!r} is not a day.", hint="Write it as yyyy-mm-dd, as in 2026-11-24.")
