"""The points of an export: one file, JSON lines or Parquet, in which each run's are together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final, Protocol

import msgspec

from siglum.core.errors import FileFormatError, NotSupportedError
from siglum.core.failures import file_errors
from siglum.migration.export_format import POINTS, POINTS_PARQUET, PointLine, write_float
from siglum.migration.reader import Series
from siglum.tracking.series import Point

_GROUP_ROWS: Final = 100_000


class PointWriter(Protocol):
    """Appends the points of one run after the other."""

    @property
    def position(self) -> int:
        """Where the points that come next begin."""
        ...

    def add(self, run_id: str, series: Series) -> None:
        """Append points."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class PointReader(Protocol):
    """Reads the points of one run."""

    def read(self, run_id: str, position: int, count: int) -> Iterator[Series]:
        """Yield points from a position on. Raises FileFormatError when they are not there."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class JsonPointWriter:
    """Implements `PointWriter`; a position is a byte."""

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, POINTS)
        with file_errors(path):
            self._file = open(path, "wb")  # noqa: SIM115  it is closed with this

    @property
    def position(self) -> int:
        return self._file.tell()

    def add(self, run_id: str, series: Series) -> None:
        for key, points in series.items():
            line = PointLine(
                run_id=run_id,
                key=key,
                steps=[step for step, _, _ in points],
                timestamps=[time for _, time, _ in points],
                values=[write_float(value) for _, _, value in points],
            )
            self._file.write(msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        self._file.close()


class JsonPointReader:
    """Implements `PointReader` for lines of JSON."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, POINTS)
        with file_errors(self._path):
            self._file = open(self._path, "rb")  # noqa: SIM115  it is closed with this

    def read(self, run_id: str, position: int, count: int) -> Iterator[Series]:
        self._file.seek(position)
        left = count
        while left > 0:
            try:
                line = msgspec.json.decode(self._file.readline(), type=PointLine)
                points = line.points()
            except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
                raise FileFormatError(self._path, f"at byte {self._file.tell()}: {error}.") from None
            if line.run_id != run_id or not points:
                raise FileFormatError(self._path, f"{left} points of run {run_id} are missing.")
            left -= len(points)
            yield {line.key: points}

    def close(self) -> None:
        self._file.close()


def _parquet() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise NotSupportedError("Parquet needs the package pyarrow.", hint="Install it: pip install pyarrow") from None
    return pa, pq


class ParquetPointWriter:
    """Implements `PointWriter`; a position is a row."""

    def __init__(self, folder: str) -> None:
        self._pa, pq = _parquet()
        pa = self._pa
        kinds = (pa.string(), pa.string(), pa.int64(), pa.int64(), pa.float64())
        names = ("run_id", "key", "step", "timestamp", "value")
        self._schema = pa.schema(list(zip(names, kinds, strict=True)))
        path = os.path.join(folder, POINTS_PARQUET)
        with file_errors(path):
            self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[tuple[str, str, int, int, float]] = []
        self._written = 0

    @property
    def position(self) -> int:
        return self._written + len(self._rows)

    def add(self, run_id: str, series: Series) -> None:
        for key, points in series.items():
            self._rows.extend((run_id, key, *point) for point in points)
        while len(self._rows) >= _GROUP_ROWS:
            self._write(_GROUP_ROWS)

    def _write(self, count: int) -> None:
        columns = list(zip(*self._rows[:count], strict=True))
        arrays = [self._pa.array(column, kind) for column, kind in zip(columns, self._schema.types, strict=True)]
        self._writer.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=count)
        self._written += count
        del self._rows[:count]

    def close(self) -> None:
        if self._rows:
            self._write(len(self._rows))
        self._writer.close()


class ParquetPointReader:
    """Implements `PointReader` for Parquet; keeps the last group of rows that was read."""

    def __init__(self, folder: str) -> None:
        pa, pq = _parquet()
        self._path = os.path.join(folder, POINTS_PARQUET)
        try:
            with file_errors(self._path):
                self._file = pq.ParquetFile(self._path)
        except pa.ArrowInvalid as error:
            raise FileFormatError(self._path, f"this is no Parquet: {error}") from None
        self._starts = [0]
        for group in range(self._file.num_row_groups):
            self._starts.append(self._starts[-1] + self._file.metadata.row_group(group).num_rows)
        self._group = -1
        self._columns: dict[str, list[Any]] = {}

    def read(self, run_id: str, position: int, count: int) -> Iterator[Series]:
        end = position + count
        if end > self._starts[-1]:
            raise FileFormatError(self._path, f"points of run {run_id} are missing.")
        for group, (first, after) in enumerate(zip(self._starts, self._starts[1:], strict=False)):
            if first < end and position < after:
                rows = slice(max(position, first) - first, min(end, after) - first)
                yield self._series(run_id, group, rows)

    def _series(self, run_id: str, group: int, rows: slice) -> Series:
        if group != self._group:
            self._group, self._columns = group, self._file.read_row_group(group).to_pydict()
        own = [self._columns[name][rows] for name in ("run_id", "key", "step", "timestamp", "value")]
        if set(own[0]) != {run_id}:
            raise FileFormatError(self._path, f"points of run {run_id} are not where they should be.")
        series: dict[str, list[Point]] = {}
        for key, *point in zip(*own[1:], strict=True):
            series.setdefault(key, []).append((point[0], point[1], point[2]))
        return series

    def close(self) -> None:
        self._file.close()
