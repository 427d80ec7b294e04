"""From a remote's name, URL and options to the remote. The only place that knows which kinds there are."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Protocol

from siglum.core.errors import NotSupportedError
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.local import LocalRemote
from siglum.storage.remotes.options import RemoteOptions

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://")
# How many transfers and hashes to run at once is the caller's business, whatever the remote; and what is fetched is
# always verified, so that `verify` has nothing to add. `no_traverse` chooses how DVC asks what is there, without a
# change in the answer.
_FOR_ALL = frozenset({"url", "jobs", "checksum_jobs", "verify", "no_traverse"})


class Opener(Protocol):
    """Makes a remote of one scheme. Connects to nothing yet; imports what the scheme needs."""

    def __call__(self, name: str, url: str, options: Mapping[str, str]) -> Remote:
        """Return the remote. Raises NotSupportedError for an option that it cannot honour, InvalidInputError."""
        ...


# Module and function by scheme; imported only when such a remote is opened, since most need an optional extra.
_OPENERS = {
    "http": ("siglum.storage.remotes.http", "open_http"),
    "https": ("siglum.storage.remotes.http", "open_http"),
    "s3": ("siglum.storage.remotes.s3", "open_s3"),
    "gs": ("siglum.storage.remotes.gcs", "open_gcs"),
    "azure": ("siglum.storage.remotes.azure", "open_azure"),
    "ssh": ("siglum.storage.remotes.ssh_options", "open_ssh"),
}


def open_remote(name: str, url: str, options: Mapping[str, str] | None = None) -> Remote:
    """Return the remote at `url`, an absolute path or the URL of a scheme that Siglum has. Connects to nothing yet.

    Raises NotSupportedError for a scheme or option that Siglum does not have; an option is never ignored.
    """
    match = _SCHEME.match(url)
    scheme = match["scheme"].lower() if match is not None else "file"
    own = {key: value for key, value in (options or {}).items() if key not in _FOR_ALL}
    if scheme == "file":
        RemoteOptions(name, "a folder", own).refuse_others()
        return LocalRemote(name, url[match.end() :] if match is not None else url)
    if scheme not in _OPENERS:
        known = ", ".join(f"{each}://" for each in _OPENERS)
        raise NotSupportedError(
            f"Remote {name!r}: Siglum does not have remotes of type {scheme}://.",
            hint=f"There are folders and {known}.",
        )
    module, function = _OPENERS[scheme]
    opener: Opener = getattr(importlib.import_module(module), function)
    return opener(name, url, own)
