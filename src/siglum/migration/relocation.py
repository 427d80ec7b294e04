"""Artifact URIs of a source, in the words of the target. Pure rules of text."""

from __future__ import annotations


class Relocation:
    """Knows where the folders of a source went, and so where a URI below one of them leads now."""

    def __init__(self) -> None:
        self._moved: dict[str, str] = {}

    def add(self, before: str, after: str) -> None:
        """Note that a folder is somewhere else now."""
        self._moved[_plain(before)] = after.rstrip("/")

    def knows(self, uri: str) -> bool:
        """Whether a URI is a folder that moved, or is below one."""
        folder = _plain(uri)
        while folder and folder not in self._moved:
            folder = folder.rpartition("/")[0]
        return bool(folder)

    def new_place(self, uri: str) -> str:
        """Return where a URI leads now; what is below no folder that moved is where it was."""
        folder = _plain(uri)
        rest = ""
        while folder:
            if folder in self._moved:
                return self._moved[folder] + rest
            folder, slash, name = folder.rpartition("/")
            rest = f"{slash}{name}{rest}"
        return uri


def _plain(uri: str) -> str:
    """Return a URI in the one form that it is looked up by: `file:///a/` and `/a` are one folder."""
    for scheme in ("file://", "file:"):
        if uri.startswith(f"{scheme}/"):
            uri = uri.removeprefix(scheme)
            break
    return uri.rstrip("/")
