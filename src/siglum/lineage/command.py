"""The command that started this process, as somebody else could type it in another clone."""

from __future__ import annotations

import os
from collections.abc import Sequence

from siglum.core.hashes import sha256_hex
from siglum.core.secrets import mask_arguments
from siglum.lineage.project import relative_to_root

_MAX_ARGUMENT = 2000


def entry_command(orig_argv: Sequence[str], cwd: str, root: str) -> tuple[str, ...]:
    """Return `sys.orig_argv` with the interpreter as `python` and paths below `root` made relative to it.

    A notebook's kernel is named without its connection file, whose name changes with every start; a very long
    argument (a program given to `-c`) by its SHA-256. Secrets are masked.
    """
    if not orig_argv:
        return ()
    arguments = ["python" if os.path.basename(orig_argv[0]).startswith("python") else orig_argv[0], *orig_argv[1:]]
    if any("ipykernel_launcher" in argument for argument in arguments):
        return ("python", "-m", "ipykernel_launcher")
    return mask_arguments([_argument(argument, cwd, root) for argument in arguments])


def _argument(argument: str, cwd: str, root: str) -> str:
    if len(argument) > _MAX_ARGUMENT:
        return f"sha256:{sha256_hex(os.fsencode(argument))}"
    text = os.fsencode(argument).decode("utf-8", "backslashreplace")  # surrogates have no place in JSON
    if os.path.isabs(argument) or os.path.exists(os.path.join(cwd, argument)):
        return relative_to_root(os.path.join(cwd, text), root)
    return text
