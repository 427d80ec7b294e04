"""From a URL and options to the source. The only place that knows which kinds there are."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote

from siglum.core.errors import NotSupportedError
from siglum.core.text import did_you_mean
from siglum.storage.index import StatIndex
from siglum.storage.remotes.options import RemoteOptions
from siglum.storage.sources.base import Source
from siglum.storage.sources.local import LocalSource

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://")
_REMOTES = ("s3", "gs", "azure", "ssh")
_KNOWN = ("file", "http", "https", *_REMOTES)


def open_source(url: str, options: Mapping[str, str] | None = None, index: StatIndex | None = None) -> Source:
    """Return the source at `url`, an absolute path or the URL of a scheme that Siglum has. Connects to nothing yet.

    Raises NotSupportedError for a scheme or option that Siglum does not have; an option is never ignored.
    """
    match = _SCHEME.match(url)
    scheme = match["scheme"].lower() if match is not None else "file"
    given = dict(options or {})
    if scheme == "file":
        RemoteOptions(url, "a folder", given).refuse_others()
        return LocalSource(os.path.normpath(unquote(url[match.end() :]) if match is not None else url), index)
    if scheme in ("http", "https"):
        # Imported here: what speaks HTTP takes longer to load than most commands run.
        from siglum.storage.sources.http import open_http_source

        return open_http_source(url, given)
    if scheme in _REMOTES:
        # Imported here: what is not needed for paths, and needs optional packages.
        from siglum.storage.sources.objects import open_remote_source

        return open_remote_source(url, given)
    raise NotSupportedError(
        f"Siglum cannot read from {scheme}:// addresses.",
        hint=did_you_mean(scheme, _KNOWN) or f"It reads paths and {', '.join(f'{each}://' for each in _KNOWN)}.",
    )
