"""Where tracked data may be: what speaks against recording a path, whether it is added or moved there."""

from __future__ import annotations

import os

from siglum.core.errors import ConflictError, InvalidInputError
from siglum.workspace.repository import Repository


def check_place(repo: Repository, path: str, shown: str) -> None:
    """Raise InvalidInputError when the absolute `path` cannot be recorded, whatever is there.

    Its name is not UTF-8, it lies behind a link, or `.dvcignore` hides it. `shown` is how messages name it.
    """
    try:
        shown.encode()
    except UnicodeEncodeError:
        # A .dvc file is UTF-8: one that held this name could not be read again, and would stop every command.
        raise InvalidInputError(
            f"The name of {ascii(shown)[1:-1]} is not valid UTF-8, so that it cannot be recorded.",
            hint="Rename it and add it again.",
        ) from None
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    while len(folder) > len(repo.root):
        if os.path.islink(folder):
            link = os.path.relpath(folder)
            what = "is a link to a folder" if folder == path else f"is behind the link {link}"
            raise InvalidInputError(f"{shown} {what}.", hint="Add it where it really is.")
        folder = os.path.dirname(folder)
    hidden = repo.ignore.match(path)
    if hidden is not None:
        raise InvalidInputError(f"{shown} is ignored by {os.path.relpath(hidden.file)}:{hidden.line}: {hidden.pattern}")


def check_git(repo: Repository, path: str, shown: str, pointer: str) -> None:
    """Raise ConflictError when Git tracks `path` itself, or would not see its `.dvc` file `pointer` (both absolute)."""
    if repo.git is None:
        return
    check_not_in_git(repo, path, shown)
    if repo.git.ignored([os.path.relpath(pointer, repo.git.root)]):
        raise ConflictError(
            f"{os.path.relpath(pointer)} is ignored by Git, so that it could not be committed.", hint="Edit .gitignore."
        )


def check_not_in_git(repo: Repository, path: str, shown: str) -> None:
    """Raise ConflictError when Git tracks the absolute `path` itself."""
    if repo.git is not None and repo.git.tracked([os.path.relpath(path, repo.git.root)]):
        raise ConflictError(
            f"{shown} is tracked by Git.", hint=f"Run 'git rm -r --cached {shown}' and commit, then add it again."
        )
