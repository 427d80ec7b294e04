"""The columns of tables, under the names that MLflow has for their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas
    import polars

_TYPES: Final = {
    "bool": "boolean", "boolean": "boolean", "int8": "integer", "int16": "integer", "int32": "integer",
    "uint8": "integer", "uint16": "integer", "int64": "long", "uint32": "long", "float16": "float",
    "float32": "float", "float64": "double", "str": "string", "string": "string", "category": "string",
    "categorical": "string", "datetime64": "datetime", "datetime": "datetime", "date": "datetime", "binary": "binary",
}  # fmt: skip
"""By the names of pandas and polars, in small letters. What is not here keeps its own name."""
_OBJECTS: Final = {
    "string": "string", "bytes": "binary", "boolean": "boolean", "integer": "long", "floating": "double",
    "datetime": "datetime", "date": "datetime",
}  # fmt: skip
"""By what pandas finds in a column of objects."""


def pandas_columns(df: pandas.DataFrame) -> dict[str, Any]:
    """Return the schema of a pandas table. A column is required where no value is missing."""
    from pandas.api.types import infer_dtype  # optional: whoever has a table has pandas

    found = []
    for position, (name, dtype) in enumerate(df.dtypes.items()):
        column = df.iloc[:, position]
        kind = _OBJECTS.get(infer_dtype(column, skipna=True)) if str(dtype) == "object" else None
        found.append(_column(str(name), kind or _type(dtype), required=not column.isna().any()))
    return {"mlflow_colspec": found}


def polars_columns(df: polars.DataFrame) -> dict[str, Any]:
    """Return the schema of a polars table. A column is required where no value is missing."""
    columns = [
        _column(column.name, _type(column.dtype), required=column.null_count() == 0) for column in df.get_columns()
    ]
    return {"mlflow_colspec": columns}


def _type(dtype: Any) -> str:
    name = str(dtype)
    return _TYPES.get(name.lower().partition("[")[0].partition("(")[0], name)


def _column(name: str, kind: str, *, required: bool) -> dict[str, Any]:
    return {"type": kind, "name": name, "required": bool(required)}
