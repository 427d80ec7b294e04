"""Points of a series in columns, as bytes that are sent in pieces: Arrow's stream, or a format that needs no library.

The packed format, all little-endian:

    series  = "SGLMSER1" block … end
    block   = count u32 (> 0) | count × step i64 | count × timestamp i64 | count × value f64
    end     = 0 u32

An answer without its end was cut off. Arrow's schema is `step` int64, `timestamp` timestamp[ms, UTC], `value` double;
its stream has an end of its own.
"""

from __future__ import annotations

import importlib.util
import io
import sys
from array import array
from functools import cache
from typing import Any, Final, Protocol

from siglum.server.errors import RefusedError
from siglum.tracking.table import Columns

ARROW: Final = "application/vnd.apache.arrow.stream"
PACKED: Final = "application/vnd.siglum.series"
_MAGIC: Final = b"SGLMSER1"


class ColumnWriter(Protocol):
    """Makes bytes of points: first of `begin`, then of each portion, then of `end`."""

    def begin(self) -> bytes: ...
    def write(self, columns: Columns) -> bytes: ...
    def end(self) -> bytes: ...


class PackedWriter:
    """Writes the packed format."""

    def begin(self) -> bytes:
        return _MAGIC

    def write(self, columns: Columns) -> bytes:
        parts: list[array[Any]] = [columns.steps, columns.timestamps, columns.values]
        if sys.byteorder == "big":
            parts = [array(part.typecode, part) for part in parts]
            for part in parts:
                part.byteswap()
        return len(columns.values).to_bytes(4, "little") + b"".join(part.tobytes() for part in parts)

    def end(self) -> bytes:
        return bytes(4)


class ArrowWriter:
    """Writes Arrow's stream."""

    def __init__(self) -> None:
        # takes a third of a second and 50 MB: only who asks for it pays
        import pyarrow

        self._arrow = pyarrow
        self._schema = pyarrow.schema(
            [("step", pyarrow.int64()), ("timestamp", pyarrow.timestamp("ms", "UTC")), ("value", pyarrow.float64())]
        )
        self._out = io.BytesIO()
        self._writer: Any = None

    def begin(self) -> bytes:
        self._writer = self._arrow.ipc.new_stream(self._out, self._schema)
        return self._take()

    def write(self, columns: Columns) -> bytes:
        parts: list[array[Any]] = [columns.steps, columns.timestamps, columns.values]
        arrays = [
            self._arrow.Array.from_buffers(field.type, len(part), [None, self._arrow.py_buffer(part)])
            for part, field in zip(parts, self._schema, strict=True)
        ]
        self._writer.write_batch(self._arrow.record_batch(arrays, schema=self._schema))
        return self._take()

    def end(self) -> bytes:
        self._writer.close()
        return self._take()

    def _take(self) -> bytes:
        data = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return data


@cache
def has_arrow() -> bool:
    """Whether Arrow's library is installed; it is not loaded."""
    return importlib.util.find_spec("pyarrow") is not None


def choose_media(accept: str | None) -> str:
    """Return the type to answer with. Raises RefusedError when the client takes neither that there is."""
    offered = (ARROW, PACKED) if has_arrow() else (PACKED,)
    ranked = [(_quality(accept or "*/*", media), media) for media in offered]
    best = max(quality for quality, _ in ranked)
    if best <= 0:
        raise RefusedError(
            406, "INVALID_PARAMETER_VALUE", f"A series can be had as {' or '.join(offered)}; Accept names another type."
        )
    return next(media for quality, media in ranked if quality == best)


def writer_of(media: str) -> ColumnWriter:
    """Return a writer of that type."""
    return ArrowWriter() if media == ARROW else PackedWriter()


def _quality(accept: str, media: str) -> float:
    """Return how much a header Accept wants a type: by the entry that names it most exactly, as RFC 9110 has it."""
    found: dict[str, float] = {}
    for entry in accept.split(","):
        name, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        found[name] = quality if 0 <= quality <= 1 else 0.0
    for name in (media, "application/*", "*/*"):
        if name in found:
            return found[name]
    return 0.0
