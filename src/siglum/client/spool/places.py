"""Where spools are: in the project's `.dvc/tmp`, else in the user's state folder; and whether anything may be sent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from siglum.core.errors import InvalidInputError
from siglum.core.text import did_you_mean
from siglum.lineage.project import project_root

FOLDER_VARIABLE: Final = "SIGLUM_SPOOL_DIR"
OFFLINE_VARIABLE: Final = "SIGLUM_OFFLINE"
SYNC_VARIABLE: Final = "SIGLUM_SYNC"

OFFLINE_URL: Final = "http://offline.invalid"
"""Stands for the server of runs that are recorded offline, when none was named yet. No such host can exist."""

_NO: Final = ("", "0", "false", "no", "off")
_SYNC: Final = ("each", "background")


def spool_folder(environ: Mapping[str, str], cwd: str) -> str:
    """Return the folder that a process which starts here spools to. Creates nothing."""
    if chosen := environ.get(FOLDER_VARIABLE):
        return os.path.abspath(os.path.join(cwd, chosen))
    project = os.path.join(project_root(cwd), ".dvc")
    return os.path.join(project, "tmp", "siglum", "spool") if os.path.isdir(project) else user_folder(environ)


def user_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of spools that belong to no project."""
    state = environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "siglum", "spool")


def names_in(folder: str, suffix: str, begin: str = "") -> list[str]:
    """Return the names of files of a kind in a folder, by name; none where there is no folder."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for name in sorted(names) if name.endswith(suffix) and name.startswith(begin)]


def is_offline(environ: Mapping[str, str]) -> bool:
    """Whether no server is to be called."""
    return environ.get(OFFLINE_VARIABLE, "").strip().lower() not in _NO


def waits_for_each(sync: str | None, environ: Mapping[str, str]) -> bool:
    """Whether each call returns only when the store has what it wrote. Raises InvalidInputError for another word."""
    said = sync or environ.get(SYNC_VARIABLE) or "background"
    if said not in _SYNC:
        raise InvalidInputError(
            f"sync is {said!r}.", hint=did_you_mean(said, _SYNC) or f"Use {' or '.join(map(repr, _SYNC))}."
        )
    return said == "each"
