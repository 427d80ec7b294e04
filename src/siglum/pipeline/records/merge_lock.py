"""Merge of two `dvc.lock` files stage by stage: what Git's merge driver does, and `siglum resolve`. Pure.

A stage's entry says what came of what, as a whole: entries are taken from one side or the other, never mixed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from siglum.core.text import count
from siglum.pipeline.records.lock import parse_lock
from siglum.pipeline.records.lock_text import put_entry
from siglum.workspace.document import Document
from siglum.workspace.documents import decoded, dump_yaml, load_for_edit, load_yaml, update_yaml

MARKER_SIZE = 7
_NAMED_AT_MOST = 5


class Side(StrEnum):
    """One of the two that are merged."""

    OURS = "ours"
    THEIRS = "theirs"


class MergedLock(msgspec.Struct, frozen=True):
    """A merged lock file.

    `taken` are the stages that only the other side changed, `conflicts` those that both changed in different ways;
    the latter stand in `text` between Git's markers, unless a side was chosen for them.
    """

    text: str
    taken: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def merge_locks(
    base: bytes,
    ours: bytes,
    theirs: bytes,
    where: str,
    *,
    side: Side | None = None,
    marker_size: int = MARKER_SIZE,
) -> MergedLock:
    """Merge two states of the lock file `where`, of which `base` is the common one (empty where there was none).

    What is ours keeps its bytes. Raises FileFormatError when one of the three is no lock file.
    """
    states = [_read(data, f"{which} version of {where}") for which, data in _named(base, ours, theirs)]
    takes, conflicts = _compare(*(state["stages"] for state in states))
    data_takes, data_conflicts = _compare(*(_datasets(state) for state in states))
    text = _put(decoded(ours, where), takes, where)
    text = _put_datasets(text, states[2] if data_takes else None, where)
    taken = (*takes, *data_takes)
    conflicts = {**conflicts, **data_conflicts}
    if not conflicts or side is Side.OURS:
        return MergedLock(text, taken, tuple(conflicts))
    other = _put(text, {name: entry for name, entry in conflicts.items() if name not in data_conflicts}, where)
    other = _put_datasets(other, states[2] if data_conflicts else None, where)
    if side is None:
        other = _marked(text, other, marker_size)
    return MergedLock(other, taken, tuple(conflicts))


def say_conflict(where: str, names: Iterable[str]) -> str:
    """Return the sentence about stages that both sides changed."""
    listed = list(names)
    shown = ", ".join(f"'{name}'" for name in listed[:_NAMED_AT_MOST])
    more = f" and {len(listed) - _NAMED_AT_MOST} more" if len(listed) > _NAMED_AT_MOST else ""
    return f"{where}: both sides changed {count(len(listed), 'stage')}: {shown}{more}."


def _named(base: bytes, ours: bytes, theirs: bytes) -> tuple[tuple[str, bytes], ...]:
    return ("the common", base), ("our", ours), ("their", theirs)


def _read(data: bytes, where: str) -> dict[str, Any]:
    parsed = load_yaml(data, where)
    parse_lock(Document(where, decoded(data, where), parsed))
    found: dict[str, Any] = parsed or {}
    return {**found, "stages": found.get("stages") or {}}


def _datasets(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is recorded of all datasets as one entry."""
    return {"datasets": state["datasets"]} if state.get("datasets") else {}


def _compare(
    base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what to take from the other side, and what is in conflict; None stands for an entry that is gone there."""
    takes: dict[str, Any] = {}
    conflicts: dict[str, Any] = {}
    for name in dict.fromkeys((*ours, *theirs)):
        old, our, their = base.get(name), ours.get(name), theirs.get(name)
        if our == their or their == old:
            continue
        (takes if our == old else conflicts)[name] = their
    return takes, conflicts


def _put(text: str, entries: Mapping[str, Any], where: str) -> str:
    """Return a lock file with entries put in or exchanged, and without those that are None."""
    gone = [name for name, entry in entries.items() if entry is None]
    if gone:
        document = load_for_edit(text, where)
        for name in gone:
            del document["stages"][name]
        text = dump_yaml(document)
    for name, entry in entries.items():
        if entry is not None:
            text = put_entry(text, name, entry, where)
    return text


def _put_datasets(text: str, state: Mapping[str, Any] | None, where: str) -> str:
    if state is None:
        return text
    value = {key: each for key, each in load_yaml(text, where).items() if key != "datasets"}
    return update_yaml(text, value | _datasets(state), where)


def _marked(ours: str, theirs: str, size: int) -> str:
    """Return two texts as one, with Git's markers around the lines in which they differ."""
    one, other = ours.splitlines(keepends=True), theirs.splitlines(keepends=True)
    lines: list[str] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, one, other).get_opcodes():
        if tag == "equal":
            lines += one[i1:i2]
            continue
        lines += ["<" * size + " ours\n", *one[i1:i2], "=" * size + "\n", *other[j1:j2], ">" * size + " theirs\n"]
    return "".join(lines)
