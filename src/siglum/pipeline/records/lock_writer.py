"""Writing `dvc.lock` as stages end: an entry's lines put in or exchanged, the file replaced, never parsed again.

The bytes are DVC's: an entry that is there keeps its place, a new one goes to the end, and several new ones stand in
the order in which one stage after the other would have been run, whatever the order in which they ended.
"""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from siglum.pipeline.records.lock import SCHEMA
from siglum.pipeline.records.lock_text import put_entry
from siglum.pipeline.records.plain_entry import plain_entry, plain_key
from siglum.workspace.documents import dump_yaml, load_for_edit, write_atomic

# What lines cannot be exchanged in: anchors, aliases, tabs, block scalars, long keys, several documents.
_ENTANGLED = re.compile(r"\s[&*]id\d|\t|: [|>][-+0-9]*$|^ *\? |^---|^\.\.\.|^%|\r", re.MULTILINE)
# What DVC would bring into another form when it writes the file: comments, or text that looks like one.
_TO_NORMALIZE = re.compile(r"^\s*#|\s#", re.MULTILINE)
_HEAD = re.compile(r"  \S.*:\n")
_BLOCKS = re.compile(r"^(?=  \S)", re.MULTILINE)
_STAGES = "stages:\n"


class _Pending(msgspec.Struct, frozen=True):
    name: str
    entry: dict[str, Any]
    rank: int | None


class LockWriter:
    """Gathers entries of one lock file; `flush` writes them together."""

    def __init__(self, path: str, where: str) -> None:
        self._path = path
        self._where = where
        self._pending: list[_Pending] = []
        self._text = ""
        self._lines: _Lines | None = None
        self._seen: tuple[int, int, int] | None = None

    def put(self, name: str, entry: Mapping[str, Any], rank: int | None = None) -> None:
        """Have `flush` write an entry. New ones with a rank stand among each other by that."""
        self._pending.append(_Pending(name, dict(entry), rank))

    def drop(self) -> None:
        """Forget what was put and not written."""
        self._pending.clear()

    def flush(self) -> bool:
        """Write what was put; return whether the file changed. Durable on return. Raises FileFormatError."""
        if not self._pending:
            return False
        self._read()
        new = self._text
        for number, each in enumerate(sorted(self._pending, key=lambda p: -1 if p.rank is None else p.rank)):
            if self._lines is None and number == 0:
                self._lines = _split(new, self._where)
            if self._lines is None or not self._lines.put(each):
                new = put_entry(new if self._lines is None else self._lines.text(), each.name, each.entry, self._where)
                self._lines = None
        if self._lines is not None:
            new = self._lines.text()
        self._pending.clear()
        if new == self._text:
            return False
        write_atomic(self._path, new.encode())
        self._text, self._seen = new, self._stamp()
        return True

    def _read(self) -> None:
        """Read the file, again only when somebody else replaced it."""
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._text = ""
        if stamp is not None:
            with open(self._path, encoding="utf-8", newline="") as file:
                self._text = file.read()
        self._seen, self._lines = stamp, None

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns


class _Lines:
    """A lock file's text, cut into what stands before the entries, each entry, and what stands behind them."""

    def __init__(self, before: str, blocks: dict[str, str], after: str) -> None:
        self._before = before
        self._blocks = blocks
        self._after = after
        self._names = {_name(head): head for head in blocks}
        self._added: list[tuple[int, str]] = []

    def put(self, pending: _Pending) -> bool:
        """Put an entry in or exchange it; return False when that cannot be done by lines."""
        block = _block(pending.name, pending.entry)
        head = block[: block.index("\n") + 1]
        known = self._names.get(_name(head))
        if not _HEAD.fullmatch(head) or _ENTANGLED.search(block) or (known is not None and known != head):
            return False
        self._names[_name(head)] = head
        if known is None and pending.rank is not None:
            bisect.insort(self._added, (pending.rank, head))
        self._blocks[head] = block
        return True

    def text(self) -> str:
        """Return the whole text."""
        ranked = {head for _, head in self._added}
        blocks = [block for head, block in self._blocks.items() if head not in ranked]
        blocks += [self._blocks[head] for _, head in self._added]
        return "".join((self._before, *blocks, self._after))


def _block(name: str, entry: Mapping[str, Any]) -> str:
    key = plain_key(name)
    lines = None if key is None else plain_entry(entry, "    ")
    if lines is not None:
        return f"  {key}:\n{lines}"
    return dump_yaml({"stages": {name: entry}}).removeprefix(_STAGES)


def _name(head: str) -> str:
    return head.strip().removesuffix(":").strip().strip("'\"")


def _split(text: str, where: str) -> _Lines | None:
    if not text.strip():
        return _Lines(f"schema: '{SCHEMA}'\n{_STAGES}", {}, "")
    if _TO_NORMALIZE.search(text):
        text = dump_yaml(load_for_edit(text, where))
    if not text.endswith("\n") or _ENTANGLED.search(text):
        return None
    start = 0 if text.startswith(_STAGES) else text.find("\n" + _STAGES) + 1
    if not text.startswith(_STAGES, start):
        return None
    start += len(_STAGES)
    following = re.compile(r"^\S", re.MULTILINE).search(text, start)
    end = following.start() if following else len(text)
    blocks: dict[str, str] = {}
    for block in filter(None, _BLOCKS.split(text[start:end])):
        head = block[: block.find("\n") + 1]
        if not _HEAD.fullmatch(head) or head in blocks:
            return None
        blocks[head] = block
    return _Lines(text[:start], blocks, text[end:])
