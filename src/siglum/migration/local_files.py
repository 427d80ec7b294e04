"""Files of a source that are on this machine: which folder an artifact URI of MLflow's names."""

from __future__ import annotations

import os
import urllib.parse

_PROXY = "mlflow-artifacts"
_DEPTH = 4
"""Folders between the root of all artifacts and the files of one run or model."""


def local_folder(artifact_uri: str, base: str) -> str | None:
    """Return the absolute path that a URI names, relative ones from `base`; None for what is no path."""
    parts = urllib.parse.urlsplit(artifact_uri)
    if parts.scheme == "file":
        return os.path.normpath(urllib.parse.unquote(parts.path))
    if parts.scheme:
        return None
    return os.path.normpath(os.path.join(base, artifact_uri))


def proxied_path(artifact_uri: str) -> str | None:
    """Return the path below a server's root that a URI names; None for one that no server stands before."""
    parts = urllib.parse.urlsplit(artifact_uri)
    return urllib.parse.unquote(parts.path).strip("/") if parts.scheme == _PROXY else None


def is_known_here(folder: str) -> bool:
    """Whether a folder, or the one that holds those of all runs, is on this machine: a run may have no files yet."""
    for _ in range(_DEPTH):
        if os.path.isdir(folder):
            return folder not in ("/", os.path.dirname(folder))
        folder = os.path.dirname(folder)
    return False
