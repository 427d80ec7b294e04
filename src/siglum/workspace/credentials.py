"""Which settings are secret, and how they are shown: not. Values in, values out."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

MASK: Final = "***"

_SECRET: Final = {
    "remote": frozenset(
        {
            "account_key",
            "client_secret",
            "connection_string",
            "gdrive_client_secret",
            "oss_key_secret",
            "passphrase",
            "password",
            "sas_token",
            "secret_access_key",
            "session_token",
            "sse_customer_key",
            "token",
        }
    ),
    "db": frozenset({"password"}),
    "studio": frozenset({"token"}),
}


def is_secret(kind: str, option: str) -> bool:
    """Whether a section of this kind (`remote`, `db`, `studio`, …) keeps a secret under `option`."""
    return option in _SECRET.get(kind, ())


def shown_value(kind: str, option: str, value: str) -> str:
    """Return a setting as listings and messages show it: secrets masked, also the password in a URL."""
    if is_secret(kind, option):
        return MASK
    return without_password(value) if option == "url" else value


def without_password(url: str) -> str:
    """Return a URL with its password, if it holds one, masked; anything else as it is."""
    if "://" not in url or "@" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://" + MASK
    if parts.password is None:
        return url
    who, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{who.partition(':')[0]}:{MASK}@{host}"))
