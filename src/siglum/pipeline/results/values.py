"""Metrics and parameters as values to show and compare: nested or flat, by dotted key. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

Flat: TypeAlias = dict[str, Any]
"""Values by dotted key."""


class ValueChange(msgspec.Struct, frozen=True):
    """A value in two states; None where it is missing, or nothing."""

    old: Any
    new: Any

    @property
    def difference(self) -> int | float | None:
        """By how much it grew, None where one of both is not a number."""
        numbers = isinstance(self.old, int | float) and isinstance(self.new, int | float)
        return self.new - self.old if numbers else None

    def as_value(self) -> dict[str, Any]:
        """Return the change in the shape of DVC's `diff --json`."""
        found = {"old": self.old, "new": self.new}
        return found if self.difference is None else {**found, "diff": self.difference}


def metrics_in(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the numbers, texts and truth values, nested as they are; all else, and what gets empty by it, goes."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            inner = metrics_in(value)
            if inner:
                found[str(key)] = inner
        elif isinstance(value, bool | int | float | str):
            found[str(key)] = value
    return found


def flat(values: Mapping[Any, Any]) -> Flat:
    """Return values by dotted key. A list is text, as Python writes it; so is what JSON has no word for."""
    found: Flat = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{inner}": each for inner, each in flat(value).items()}
        elif value is None or isinstance(value, bool | int | float | str):
            found[str(key)] = value
        else:
            found[str(key)] = str(value)
    return found


def compare(
    old: Mapping[str, Flat], new: Mapping[str, Flat], *, everything: bool = False
) -> dict[str, dict[str, ValueChange]]:
    """Return what differs, by file and key, sorted; with `everything` what is the same, too.

    A file in one of both only counts as one without values in the other. What is nothing is as if it were missing.
    """
    found: dict[str, dict[str, ValueChange]] = {}
    for path in sorted({*old, *new}):
        before, after = old.get(path, {}), new.get(path, {})
        changes = {key: ValueChange(before.get(key), after.get(key)) for key in sorted({*before, *after})}
        kept = changes if everything else {key: each for key, each in changes.items() if not _same(each)}
        if kept:
            found[path] = kept
    return found


def _same(change: ValueChange) -> bool:
    old, new = change.old, change.new
    if isinstance(old, float) and isinstance(new, float) and old != old and new != new:
        return True  # nothing equals NaN, though it did not change
    return bool(old == new)


def cell(value: Any, precision: int | None = None) -> str:
    """Return a value as a table shows it: `-` for nothing, a float rounded to `precision` digits behind the point."""
    if value is None:
        return "-"
    if isinstance(value, float) and precision is not None:
        return str(round(value, precision))
    return str(value)


def show_rows(
    states: Iterable[tuple[str, Mapping[str, Flat]]], precision: int | None, shown: Callable[[str], str]
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a table: a row for each file of each state, a column for each key.

    The column of states is there unless the only state has no name.
    """
    listed = [(state, dict(files)) for state, files in states]
    keys = sorted({key for _, files in listed for values in files.values() for key in values})
    named = any(state for state, _ in listed)
    header = [*(["Revision"] if named else []), "Path", *keys]
    rows = [
        [*([state] if named else []), shown(path), *(cell(values.get(key), precision) for key in keys)]
        for state, files in listed
        for path, values in files.items()
    ]
    return header, rows


def diff_rows(
    changes: Mapping[str, Mapping[str, ValueChange]],
    precision: int | None,
    shown: Callable[[str], str],
    *,
    path: bool,
    change: bool,
) -> list[list[str]]:
    """Return the rows of a table of changes: the file, unless `path` is off, the key, both values, the change."""
    return [
        [
            *([shown(file)] if path else []),
            key,
            cell(each.old, precision),
            cell(each.new, precision),
            *([cell(each.difference, precision)] if change else []),
        ]
        for file, found in changes.items()
        for key, each in found.items()
    ]
