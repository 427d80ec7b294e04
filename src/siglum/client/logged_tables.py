"""Tables of runs, in MLflow's layout: JSON with `columns` and `data`, or Parquet, to which later rows are appended."""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import random
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from siglum.client import artifact_content, logged_images
from siglum.client.artifact_folder import ArtifactFolder
from siglum.core.errors import BusyError, FileFormatError, InvalidInputError, NotSupportedError
from siglum.storage.artifacts.base import ArtifactStore
from siglum.storage.artifacts.replacing import NumberedWrite, Outcome
from siglum.tracking import listed_artifacts
from siglum.tracking.entities import Run, Tag
from siglum.tracking.store import TrackingStore

if TYPE_CHECKING:
    import pandas

_TYPE = "table"
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.05
_INFO_COLUMNS = ("run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time")


class TakesRows(Protocol):
    """Files that take rows without the table that they go to: those of a spool, which knows it only later."""

    def append(self, path: str, rows: bytes) -> None:
        """Add rows to a table, or make it."""
        ...


def log(store: TrackingStore, files: ArtifactFolder, run_id: str, data: Any, artifact_file: str) -> None:
    """Store a table, or append its rows to the one that is there; see `fluent.log_table`."""
    path = artifact_content.file_path(artifact_file)
    if path.endswith(".parquet"):
        rows = _parquet(_frame(data), path)
    elif path.endswith(".json"):
        folder = f"table_images/{posixpath.splitext(path)[0]}"
        rows = _json(*_split(data, lambda image: _image_cell(files, image, folder)))
    else:
        raise InvalidInputError(f"{artifact_file!r} is not the name of a table.", hint="Use .json or .parquet.")
    if hasattr(files, "append"):
        cast("TakesRows", files).append(path, rows)
        return
    try:
        add_rows(files, path, rows)
    except NotSupportedError:
        artifact_content.put(files, path, with_rows(content_of(files, path), rows, path))
    list_in_run(store, run_id, path)


def add_rows(files: ArtifactFolder, path: str, rows: bytes, write: NumberedWrite | None = None) -> None:
    """Add rows to a table, or make it, whoever else adds some; with a numbered `write`, once however often it is done.

    Raises:
        NotSupportedError: The files are where nothing tells who else adds rows, and nothing was stored.
        BusyError: Others kept adding rows for a minute.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        before = content_of(files, path)
        expected = None if before is None else hashlib.sha256(before).hexdigest()
        if files.replace(path, with_rows(before, rows, path), expected, write) is not Outcome.CHANGED:
            return
        if time.monotonic() > deadline:
            raise BusyError(f"{path}: others keep adding rows.")
        time.sleep(random.uniform(0, _PAUSE_SECONDS))  # noqa: S311  -- so that who was late is not always late


def content_of(files: ArtifactStore, path: str) -> bytes | None:
    """Return a file's bytes; None when there is none."""
    if all(entry.path != path for entry in files.list(posixpath.dirname(path))):
        return None
    with files.open(path) as file:
        return file.read()


def with_rows(before: bytes | None, rows: bytes, path: str) -> bytes:
    """Return a table, if there is one, with further rows, which are a table themselves."""
    if before is None:
        return rows
    if path.endswith(".json"):
        return _json(*_joined(_parsed(before, path), _parsed(rows, path)))
    import pandas  # optional: Parquet is read and written by pandas

    tables = [pandas.read_parquet(io.BytesIO(each)) for each in (before, rows)]
    return _parquet(pandas.concat(tables, ignore_index=True), path)


def list_in_run(store: TrackingStore, run_id: str, path: str) -> None:
    """Name a table in the tag by which it is found."""
    listed = _listed(store.get_run(run_id))
    if path not in listed:
        entries = [{"path": each, "type": _TYPE} for each in [*listed, path]]
        store.log_batch(run_id, tags=[Tag(listed_artifacts.TAG, json.dumps(entries))])


def has_table(run: Run, artifact_file: str) -> bool:
    """Whether a run logged a table under this name."""
    return artifact_file in _listed(run)


def filter_for(artifact_file: str) -> str:
    """Return a search filter that leaves few runs without the table, and none with it out."""
    if any(character in artifact_file for character in "'\"\\") or not artifact_file.isascii():
        return f"tags.`{listed_artifacts.TAG}` LIKE '%'"
    return f"tags.`{listed_artifacts.TAG}` LIKE '%\"{artifact_file}\"%'"


def read(files: ArtifactStore, artifact_file: str, run: Run, extra_columns: Sequence[str]) -> pandas.DataFrame:
    """Return a run's table, with columns about the run behind."""
    import pandas  # optional: only for who asks for a table

    with files.open(artifact_file) as file:
        content = file.read()
    if artifact_file.endswith(".parquet"):
        table = pandas.read_parquet(io.BytesIO(content))
    else:
        columns, rows = _parsed(content, artifact_file)
        table = pandas.DataFrame(rows, columns=columns)
    for column in extra_columns:
        table[column] = _about(run, column)
    return table


def _about(run: Run, column: str) -> Any:
    import pandas  # optional: only for who asks for a table

    if column in ("start_time", "end_time"):
        return pandas.to_datetime(getattr(run.info, column), unit="ms", utc=True)
    if column in _INFO_COLUMNS:
        return str(getattr(run.info, column))
    kind, _, key = column.partition(".")
    groups: dict[str, dict[str, Any]] = {
        "metrics": {**run.data.metrics}, "params": {**run.data.params}, "tags": {**run.data.tags},
    }  # fmt: skip
    values = groups.get(kind)
    if values is None or not key:
        raise InvalidInputError(
            f"There is no column {column!r} of runs.",
            hint=f"Use {', '.join(_INFO_COLUMNS)}, or metrics.<key>, params.<key> and tags.<key>.",
        )
    return values.get(key)


def _split(data: Any, store_image: Any) -> tuple[list[str], list[list[Any]]]:
    """Return a table as column names and rows of plain values; pictures become references."""
    if hasattr(data, "to_dict") and hasattr(data, "columns") and hasattr(data, "index"):
        document = json.loads(data.to_json(orient="split", index=False, date_format="iso", default_handler=str))
        names = [str(name) for name in document["columns"]]
        if len(data.columns) and not any(_is_image(cell) for cell in data.to_numpy().flat):
            return names, document["data"]
        return names, [[store_image(c) if _is_image(c) else _cell(c) for c in row] for row in data.to_numpy().tolist()]
    if not isinstance(data, Mapping):
        raise InvalidInputError(f"A table is a pandas table or a mapping of columns, not {type(data).__name__}.")
    columns = {str(name): _column(values) for name, values in data.items()}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise InvalidInputError(
            f"The columns differ in length: {', '.join(f'{name} has {len(v)}' for name, v in columns.items())}."
        )
    cells = {name: [store_image(v) if _is_image(v) else v for v in values] for name, values in columns.items()}
    return list(cells), [list(row) for row in zip(*cells.values(), strict=True)]


def _column(values: Any) -> list[Any]:
    if isinstance(values, str | bytes | Mapping) or _is_image(values):
        return [values]
    if hasattr(values, "tolist"):  # NumPy, pandas
        values = values.tolist()
    return list(values) if isinstance(values, Sequence) else [values]


def _joined(
    first: tuple[list[str], list[list[Any]]], second: tuple[list[str], list[list[Any]]]
) -> tuple[list[str], list[list[Any]]]:
    """Return the rows of both tables under the columns of both; a cell that a table does not have is null."""
    columns = list(dict.fromkeys([*first[0], *second[0]]))
    rows: list[list[Any]] = []
    for names, some in (first, second):
        if names == columns:
            rows.extend(some)
            continue
        places = {name: i for i, name in enumerate(names)}
        rows.extend([row[places[name]] if name in places else None for name in columns] for row in some)
    return columns, rows


def _json(columns: list[str], rows: list[list[Any]]) -> bytes:
    return json.dumps({"columns": columns, "data": rows}, default=_cell, ensure_ascii=False).encode()


def _parsed(data: bytes, path: str) -> tuple[list[str], list[list[Any]]]:
    try:
        document = json.loads(data)
        return list(document["columns"]), list(document["data"])
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(path, "it is not a table: JSON with columns and data.") from error


def _frame(data: Any) -> pandas.DataFrame:
    import pandas  # optional: Parquet is written by pandas

    return data if isinstance(data, pandas.DataFrame) else pandas.DataFrame({k: _column(v) for k, v in data.items()})


def _parquet(table: pandas.DataFrame, path: str) -> bytes:
    buffer = io.BytesIO()
    try:
        table.to_parquet(buffer, index=False)
    except ImportError as error:
        raise InvalidInputError(f"{path!r} cannot be written: Parquet needs pyarrow.", hint="Use .json.") from error
    return buffer.getvalue()


def _listed(run: Run) -> list[str]:
    """Return the paths of the tables of a run; a tag that somebody else wrote lists none."""
    try:
        entries = json.loads(run.data.tags.get(listed_artifacts.TAG, "[]"))
        return [entry["path"] for entry in entries if entry["type"] == _TYPE]
    except (ValueError, KeyError, TypeError):
        return []


def _is_image(value: Any) -> bool:
    return type(value).__module__.startswith("PIL.") and hasattr(value, "save")


def _image_cell(files: ArtifactStore, image: Any, folder: str) -> dict[str, str]:
    whole, preview = logged_images.put_unnamed(files, image, folder)
    return {"type": "image", "filepath": whole, "compressed_filepath": preview}


def _cell(value: Any) -> Any:
    for method in ("tolist", "isoformat"):  # NumPy; dates
        if hasattr(value, method):
            return getattr(value, method)()
    return value if isinstance(value, str | int | float | list | dict | None) else str(value)
