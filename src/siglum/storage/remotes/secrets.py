"""Asking a person for a password: on the terminal, unseen, and once a process."""

from __future__ import annotations

import getpass
import threading

from siglum.core.errors import InvalidInputError

_lock = threading.Lock()
_answers: dict[str, str] = {}


def ask_secret(what: str, *, hint: str) -> str:
    """Return what is typed after `what`. Raises InvalidInputError with `hint` where there is no terminal to ask on."""
    with _lock:
        if what not in _answers:
            try:
                with open("/dev/tty", "rb"):
                    pass
                _answers[what] = getpass.getpass(f"{what}: ")
            except (OSError, EOFError):
                raise InvalidInputError(f"{what} cannot be asked for: there is no terminal.", hint=hint) from None
        return _answers[what]
