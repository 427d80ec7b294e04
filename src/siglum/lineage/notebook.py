"""The notebook or interactive session that this process is, if it is one: its name, and the code of its cells.

Nothing is imported: where IPython is not loaded, there is no notebook.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Protocol

MAX_CODE_BYTES = 10 * 1024 * 1024
"""Of more code, the cells that ran last are kept."""


class Shell(Protocol):
    """What is needed of IPython's `InteractiveShell`."""

    user_ns: dict[str, Any]
    history_manager: Any


def current_shell() -> Shell | None:
    """Return the IPython session that this process is; None in a plain program."""
    ipython = sys.modules.get("IPython")
    found: Shell | None = ipython.get_ipython() if ipython is not None else None
    return found


def is_notebook(shell: Shell | None) -> bool:
    """Whether a session belongs to a kernel, and not to a terminal."""
    return shell is not None and getattr(shell, "kernel", None) is not None


def notebook_name(shell: Shell | None, environ: Mapping[str, str]) -> str | None:
    """Return the notebook's path, as `SIGLUM_NOTEBOOK_NAME`, Visual Studio Code or Jupyter's server tells it."""
    if not is_notebook(shell) or shell is None:
        return None
    told = (
        environ.get("SIGLUM_NOTEBOOK_NAME"),
        shell.user_ns.get("__vsc_ipynb_file__"),
        environ.get("JPY_SESSION_NAME"),  # set for its kernels by Jupyter's server
    )
    return next((str(each) for each in told if each), None)


def executed_code(shell: Shell | None, limit: int = MAX_CODE_BYTES) -> bytes | None:
    """Return the cells that a session has executed, in order, as a Python file with cell marks; None without any."""
    history = getattr(getattr(shell, "history_manager", None), "input_hist_raw", None) or []
    cells = [f"# %% [{number}]\n{source.rstrip()}\n" for number, source in enumerate(history) if source.strip()]
    kept: list[bytes] = []
    length = 0
    for cell in reversed(cells):
        data = cell.encode("utf-8", "surrogateescape")
        length += len(data) + 1
        if length > limit:
            kept.append(b"# The cells before were too long to be kept.\n")
            break
        kept.append(data)
    return b"\n".join(reversed(kept)) if kept else None


def relative_name(name: str, root: str) -> str:
    """Return a notebook's path relative to the project when it lies in it."""
    absolute = os.path.abspath(name)
    inside = absolute.startswith(root.rstrip(os.sep) + os.sep)
    return os.path.relpath(absolute, root).replace(os.sep, "/") if inside else name
