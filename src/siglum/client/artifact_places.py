"""What kind of place an artifact root or URI names. A pure reading of text; imports nothing, as most are folders."""

from __future__ import annotations

from typing import Final

_OBJECT_SCHEMES: Final = ("s3", "gs", "azure", "wasb", "wasbs", "abfs", "abfss")


def is_in_object_store(root: str) -> bool:
    """Whether artifacts are to be kept in an object store."""
    return "://" in root and root.partition("://")[0].lower() in _OBJECT_SCHEMES
