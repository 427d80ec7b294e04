"""Addresses as they may be shown: without what gives access to what is there. Values in, values out."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

MASK: Final = "***"
# Parts of the names of query parameters that carry access: signed addresses of S3, Google and Azure, tokens, keys.
_SECRET: Final = re.compile(r"(sig|signature|token|secret|password|passwd|credential|key|auth)$|^(sig|x-amz-|x-goog-)")
_VALUE: Final = re.compile(r"([^&;=]+)=([^&;]*)")


def shown_url(url: str) -> str:
    """Return a URL with its password, and what in its query gives access, masked; anything else as it is."""
    if "://" not in url or not {"@", "?"} & set(url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://" + MASK
    shown = parts._replace(query=_VALUE.sub(_masked, parts.query))
    if parts.password is not None:
        who, _, host = parts.netloc.rpartition("@")
        shown = shown._replace(netloc=f"{who.partition(':')[0]}:{MASK}@{host}")
    return url if shown == parts else urlunsplit(shown)


def _masked(found: re.Match[str]) -> str:
    return f"{found[1]}={MASK}" if _SECRET.search(found[1].lower()) else found[0]
