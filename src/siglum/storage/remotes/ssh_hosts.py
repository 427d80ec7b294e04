"""Whether a host is the one it says it is: known_hosts and the user's `StrictHostKeyChecking`, as OpenSSH reads them.

A key that is not known is refused. `accept-new` notes it down and goes on, `no` goes on with any key that is not
revoked. Siglum never asks whether to trust a key: who pushes data from a script would not see the question.
"""

from __future__ import annotations

import enum
import getpass
import os
from collections.abc import Sequence
from pathlib import Path

import asyncssh
import msgspec

# asyncssh's own reader of ~/.ssh/config, which has Host, Match and Include right, but not this one option.
from asyncssh.config import SSHClientConfig, SSHConfig

from siglum.core.errors import InvalidInputError
from siglum.core.failures import file_errors
from siglum.storage.remotes.ssh_options import SSH_PORT

_OPTION = "StrictHostKeyChecking"
_GLOBAL_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


class Checking(enum.Enum):
    """What is done with a key that known_hosts does not have."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"
    OFF = "no"


class HostRules(msgspec.Struct, frozen=True):
    """What the user's SSH configuration says of one host: how its keys are checked, and against which files.

    `ciphers` is whether it chooses ciphers.
    """

    checking: Checking
    files: tuple[str, ...]
    note_in: str | None
    ciphers: bool = False


class _ClientConfig(SSHClientConfig):
    _handlers = {**SSHClientConfig._handlers, _OPTION.lower(): (_OPTION, SSHConfig._set_string)}


def host_rules(host: str, user: str | None, port: int | None) -> HostRules:
    """Read `~/.ssh/config` for a host. Raises InvalidInputError naming the line that cannot be read."""
    path = os.path.expanduser("~/.ssh/config")
    try:
        config = _ClientConfig.load(
            None,
            [path] if os.path.isfile(path) else [],
            False,
            False,
            False,
            getpass.getuser(),
            user or (),
            host,
            port or (),
        )
    except (asyncssh.ConfigParseError, OSError) as e:
        raise InvalidInputError(f"{path} cannot be read: {e}.", hint="Correct it; `ssh -G HOST` shows more.") from None
    mine = _paths(config.get("UserKnownHostsFile"), ("~/.ssh/known_hosts", "~/.ssh/known_hosts2"))
    shared = _paths(config.get("GlobalKnownHostsFile"), _GLOBAL_FILES)
    return HostRules(
        checking=_checking(config.get(_OPTION)),
        files=tuple(path for path in (*mine, *shared) if os.path.exists(path)),
        note_in=mine[0] if mine else None,
        ciphers=config.get("Ciphers") is not None,
    )


def known_hosts(rules: HostRules) -> asyncssh.SSHKnownHosts:
    """Return what the files say. Raises InvalidInputError naming one that cannot be read."""
    known = asyncssh.import_known_hosts("")
    for path in rules.files:
        try:
            known.load(Path(path).read_text(encoding="utf-8", errors="replace"))
        except (ValueError, OSError) as e:
            raise InvalidInputError(f"{path} cannot be read: {e}.", hint="Correct or remove the line.") from None
    return known


class HostKeyClient(asyncssh.SSHClient):
    """Decides on keys that known_hosts does not have, and remembers the one it refused, and why."""

    def __init__(self, rules: HostRules, known: asyncssh.SSHKnownHosts) -> None:
        self._rules = rules
        self.known = known
        self.refused: str | None = None
        self.changed = False

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Return whether to go on with a key that known_hosts does not have for this host."""
        self.changed = bool(asyncssh.match_known_hosts(self.known, host, addr, port)[0])
        if self._rules.checking is Checking.OFF:
            return True
        if self._rules.checking is Checking.ACCEPT_NEW and not self.changed:
            self._note(host, port, key)
            return True
        self.refused = f"{key.get_algorithm()} {key.get_fingerprint()}"
        return False

    def _note(self, host: str, port: int, key: asyncssh.SSHKey) -> None:
        """Add the key to the user's known_hosts, as one line in one write."""
        path = self._rules.note_in
        if path is None or (os.path.exists(path) and not os.path.isfile(path)):
            return
        pattern = host if port == SSH_PORT else f"[{host}]:{port}"
        line = f"{pattern} {key.export_public_key().decode().strip()}\n"
        with file_errors(path):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                size = os.fstat(fd).st_size
                whole = size == 0 or os.pread(fd, 1, size - 1) == b"\n"
                os.write(fd, (line if whole else f"\n{line}").encode())
            finally:
                os.close(fd)


def _checking(value: object) -> Checking:
    word = str(value).lower() if value is not None else ""
    if word == "accept-new":
        return Checking.ACCEPT_NEW
    return Checking.OFF if word in ("no", "off") else Checking.STRICT


def _paths(value: object, default: Sequence[str]) -> list[str]:
    named = value if isinstance(value, list) else default
    return [os.path.expanduser(str(path)) for path in named]
