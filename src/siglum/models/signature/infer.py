"""Signatures from examples: what goes in and comes out of a model says what its schemas are."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from siglum.core.errors import InvalidInputError
from siglum.models.signature.schema import ColSpec, ModelSignature, ParamSchema, ParamSpec, Schema, TensorSpec
from siglum.models.signature.types import AnyType, Array, ColumnType, DataType, Object, Property


def infer_signature(
    model_input: Any = None, model_output: Any = None, params: Mapping[str, Any] | None = None
) -> ModelSignature:
    """Return the signature that these examples have.

    Accepts pandas, polars and pyarrow tables and series, numpy arrays and scipy matrices (tensors), dictionaries of
    arrays (named tensors) or of values (columns), lists of dictionaries, lists and scalars. A column with a missing
    value is optional. Raises InvalidInputError for an example of another kind.
    """
    return ModelSignature(
        None if model_input is None else infer_schema(model_input),
        None if model_output is None else infer_schema(model_output),
        None if not params else infer_params(params),
    )


def infer_schema(data: Any) -> Schema:
    """Return the schema of one example. Raises InvalidInputError when nothing can be said of it."""
    data = to_pandas(data)
    if isinstance(data, pd.DataFrame):
        return Schema(tuple(_column(data[name], name) for name in data.columns))
    if isinstance(data, pd.Series):
        return Schema((_column(data, data.name),))
    if isinstance(data, np.ndarray):
        return Schema((_tensor(data.dtype, data.shape),))
    if is_sparse(data):
        return Schema((_tensor(data.dtype, data.shape),))
    if isinstance(data, Mapping):
        return _schema_of_mapping(data)
    if isinstance(data, Sequence) and not isinstance(data, str | bytes) and len(data):
        merged = _merge(_type_of(item) for item in data)
        if isinstance(merged, Object):
            return Schema(tuple(ColSpec(p.type, p.name, p.required) for p in merged.properties))
        return Schema((ColSpec(merged),))
    return Schema((ColSpec(_type_of(data)),))


def infer_params(params: Mapping[str, Any]) -> ParamSchema:
    """Return the schema of inference parameters from their default values."""
    return ParamSchema(tuple(_param(name, value) for name, value in params.items()))


def to_pandas(data: Any) -> Any:
    """Turn a polars or pyarrow table or series into pandas; anything else is returned as it is."""
    package = type(data).__module__.partition(".")[0]
    if package == "polars" and hasattr(data, "to_dict"):
        return pd.DataFrame(data.to_dict(as_series=False))
    if package == "polars" and hasattr(data, "to_list"):
        return pd.Series(data.to_list(), name=data.name or None)
    if package == "pyarrow" and hasattr(data, "to_pandas"):
        return data.to_pandas()
    return data


def is_sparse(data: Any) -> bool:
    """Whether `data` is a scipy sparse matrix or array (scipy is not imported to find out)."""
    return type(data).__module__.startswith("scipy.sparse") and hasattr(data, "tocsr")


def tensor_dtype(dtype: Any) -> str:
    """Return the name of a dtype without the length of strings, as MLflow writes it."""
    known = np.dtype(dtype)
    return {"U": "str", "S": "bytes"}.get(known.kind, str(known.name))


def _column(values: Any, name: Any) -> ColSpec:
    missing = bool(values.isna().any())
    key = name if name is None or isinstance(name, str | int) else str(name)
    kind: ColumnType | None = _type_of_dtype(values.dtype)
    if kind is None:
        present = values.dropna()
        kind = _merge(_type_of(v) for v in present) if len(present) else DataType.string
    return ColSpec(kind, key, not missing)


def _type_of_dtype(dtype: Any) -> DataType | None:
    """Return the type of a column of this pandas or numpy dtype; None when only its values can tell."""
    if isinstance(dtype, pd.StringDtype | pd.CategoricalDtype):
        categories = getattr(dtype, "categories", None)
        return DataType.string if categories is None else _type_of_dtype(categories.dtype)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return DataType.datetime
    numpy_dtype = getattr(dtype, "numpy_dtype", dtype)  # Int64, Float64, boolean of pandas
    if not isinstance(numpy_dtype, np.dtype):
        return None
    match numpy_dtype.kind:
        case "b":
            return DataType.boolean
        case "i" | "u":
            signed = numpy_dtype.itemsize if numpy_dtype.kind == "i" else numpy_dtype.itemsize * 2
            return DataType.integer if signed <= 4 else DataType.long
        case "f":
            return DataType.float if numpy_dtype.itemsize <= 4 else DataType.double
        case "M":
            return DataType.datetime
        case "U":
            return DataType.string
        case "S":
            return DataType.binary
        case _:
            return None


def _type_of(value: Any) -> ColumnType:
    if isinstance(value, np.generic):
        kind = _type_of_dtype(value.dtype)
        if kind is not None:
            return kind
    if isinstance(value, np.ndarray):
        return _array_type(value)
    scalars: tuple[tuple[type | tuple[type, ...], DataType], ...] = (
        (bool, DataType.boolean),  # before int: True is an int
        (int, DataType.long),
        (float, DataType.double),
        (str, DataType.string),
        ((bytes, bytearray), DataType.binary),
        ((datetime.datetime, datetime.date), DataType.datetime),
    )
    for python_type, kind in scalars:
        if isinstance(value, python_type):
            return kind
    if isinstance(value, Mapping):
        return Object(tuple(Property(str(k), _type_of(v), v is not None) for k, v in value.items()))
    if isinstance(value, list | tuple):
        return Array(_merge(_type_of(v) for v in value) if value else AnyType())
    if value is None:
        return AnyType()
    raise InvalidInputError(
        f"A signature cannot be inferred from a {type(value).__module__}.{type(value).__qualname__}.",
        hint="Give a table, an array, a dictionary, a list or a scalar.",
    )


def _array_type(value: Any) -> ColumnType:
    kind: ColumnType = _type_of_dtype(value.dtype) or _merge(_type_of(v) for v in value.ravel().tolist())
    for _ in range(max(1, value.ndim)):
        kind = Array(kind)
    return kind


def _merge(kinds: Iterable[ColumnType]) -> ColumnType:
    """Return the one type that all `kinds` have; objects are merged by key, what differs otherwise is any type."""
    distinct = list(dict.fromkeys(k for k in kinds if not isinstance(k, AnyType)))
    if not distinct:
        return AnyType()
    if len(distinct) == 1:
        return distinct[0]
    if all(isinstance(k, Object) for k in distinct):
        return _merge_objects([k for k in distinct if isinstance(k, Object)])
    if set(distinct) <= {DataType.long, DataType.double, DataType.integer, DataType.float}:
        return DataType.double
    return AnyType()


def _merge_objects(objects: list[Object]) -> Object:
    found: dict[str, list[Property]] = {}
    for each in objects:
        for field in each.properties:
            found.setdefault(field.name, []).append(field)
    everywhere = {name for name, fields in found.items() if len(fields) == len(objects)}
    return Object(
        tuple(
            Property(name, _merge(f.type for f in fields), name in everywhere and all(f.required for f in fields))
            for name, fields in found.items()
        )
    )


def _schema_of_mapping(data: Mapping[Any, Any]) -> Schema:
    if not data:
        raise InvalidInputError("A signature cannot be inferred from an empty dictionary.")
    if all(isinstance(v, np.ndarray) for v in data.values()):
        return Schema(tuple(_tensor(v.dtype, v.shape, str(k)) for k, v in data.items()))
    return Schema(tuple(ColSpec(_type_of(v), str(k), v is not None) for k, v in data.items()))


def _tensor(dtype: Any, shape: tuple[int, ...], name: str | None = None) -> TensorSpec:
    return TensorSpec(tensor_dtype(dtype), (-1, *shape[1:]) if shape else (), name)


def _param(name: str, value: Any) -> ParamSpec:
    items = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(items, list | tuple):
        kind = _merge(_type_of(v) for v in items)
        shape: tuple[int, ...] | None = (-1,)
    else:
        items = items.item() if isinstance(items, np.generic) else items
        kind, shape = _type_of(value), None
    if not isinstance(kind, DataType):
        raise InvalidInputError(f"Parameter {name!r} must be a scalar or a list of scalars of one type, not {value!r}.")
    return ParamSpec(name, kind, list(items) if shape else items, shape)
