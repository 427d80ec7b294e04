"""Where a project begins: the folder that run records, paths in recipes and the embedded store are relative to."""

from __future__ import annotations

import os

_MARKERS = (".dvc", ".git")


def project_root(start: str) -> str:
    """Return the nearest ancestor of `start` (itself included) that holds `.dvc` or `.git`, else `start`."""
    start = os.path.abspath(start)
    folder = start
    while True:
        if any(os.path.exists(os.path.join(folder, marker)) for marker in _MARKERS):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return start
        folder = parent


def relative_to_root(path: str, root: str) -> str:
    """Return `path` relative to `root` with forward slashes when it lies inside, else the absolute path."""
    absolute = os.path.abspath(path)
    if absolute == root:
        return "."
    if absolute.startswith(root.rstrip(os.sep) + os.sep):
        return os.path.relpath(absolute, root).replace(os.sep, "/")
    return absolute
