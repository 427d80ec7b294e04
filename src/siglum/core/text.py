"""Words for people: near names, plurals, sizes and times."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import UTC, datetime


def near_names(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Return up to `limit` of `known` that `name` was probably meant to be, best first."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=limit, cutoff=0.6)
    return [by_folded[folded] for folded in close]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return the sentence `Did you mean 'a' or 'b'?`, or None when nothing is near."""
    near = near_names(name, known)
    return f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else None


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Return `1 file`, `2 files`, `0 files`; numbers with thousands separated."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def size(n: int) -> str:
    """Return a size in bytes as people read it: `812 B`, `4.0 KiB`, `1.3 GiB`."""
    amount = float(n)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{n} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def timestamp(ms: int) -> str:
    """Return milliseconds since the epoch as `2026-11-24 09:30:12 UTC`."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
