"""From a remote's name, URL and options to the remote. The only place that knows which kinds there are."""

from __future__ import annotations

import re
from collections.abc import Mapping

from siglum.core.errors import NotSupportedError
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.local import LocalRemote

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://")


def open_remote(name: str, url: str, options: Mapping[str, str] | None = None) -> Remote:
    """Return the remote at `url`, an absolute path or `file://` URL of a folder. Connects to nothing yet.

    Raises NotSupportedError for a scheme or option that Siglum does not have; an option is never ignored.
    """
    match = _SCHEME.match(url)
    if match is not None and match["scheme"].lower() != "file":
        raise NotSupportedError(
            f"Remote {name!r} is at {url}: Siglum does not have remotes of type {match['scheme']}:// yet.",
            hint="Use a folder, such as a mounted share.",
        )
    # How many transfers and hashes to run at once is the caller's business; the remote itself has no use for them.
    unknown = sorted(set(options or {}) - {"url", "jobs", "checksum_jobs", "verify"})
    if unknown:
        raise NotSupportedError(
            f"Remote {name!r} sets {', '.join(unknown)}, which Siglum does not support for a folder.",
            hint=f"Remove it: siglum remote modify --unset {name} {unknown[0]}",
        )
    return LocalRemote(name, url[match.end() :] if match is not None else url)
