"""The values of a segment: doubles, packed by their bytes, and read from the middle.

See `segment` for the format. Values of a series are near each other, so that the first bytes of doubles, which hold
the sign, the exponent and the first digits, are the same for many, while the last ones are as good as random. So all
first bytes are put together in a *plane*, all second ones, and so on, and each plane is packed as it deserves.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from typing import Final, Protocol

from siglum.tracking.packed_column import BLOCK, little_endian

_PLAIN: Final = 0
_BLOCKS: Final = 1
_PLANES: Final = 2
_WIDTH: Final = 8
_WORD: Final = 4
_WINDOW: Final = -12
"""What `zlib` takes: no header, and no more memory than planes are long, which would take it longer to get ready."""
_LENGTHS: Final = struct.Struct("<8I")
_WORTH_PACKING: Final = 200
_MANY: Final = 128
"""A plane with more different bytes is left as it is: to deflate it would take long, and save little."""


class Values(Protocol):
    """Packed values, unpacked only where they are asked for."""

    def all(self) -> memoryview[float]:
        """Return all of them."""
        ...

    def part(self, begin: int, end: int) -> list[float]:
        """Return those from `begin` to `end`, which are within one block."""
        ...


class _Plain:
    __slots__ = ("_doubles",)

    def __init__(self, data: bytes | memoryview) -> None:
        self._doubles = _doubles(data)

    def all(self) -> memoryview[float]:
        return self._doubles

    def part(self, begin: int, end: int) -> list[float]:
        return self._doubles[begin:end].tolist()  # type: ignore[return-value]  # typeshed: of ints, always


class _Blocks:
    """As the second version of segments had them: deflated block by block."""

    __slots__ = ("_block", "_count", "_inflated", "_lengths", "_packed")

    def __init__(self, data: memoryview, count: int, lengths: Sequence[int]) -> None:
        self._packed = data
        self._count = count
        self._lengths = lengths
        self._block = -1
        self._inflated = _doubles(b"")

    def all(self) -> memoryview[float]:
        return _doubles(b"".join(map(self._bytes, range(len(self._lengths)))))

    def part(self, begin: int, end: int) -> list[float]:
        block = begin // BLOCK
        if block != self._block:
            self._block, self._inflated = block, _doubles(self._bytes(block))
        return self._inflated[begin - block * BLOCK : end - block * BLOCK].tolist()  # type: ignore[return-value]

    def _bytes(self, block: int) -> bytes | memoryview:
        start = sum(self._lengths[:block])
        packed = self._packed[start : start + self._lengths[block]]
        length = _WIDTH * min(BLOCK, self._count - block * BLOCK)
        return packed if len(packed) == length else zlib.decompress(packed, -zlib.MAX_WBITS, length)


class _Planes:
    __slots__ = ("_block", "_constant", "_count", "_joined", "_planes", "_words")

    def __init__(self, data: memoryview, count: int, lengths: Sequence[int]) -> None:
        self._count = count
        self._constant = bytearray(_WIDTH)
        self._planes: list[tuple[int, bytes | memoryview]] = []
        start = count * _WORD if lengths[0] == count * _WORD else 0
        self._words = data[:start].cast("I") if start else None
        for place in range(_WORD if start else 0, _WIDTH):
            end = start + lengths[place]
            if end - start == count:
                self._planes.append((place, data[start:end]))
            elif end - start == 1:
                self._constant[place] = data[start]
            else:
                self._planes.append((place, zlib.decompress(data[start:end], _WINDOW, count)))
            start = end
        self._block = -1
        self._joined: list[float] = []

    def all(self) -> memoryview[float]:
        return self._between(0, self._count)

    def part(self, begin: int, end: int) -> list[float]:
        block = begin // BLOCK
        first = block * BLOCK
        if block != self._block:
            if end - begin == 1:
                return self._between(begin, end).tolist()  # type: ignore[return-value]
            self._block, self._joined = block, self._between(first, min(first + BLOCK, self._count)).tolist()  # type: ignore[assignment]  # typeshed: of ints, always
        return self._joined[begin - first : end - first]

    def _between(self, begin: int, end: int) -> memoryview[float]:
        joined = self._constant * (end - begin)
        if self._words is not None:
            memoryview(joined).cast("I")[::2] = self._words[begin:end]
        for place, plane in self._planes:
            joined[place::_WIDTH] = plane[begin:end]
        return _doubles(joined)


def encode_values(values: Sequence[float]) -> bytes:
    """Pack values, where that saves a sixth of their room: it takes longer then to read a few of them."""
    plain = little_endian(array("d", values)).tobytes()
    if len(values) >= _WORTH_PACKING:
        planes = _encode_planes(plain)
        if sum(map(len, planes)) * 6 <= len(plain) * 5:
            lengths = _LENGTHS.pack(*map(len, planes))
            return b"".join((_PLANES.to_bytes(1, "little"), lengths, *planes))
    return _PLAIN.to_bytes(1, "little") + plain


def _encode_planes(plain: bytes) -> list[bytes]:
    if len(set(plain[_WORD - 1 :: _WIDTH])) > _MANY and plain[::_WIDTH].count(plain[0]) < len(plain) // _WIDTH:
        words = array("I", plain)[::2].tobytes()
        return [words, b"", b"", b"", *(_encode_plane(plain[place::_WIDTH]) for place in range(_WORD, _WIDTH))]
    return [_encode_plane(plain[place::_WIDTH]) for place in range(_WIDTH)]


def _encode_plane(plane: bytes) -> bytes:
    if plane.count(plane[0]) == len(plane):
        return plane[:1]
    if len(set(plane)) > _MANY:
        return plane
    deflate = zlib.compressobj(1, zlib.DEFLATED, _WINDOW)
    deflated = deflate.compress(plane) + deflate.flush()
    return deflated if len(deflated) * 4 <= len(plane) * 3 else plane


def open_values(data: memoryview, position: int, count: int) -> tuple[Values, int]:
    """Return values that begin at `position`, and where they end."""
    kind, begin = data[position], position + 1
    if kind == _PLAIN:
        end = begin + _WIDTH * count
        return _Plain(data[begin:end]), end
    if kind == _PLANES:
        lengths = _LENGTHS.unpack_from(data, begin)
        start = begin + _LENGTHS.size
        end = start + sum(lengths)
        return _Planes(data[start:end], count, lengths), end
    start = begin + 2 * -(-count // BLOCK)
    of_blocks = array("H", data[begin:start].tobytes())
    end = start + sum(little_endian(of_blocks))
    return _Blocks(data[start:end], count, of_blocks), end


def open_plain_values(data: bytes | memoryview) -> Values:
    """Return values that are not packed, and that nothing follows."""
    return _Plain(data)


def _doubles(data: bytes | bytearray | memoryview) -> memoryview[float]:
    if sys.byteorder == "little":
        return memoryview(data).cast("d")
    return memoryview(little_endian(array("d", bytes(data))))
