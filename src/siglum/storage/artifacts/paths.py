"""The one place where an artifact path from outside becomes something that a file system may see.

A path is parsed once into its segments. Everything below works with segments, opens them one by one beneath the root
and never follows a link, so that what was checked is what is opened.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from siglum.core.errors import InvalidInputError
from siglum.core.temporary_names import is_temporary

OBJECTS_FOLDER = ".objects"
MAX_SEGMENT_BYTES = 255  # what Linux file systems allow
MAX_PATH_BYTES = 2_000
MAX_SEGMENTS = 64
# A drive (C:), or a scheme with what follows it (file:/…).
_SCHEME_OR_DRIVE = re.compile(r"[A-Za-z]:|[A-Za-z][A-Za-z0-9+.\-]*:(/|\Z)")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def parse_artifact_path(path: str) -> tuple[str, ...]:
    """Return the segments of a file's or folder's path. Raises InvalidInputError; touches no file system.

    Refused besides what the port's contract names: schemes, drives, `~` at the start, `#` (as in MLflow), percent
    escapes and wide characters that would become a separator or a dot segment if some program decoded them, and names
    that the store uses itself.
    """
    problem = _problem(path)
    if problem is not None:
        shown = path if len(path) <= 100 else path[:97] + "..."
        raise InvalidInputError(
            f"Invalid artifact path {shown!a}: {problem}.",
            hint="Use a relative path with forward slashes, such as plots/confusion.png.",
        )
    return tuple(path.split("/"))


def parse_folder_path(path: str) -> tuple[str, ...]:
    """Return the segments of a folder's path; none for the root, which is the empty path."""
    return parse_artifact_path(path) if path else ()


def _problem(path: str) -> str | None:
    if not path:
        return "it is empty"
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if len(encoded) > MAX_PATH_BYTES:
        return f"it is longer than {MAX_PATH_BYTES:,} bytes"
    segments = path.split("/")
    if len(segments) > MAX_SEGMENTS:
        return f"it has more than {MAX_SEGMENTS} parts"
    if any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        return f"a part of it is longer than {MAX_SEGMENT_BYTES} bytes"
    if segments[0] == OBJECTS_FOLDER or any(is_temporary(segment) for segment in segments):
        return "this name is used by the store itself"
    return _escape(path) or _disguised_escape(path, len(segments))


def _escape(path: str) -> str | None:
    segments = path.split("/")
    if path.startswith("/"):
        return "it is absolute"
    if "" in segments:
        return "it has an empty part"
    if "." in segments or ".." in segments:
        return "it has a part '.' or '..'"
    if "\\" in path:
        return "it holds a backslash"
    if _CONTROL.search(path):
        return "it holds a control character"
    if _SCHEME_OR_DRIVE.match(path):
        return "it begins with a scheme or drive"
    if path.startswith("~"):
        return "it begins with '~'"
    if "#" in path:
        return "it holds '#'"
    return None


def _disguised_escape(path: str, count: int) -> str | None:
    """Say what is wrong with what the path would become when decoded or normalised, however often."""
    form = path
    for _ in range(8):
        decoded = unicodedata.normalize("NFKC", unquote(form, errors="replace"))
        if decoded == form:
            return None
        if decoded.count("/") + 1 != count or _escape(decoded):
            return "it would be another path once decoded"
        form = decoded
    return "it is encoded too often"
