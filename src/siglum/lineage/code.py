"""The state of the code at the start of a run: commit, branch, remote, and the uncommitted change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import msgspec

from siglum.core.secrets import mask
from siglum.core.text import count, size
from siglum.lineage.packages import without_credentials
from siglum.workspace.git import Git

MAX_DIFF_BYTES = 10 * 1024 * 1024
"""A longer diff is not kept, only its SHA-256; a longer untracked file is left out of the diff, and named."""


class CodeState(msgspec.Struct, frozen=True, kw_only=True):
    """The code that ran. `diff` is None when nothing was changed, or when it is too long to be kept, or not wanted.

    `diff_sha256` is of the change itself; in `diff`, secrets are masked.
    """

    commit: str | None = None
    branch: str | None = None
    remote: str | None = None
    diff_sha256: str | None = None
    diff: bytes | None = None
    problems: tuple[str, ...] = ()

    @property
    def dirty(self) -> bool:
        """Whether there was an uncommitted change."""
        return self.diff_sha256 is not None


def capture_code(
    root: str, exclude: Sequence[str], max_diff: int = MAX_DIFF_BYTES, *, keep_diff: bool = True
) -> CodeState:
    """Return the state of the working tree at `root`; `exclude` are paths of results, relative to `root`.

    The diff holds untracked files that are not ignored, since a script may import them. Read-only.
    """
    git = Git.find(root)
    if git is None:
        return CodeState(problems=("The code is not under version control: no commit could be recorded.",))
    below = os.path.relpath(root, git.root).replace(os.sep, "/")
    skipped = [path if below == "." else f"{below}/{path}" for path in exclude]
    seen = git.checked_out()
    problems = [] if seen.commit else ["The Git repository has no commit yet."]
    remote = git.remote_url()
    state = CodeState(
        commit=seen.commit,
        branch=seen.branch,
        remote=without_credentials(remote) if remote else None,
        problems=tuple(problems),
    )
    if not seen.is_dirty(skipped):
        return state
    for path in git.untracked():
        length = _length(os.path.join(git.root, path))
        if length > max_diff:
            skipped.append(path)
            problems.append(
                f"{path} ({size(length)}) is untracked and too long for the recorded diff: it is not in it."
            )
    diff = git.diff_with_untracked(skipped)
    if not diff:
        return msgspec.structs.replace(state, problems=tuple(problems))
    kept: bytes | None = None
    if keep_diff and len(diff) <= max_diff:
        masked = mask(diff)
        kept = masked.text
        if masked.count:
            problems.append(
                f"{count(masked.count, 'secret')} in the uncommitted diff masked: the exact code cannot be rebuilt "
                "from what is kept of it."
            )
    elif keep_diff:
        problems.append(f"The uncommitted diff of {size(len(diff))} is too long to be kept; its SHA-256 is on record.")
    digest = hashlib.sha256(diff).hexdigest()
    return msgspec.structs.replace(state, diff_sha256=digest, diff=kept, problems=tuple(problems))


def commit_tags(root: str, results: Sequence[str]) -> dict[str, str]:
    """Return the tags that say which commit was checked out, and whether anything but `results` differed from it."""
    git = Git.find(root)
    seen = None if git is None else git.checked_out()
    if git is None or seen is None or seen.commit is None:
        return {}
    below = os.path.relpath(root, git.root).replace(os.sep, "/")
    skipped = [path if below == "." else f"{below}/{path}" for path in results]
    tags = {
        "mlflow.source.git.commit": seen.commit,
        "mlflow.source.git.branch": seen.branch,
        "mlflow.source.git.repoURL": git.remote_url(),
        "siglum.git.dirty": str(seen.is_dirty(skipped)).lower(),
    }
    return {key: value for key, value in tags.items() if value is not None}


def _length(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
