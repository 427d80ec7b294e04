"""Other people's repositories, cloned into folders that last as long as the process."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
import threading
from urllib.parse import unquote, urlsplit

from siglum.workspace.git import Git, clone

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://|[^/:]+@[^/:]+:|[^/:]{2,}:(?!/)")
_lock = threading.Lock()
_clones: dict[str, Git] = {}


def is_git_url(address: str) -> bool:
    """Whether an address is not that of a folder here: `https://…`, `ssh://…`, `git@host:path`, `file://…`."""
    return _URL.match(address) is not None and not os.path.isdir(address)


def local_path(url: str) -> str | None:
    """Return the folder that a `file://` URL names, None for other URLs."""
    if not url.startswith("file://"):
        return None
    return unquote(urlsplit(url).path)


def clone_of(url: str) -> Git:
    """Return a clone with the present state of all branches and tags. Raises UnavailableError when it cannot be made.

    The first use clones, later ones fetch. Several threads take turns.
    """
    with _lock:
        known = _clones.get(url)
        if known is not None:
            known.fetch()
            return known
        if not _clones:
            atexit.register(_remove_all)
        folder = tempfile.mkdtemp(prefix="siglum-clone-")
        try:
            made = clone(url, os.path.join(folder, "clone"))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _clones[url] = made
        return made


def resolve_in_clone(git: Git, rev: str | None) -> str | None:
    """Return the commit of a branch, tag or commit of the cloned repository; None for `rev` is its default branch."""
    if rev is None:
        return git.resolve("origin/HEAD") or git.resolve("HEAD")
    return git.resolve(f"origin/{rev}") or git.resolve(rev)


def _remove_all() -> None:
    for git in _clones.values():
        shutil.rmtree(os.path.dirname(git.root), ignore_errors=True)
    _clones.clear()
