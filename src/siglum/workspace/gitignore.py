"""The lines that keep tracked data out of Git: `/name` in the `.gitignore` of the data's folder, as DVC writes them."""

from __future__ import annotations

import os

from siglum.core.errors import NotFoundError
from siglum.workspace.documents import read_bytes, write_atomic
from siglum.workspace.git import Git

# A rule cannot hold a line break: any one character stands for it. (DVC writes two lines, which ignore other files.)
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\#!*?[]"} | {"\n": "?"})


def entry_for(name: str) -> str:
    """Return the line that ignores `name` in its own folder. A blank at the end is not escaped, as in DVC."""
    return "/" + name.translate(_SPECIAL)


def ignore(git: Git, path: str) -> str | None:
    """Have Git ignore the absolute `path`; return the `.gitignore` that changed, None when it was ignored already."""
    if git.ignored([_below(git, path)]):
        return None
    file = os.path.join(os.path.dirname(path), ".gitignore")
    before = _read(file)
    joint = b"" if not before or before.endswith(b"\n") else b"\n"
    line = os.fsencode(entry_for(os.path.basename(path))) + b"\n"
    if line.rstrip(b"\n") in before.split(b"\n"):
        return None
    write_atomic(file, before + joint + line)
    return file


def stop_ignoring(path: str) -> str | None:
    """Remove the line that `ignore` added; an emptied file is deleted. Return the file that was changed, if any."""
    file = os.path.join(os.path.dirname(path), ".gitignore")
    before = _read(file)
    line = os.fsencode(entry_for(os.path.basename(path)))
    kept = [each for each in before.splitlines(keepends=True) if each.rstrip(b"\r\n") != line]
    after = b"".join(kept)
    if after == before:
        return None
    if after.strip():
        write_atomic(file, after)
    else:
        os.unlink(file)
    return file


def _below(git: Git, path: str) -> str:
    return os.path.relpath(path, git.root)


def _read(file: str) -> bytes:
    try:
        return read_bytes(file)
    except NotFoundError:
        return b""
