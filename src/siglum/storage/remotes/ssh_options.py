"""What DVC's options of an `ssh://` remote mean, as one value. Nothing here connects."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.options import RemoteOptions

_KIND = "ssh://"
SSH_PORT = 22
DEFAULT_TIMEOUT = 120.0
"""Seconds that a server may take to answer one request."""
MOST_CONNECTIONS = 4
"""More connections than this do not make one client faster, and servers turn away who opens many at once."""


class SshPlace(msgspec.Struct, frozen=True):
    """A folder on a host, and how to log in there. What is None is left to the user's SSH configuration.

    `path` is absolute, or empty for the folder in which a session starts. Secrets stay out of `repr`.
    """

    host: str
    path: str
    user: str | None = None
    port: int | None = None
    keyfile: str | None = None
    password: str | None = None
    passphrase: str | None = None
    ask_password: bool = False
    ask_passphrase: bool = False
    gss_auth: bool = False
    allow_agent: bool = True
    timeout: float = DEFAULT_TIMEOUT
    connections: int = MOST_CONNECTIONS

    def __repr__(self) -> str:
        return f"SshPlace({self.url!r})"

    @property
    def url(self) -> str:
        """The address, without a password."""
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"ssh://{user}{host}{port}{self.path}"

    def path_of(self, key: str) -> str:
        """Return the path of a key on the host. Raises InvalidInputError for what would lead out of the folder."""
        parts = key.split("/")
        if "" in parts or "." in parts or ".." in parts or "\0" in key:
            raise InvalidInputError(f"{key!r} is not a key of an object.")
        return f"{self.path.rstrip('/')}/{key}" if self.path else key


def open_ssh(name: str, url: str, options: Mapping[str, str]) -> Remote:
    """Return the remote at an `ssh://` URL. Connects to nothing yet. Raises as `ssh_place`, or where asyncssh lacks."""
    place = ssh_place(url, RemoteOptions(name, _KIND, options))
    if importlib.util.find_spec("asyncssh") is None:
        raise NotSupportedError(
            f"Remote {name!r} needs the package asyncssh, as all {_KIND} remotes do.",
            hint="Install it: pip install 'siglum[ssh]'",
        )
    from siglum.storage.remotes.ssh import SshRemote  # an optional extra

    return SshRemote(name, place)


def ssh_place(url: str, options: RemoteOptions) -> SshPlace:
    """Return what a URL and the options beside it say; options win over the URL, as in DVC.

    Raises InvalidInputError for values that cannot be right, NotSupportedError naming an option that Siglum lacks.
    """
    host, user, password, port, path = _split(options.remote, url)
    if password is not None:
        options.secrets.append(password)
    place = SshPlace(
        host=host,
        path=path,
        user=options.text("user") or user,
        port=_number(options, "port", 65_535) or port,
        keyfile=options.path("keyfile"),
        password=options.secret("password") or password,
        passphrase=options.secret("passphrase"),
        ask_password=options.boolean("ask_password", default=False),
        ask_passphrase=options.boolean("ask_passphrase", default=False),
        gss_auth=options.boolean("gss_auth", default=False),
        allow_agent=options.boolean("allow_agent", default=True),
        timeout=options.seconds("timeout") or DEFAULT_TIMEOUT,
        connections=min(MOST_CONNECTIONS, _number(options, "max_sessions", 10_000) or MOST_CONNECTIONS),
    )
    options.refuse_others()
    return place


def _split(name: str, url: str) -> tuple[str, str | None, str | None, int | None, str]:
    """Split `ssh://user:password@host:port/path`; the path is taken as it is written, without percent-decoding."""
    place, slash, path = url.partition("://")[2].partition("/")
    try:
        parts = urlsplit(f"ssh://{place}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or host.startswith("-"):
        # The URL may hold a password, and is not repeated.
        raise InvalidInputError(
            f"The URL of the remote {name!r} does not name a host.",
            hint=f"Write it as ssh://user@host:port/path: siglum remote modify {name} url URL",
        )
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return host, user, password, port, (slash + path).rstrip("/") or slash


def _number(options: RemoteOptions, option: str, most: int) -> int | None:
    text = options.text(option)
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise options.wrong(option, f"a number from 1 to {most}")
    return int(text)
