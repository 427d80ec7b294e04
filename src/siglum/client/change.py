"""Who changes the registry from this process, for the audit log."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

from siglum.lineage.capture import user_name
from siglum.registry.entities import Change


def change_from_here(reason: str | None = None, argv: Sequence[str] | None = None) -> Change:
    """Return a change by the current user on this host, made by the program that runs, for a reason if one is given.

    A server that authenticates its users puts the authenticated name in place of the actor given here.
    """
    argv = sys.argv if argv is None else argv
    program = os.path.basename(argv[0]) if argv and argv[0] else "python"
    return Change(actor=f"{user_name()}@{socket.gethostname()}", source=program or "python", reason=reason)
