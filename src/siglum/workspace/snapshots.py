"""A data repository as a commit holds it, where nothing is checked out: its settings, and Git for all else."""

from __future__ import annotations

import hashlib
import os

from siglum.workspace.documents import write_atomic
from siglum.workspace.git import Git
from siglum.workspace.repository import DVC_DIR, Repository


def repository_at(git: Git, commit: str, prefix: str = "") -> Repository:
    """Return the data repository that a commit of a bare repository has at `prefix` ("", or ending in a slash).

    Its root is a folder of its own in the user's cache that holds the commit's `.dvc/config` and nothing else; what is
    in the repository is to be read at the commit.
    """
    name = hashlib.sha256(prefix.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    root = os.path.join(f"{git.root}.trees", commit, name)
    config = os.path.join(root, DVC_DIR, "config")
    if not os.path.exists(config):
        os.makedirs(os.path.dirname(config), mode=0o700, exist_ok=True)
        # A commit never changes, so that it does not matter who of several writes this.
        write_atomic(config, git.read_file(commit, f"{prefix}{DVC_DIR}/config") or b"")
    made = Repository(root)
    made.git = git
    made.git_prefix = prefix
    return made
