"""A column of integers of a segment: packed by the differences from one to the next, and read from the middle.

See `segment` for the format. What is asked for one by one is worked out within a block, never from the column's start.
"""

from __future__ import annotations

import itertools
import operator
import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any, Final

BLOCK: Final = 64
"""So many points are in a block; the last one of a segment may have fewer."""
_HEAD: Final = struct.Struct("<Bqq")
_RAW: Final = 255
_TYPECODES: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Column:
    """Integers, unpacked only where they are asked for."""

    __slots__ = ("_begins", "_block", "_known", "_least", "_offsets", "_plain", "count")

    def __init__(
        self, count: int, plain: Sequence[int], least: int = 0, offsets: array[int] | None = None, begins: Any = ()
    ) -> None:
        self.count = count
        self._plain = plain
        self._least = least
        self._offsets = offsets
        self._begins: Sequence[int] = begins
        self._block = -1
        self._known: Sequence[int] = ()

    def numbers(self) -> Sequence[int]:
        """Return all of them."""
        if self._offsets is None:
            return self._plain
        return list(itertools.accumulate(map(self._least.__add__, self._offsets), initial=self._begins[0]))

    def at(self, place: int) -> int:
        """Return one of them."""
        if self._offsets is None:
            return self._plain[place]
        block, within = divmod(place, BLOCK)
        if block == self._block:
            return self._known[within]
        return self._begins[block] + self._least * within + sum(self._offsets[place - within : place])

    def find(self, number: int, begin: int, end: int) -> int:
        """Return the first place from `begin` to `end` that has `number` or more, `end` without one. They must grow."""
        if self._offsets is None:
            return bisect_left(self._plain, number, begin, end)
        block = max(bisect_left(self._begins, number) - 1, 0)
        found = block * BLOCK + bisect_left(self._unpacked(block), number)
        return min(max(found, begin), end)

    def _unpacked(self, block: int) -> Sequence[int]:
        if block != self._block:
            assert self._offsets is not None, "only those have blocks to unpack"
            first = block * BLOCK
            steps: Iterable[int] = self._offsets[first : first + BLOCK - 1]
            if self._least:
                steps = map(self._least.__add__, steps)
            self._block, self._known = block, list(itertools.accumulate(steps, initial=self._begins[block]))
        return self._known


def encode_column(numbers: Sequence[int]) -> bytes:
    """Pack at least one number."""
    differences = list(map(operator.sub, numbers[1:], numbers))
    least, greatest = min(differences, default=0), max(differences, default=0)
    spread = greatest - least
    if spread >= 1 << 64 or not -(1 << 63) <= least < 1 << 63:
        return _RAW.to_bytes(1, "little") + little_endian(array("q", numbers)).tobytes()
    if spread == 0:
        return _HEAD.pack(0, numbers[0], least)
    width = next(w for w in (1, 2, 4, 8) if spread < 1 << 8 * w)
    if least > 0 and greatest < 1 << 8 * width:
        least = 0  # takes no more room, and is read faster
    offsets = array(_TYPECODES[width], differences if least == 0 else [d - least for d in differences])
    begins = array("q", numbers[BLOCK::BLOCK])
    head = _HEAD.pack(width, numbers[0], least)
    return b"".join((head, little_endian(offsets).tobytes(), little_endian(begins).tobytes()))


def open_column(data: bytes, position: int, count: int, *, blocks: bool = True) -> tuple[Column, int]:
    """Return a column that begins at `position`, and where it ends. Without `blocks`, it says nothing of them."""
    width = data[position]
    if width == _RAW:
        end = position + 1 + 8 * count
        return Column(count, little_endian(array("q", data[position + 1 : end]))), end
    _, first, least = _HEAD.unpack_from(data, position)
    position += _HEAD.size
    if width == 0:
        same = [first] * count if least == 0 else range(first, first + least * count, least)
        return Column(count, same), position
    end = position + width * (count - 1)
    offsets = little_endian(array(_TYPECODES[width], data[position:end]))
    if not blocks:
        differences = map(least.__add__, offsets)
        return Column(count, list(itertools.accumulate(differences, initial=first))), end
    begins = array("q", (first,))
    position, end = end, end + 8 * ((count - 1) // BLOCK)
    begins.extend(little_endian(array("q", data[position:end])))
    return Column(count, (), least, offsets, begins), end


def little_endian(numbers: array[Any]) -> array[Any]:
    """Return numbers as they are stored, or as they are here when they came from there."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
