"""Artifact locations that users give: folders become absolute before they go on record."""

from __future__ import annotations

import os
import pathlib
import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")


def absolute_location(location: str, cwd: str) -> str:
    """Return a URI as it is, and a folder as an absolute `file:` URI, so that a later process finds it."""
    if _SCHEME.match(location):
        return location
    return pathlib.Path(os.path.normpath(os.path.join(cwd, location))).as_uri()
