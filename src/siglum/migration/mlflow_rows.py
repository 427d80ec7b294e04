"""Rows of MLflow's tables of tags and parameters, by what they belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any


def by_first(rows: Sequence[tuple[Any, ...]]) -> defaultdict[Any, dict[str, Any]]:
    """Return key and value of each row, by what stands first in it."""
    found: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for owner, key, value in rows:
        found[owner][key] = value
    return found


def texts(values: Mapping[str, str | None]) -> dict[str, str]:
    """Return values by key, in order; one that is not there is an empty text."""
    return {key: value or "" for key, value in sorted(values.items())}
