"""Other people's repositories: bare copies in the user's cache folder, one a URL, brought up to date when asked for.

Two processes may want the same one: a kernel lock lets one fetch while the other waits. Objects are only ever added, so
that reading needs no lock. The folders are caches: safe to delete while nothing runs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from siglum.core.errors import SiglumError, UnavailableError
from siglum.workspace.git import Git
from siglum.workspace.git_process import init_bare

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://|[^/:]+@[^/:]+:|[^/:]{2,}:(?!/)")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_BRANCHES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_DEFAULT = "refs/siglum/default"
_lock = threading.Lock()


def is_git_url(address: str) -> bool:
    """Whether an address is not that of a folder here: `https://…`, `ssh://…`, `git@host:path`, `file://…`."""
    return _URL.match(address) is not None and not os.path.isdir(address)


def local_path(url: str) -> str | None:
    """Return the folder that a `file://` URL names, None for other URLs."""
    if not url.startswith("file://"):
        return None
    return unquote(urlsplit(url).path)


def clone_of(url: str, rev: str | None = None) -> Git:
    """Return a bare copy of a repository that has the present state of all branches and tags.

    The repository is not asked where `rev` is a whole commit that the copy has already. Raises UnavailableError, whose
    message shows no password, when it cannot be reached.
    """
    folder = _folder_of(url)
    whole = rev if rev is not None and _COMMIT.match(rev) else None
    if whole is not None and os.path.isdir(folder) and Git(folder).resolve(whole) is not None:
        return Git(folder)
    with _lock, _alone(folder):
        git = Git(folder) if os.path.isdir(folder) else _made(folder)
        _update(git, url)
        if whole is not None and git.resolve(whole) is None:
            _fetch_commit(git, url, whole)
    return git


def resolve_in_clone(git: Git, rev: str | None) -> str | None:
    """Return the commit of a branch, tag or commit of the copied repository; None for `rev` is its default branch."""
    if rev is None:
        return git.resolve(_DEFAULT)
    return git.resolve(rev) or git.resolve(f"refs/heads/{rev}")


def clones_dir(environ: Mapping[str, str] = os.environ) -> str:
    """Return the folder that holds the copies, `~/.cache/siglum/clones` unless XDG_CACHE_HOME says otherwise."""
    base = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "siglum", "clones")


def _folder_of(url: str) -> str:
    parent = clones_dir()
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
    except OSError:
        # A home that cannot be written to, as in some containers: every user has a folder of their own below this.
        parent = os.path.join(tempfile.gettempdir(), f"siglum-clones-{os.getuid()}")
        os.makedirs(parent, mode=0o700, exist_ok=True)
        if os.stat(parent).st_uid != os.getuid():
            raise UnavailableError(f"{parent} belongs to somebody else.", hint="Set XDG_CACHE_HOME.") from None
    # The name must not give the URL away, which may hold a password.
    return os.path.join(parent, hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:40])


def _made(folder: str) -> Git:
    """Make an empty repository, under another name first: a killed process leaves nothing half made behind."""
    beside = tempfile.mkdtemp(prefix=".new-", dir=os.path.dirname(folder))
    try:
        init_bare(os.path.join(beside, "git"))
        os.rename(os.path.join(beside, "git"), folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Git(folder)


def _update(git: Git, url: str) -> None:
    try:
        git.fetch_from(url, (*_BRANCHES, f"+HEAD:{_DEFAULT}"), prune=True)
    except UnavailableError as error:
        if "couldn't find remote ref HEAD" not in error.message:
            raise
        git.fetch_from(url, _BRANCHES, prune=True)  # its default branch has no commit


def _fetch_commit(git: Git, url: str, commit: str) -> None:
    """Get a commit that no branch leads to any more, where the server gives it; whoever needs it sees if not."""
    try:
        git.fetch_from(url, [commit])
    except SiglumError:
        return
    git.keep(f"refs/siglum/commits/{commit}", commit)


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    handle = os.open(f"{folder}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # gives the lock back
