"""Which settings are secret, and how they are shown: not. Values in, values out."""

from __future__ import annotations

from typing import Final

from siglum.core.addresses import MASK, shown_url

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
    """Return a setting as listings and messages show it: secrets masked, also those in a URL."""
    if is_secret(kind, option):
        return MASK
    return shown_url(value) if option == "url" else value
