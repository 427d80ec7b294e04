"""A throw-away checkout of a recorded state of the code: commit and uncommitted change, outside the user's work.

The scratch folder holds the working tree, a cache and a tracking store of its own. Leaving it removes all of that and
Git's note of the working tree, also after an error or Ctrl-C.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator

import msgspec

from siglum.core.errors import ConflictError, IntegrityError, NotFoundError, SiglumError
from siglum.core.secrets import MARK
from siglum.lineage.history import run_git_in
from siglum.workspace.git import Git
from siglum.workspace.git_process import run_git


class Scratch(msgspec.Struct, frozen=True):
    """Folders of one reproduction: `tree` is the checkout, `root` the project's folder in it."""

    folder: str
    tree: str
    root: str

    @property
    def cache(self) -> str:
        """The data cache that the checkout uses."""
        return os.path.join(self.folder, "cache")

    @property
    def environment(self) -> str:
        """Where a virtual environment goes."""
        return os.path.join(self.folder, "environment")

    @property
    def tracking_uri(self) -> str:
        """The embedded store that the rebuilt run logs to."""
        return f"sqlite:///{self.folder}/store/siglum.db"


@contextlib.contextmanager
def scratch_checkout(git: Git, below: str, commit: str, parent: str | None, *, keep: bool = False) -> Iterator[Scratch]:
    """Check `commit` out into a new folder in `parent` (the system's temporary folder when None).

    Args:
        git: The repository; its own working tree, index and branches are not touched.
        below: The project's folder in the repository.
        commit: What to check out.
        parent: Where the scratch folder is made.
        keep: Leave everything in place at the end.
    """
    folder = os.path.realpath(tempfile.mkdtemp(prefix="siglum-reproduce-", dir=parent))
    tree = os.path.join(folder, "tree")
    try:
        _add_worktree(git, tree, commit)
        yield Scratch(folder, tree, os.path.normpath(os.path.join(tree, below)))
    finally:
        if not keep:
            _remove(git, folder, tree)


def apply_patch(scratch: Scratch, patch: bytes, sha256: str) -> None:
    """Apply a recorded uncommitted change to the checkout.

    Raises:
        IntegrityError: Its bytes are not those on record.
        NotFoundError: Secrets in it were masked.
        ConflictError: It does not apply to the commit.
    """
    exact = hashlib.sha256(patch).hexdigest() == sha256
    if not exact and MARK.encode() in patch:
        raise NotFoundError(
            "The uncommitted change that the version was made with had secrets in it, which were masked.",
            hint="The exact code cannot be rebuilt. Read secrets from the environment, and commit before you train.",
        )
    if not exact:
        raise IntegrityError(
            f"The recorded uncommitted change (siglum/uncommitted.diff) does not have the SHA-256 on record, {sha256}.",
            hint="It was changed after the run; the exact code cannot be rebuilt. Restore it from a backup.",
        )
    arguments = ["-C", scratch.tree, "apply", "--binary", "--whitespace=nowarn", "-"]
    done = run_git(arguments, dict(os.environ, LC_ALL="C"), patch)
    if done.returncode != 0:
        raise ConflictError(f"The recorded uncommitted change does not apply to its commit: {_last_line(done.stderr)}.")


def _add_worktree(git: Git, tree: str, commit: str) -> None:
    # Without hooks: a post-checkout hook of the user's project (DVC installs one) is not part of the code's state.
    arguments = ["-C", git.root, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", "-q", tree, commit]
    done = run_git(arguments, dict(os.environ, LC_ALL="C", GIT_TERMINAL_PROMPT="0"))
    if done.returncode != 0:
        raise SiglumError(f"Git cannot check out {commit[:10]}: {_last_line(done.stderr)}.")


def _last_line(printed: bytes) -> str:
    lines = printed.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].rstrip(".") if lines else "git gave no reason"


def _remove(git: Git, folder: str, tree: str) -> None:
    # Only this one is taken out of Git's list: `git worktree prune` would also forget others that are not mounted now.
    run_git_in(git, ["worktree", "remove", "--force", "--force", tree])
    shutil.rmtree(folder, onerror=_make_writable)
    if os.path.exists(folder):
        raise SiglumError(f"{folder} could not be removed.", hint="Remove it by hand, then run 'git worktree prune'.")


def _make_writable(function: Callable[[str], object], path: str, _: object) -> None:
    # A stage may leave read-only folders; whoever made them may remove them.
    with contextlib.suppress(OSError):
        os.chmod(os.path.dirname(path), stat.S_IRWXU)
        os.chmod(path, stat.S_IRWXU)
        function(path)
