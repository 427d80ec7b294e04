"""Paths inside a repository, as text: posix, relative to its root, "" for the root itself."""

from __future__ import annotations

import posixpath
import re

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")


def is_url(path: str) -> bool:
    """Return whether `path` names something on a remote (`s3://…`, `remote://…`, `ds://…`)."""
    return _URL.match(path) is not None


def join(folder: str, path: str) -> str:
    """Return `path`, written relative to `folder`, from the root. Absolute paths and URLs stay; `..` may lead out."""
    if is_url(path):
        return path
    joined = posixpath.normpath(posixpath.join(folder, path))
    return "" if joined == "." else joined


def parents(path: str) -> list[str]:
    """Return the folders above `path`, the root left out, from the top: `a/b/c` gives `a`, `a/b`."""
    steps = [i for i, character in enumerate(path) if character == "/" and i]
    return [path[:i] for i in steps]


def is_outside(path: str) -> bool:
    """Return whether a path from the root leads out of the repository."""
    return path == ".." or path.startswith(("../", "/")) or is_url(path)
