"""Lists and trees of files, as `siglum list` and `list-url` print them: DVC's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from siglum.cli.console import Console
from siglum.cli.tables import plain_table


class Row(msgspec.Struct, frozen=True):
    """One line: a name, styled if it is to be, a size in bytes and a hash; in a tree, what is below it."""

    name: str
    size: int | None = None
    is_dir: bool = False
    hash: str | None = None
    contents: Mapping[str, Row] = {}


def say_rows(
    console: Console, rows: Sequence[Row], *, with_size: bool, with_hash: bool = False, keep_blanks: bool = False
) -> None:
    """Print names, in columns with sizes and hashes where these are asked for; nothing when there are none."""
    if not rows or console.json or console.quiet:
        return
    if not (with_size or with_hash):
        console.say("\n".join(row.name for row in rows))
        return
    cells = [
        [
            *([natural_size(row.size) if row.size is not None and not _is_nothing(row) else ""] if with_size else []),
            *([row.hash or "-"] if with_hash else []),
            row.name,
        ]
        for row in rows
    ]
    console.say("\n".join(plain_table(cells, right=with_size, keep_blanks=keep_blanks)))


def tree_rows(name: str, top: Row) -> list[Row]:
    """Return a tree as rows, with lines drawn in front of the names."""
    return [Row(name, top.size, top.is_dir, top.hash), *_below(top, "")]


def _below(row: Row, before: str) -> list[Row]:
    rows: list[Row] = []
    for number, child in enumerate(row.contents.values(), start=1):
        last = number == len(row.contents)
        rows.append(Row(f"{before}{'└── ' if last else '├── '}{child.name}", child.size, child.is_dir, child.hash))
        rows += _below(child, before + ("    " if last else "│   "))
    return rows


def _is_nothing(row: Row) -> bool:
    return row.is_dir and not row.size


def natural_size(size: int) -> str:
    """Return bytes with three digits and a unit of 1,024s: `812`, `4.00k`, `15.3M`, `230G`."""
    if size < 1024:
        return str(size)
    amount = float(size)
    for unit in ("", "k", "M", "G", "T", "P", "E", "Z"):
        if amount < 999.5:
            digits = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
            return f"{amount:.{digits}f}{unit}"
        amount /= 1024
    return f"{amount:.1f}Y"
