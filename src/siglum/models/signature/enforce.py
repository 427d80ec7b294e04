"""Make an input what a schema says it is: check, put in order, cast where no value can change, refuse the rest.

The contract is MLflow's: a missing required column is an error, an extra one is dropped, casts are safe ones only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from siglum.core.errors import InvalidInputError
from siglum.core.text import count, did_you_mean
from siglum.models.signature.infer import is_sparse, tensor_dtype, to_pandas
from siglum.models.signature.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from siglum.models.signature.types import Array, DataType, Map, Object, describe

NUMPY_TYPES = {
    DataType.boolean: np.dtype(np.bool_),
    DataType.integer: np.dtype(np.int32),
    DataType.long: np.dtype(np.int64),
    DataType.float: np.dtype(np.float32),
    DataType.double: np.dtype(np.float64),
    DataType.datetime: np.dtype("datetime64[ns]"),
}


def enforce_schema(data: Any, schema: Schema) -> Any:
    """Return `data` as the schema says it must be. Raises InvalidInputError that names what does not fit."""
    data = to_pandas(data)
    if schema.is_tensor_spec():
        return _enforce_tensors(data, [s for s in schema.inputs if isinstance(s, TensorSpec)])
    columns = [s for s in schema.inputs if isinstance(s, ColSpec)]
    if not columns:
        return data
    if not schema.has_input_names() and len(columns) == 1 and isinstance(data, list):
        return [_checked_value(columns[0].type, item, "the input") for item in data]
    return _enforce_columns(_as_frame(data, schema), columns)


def enforce_params(params: Mapping[str, Any] | None, schema: ParamSchema | None) -> dict[str, Any]:
    """Return the parameters with defaults filled in and types checked. Raises InvalidInputError."""
    given = dict(params or {})
    known = {p.name: p for p in schema.params} if schema else {}
    unknown = [name for name in given if name not in known]
    if unknown:
        accepted = f"It takes {', '.join(known)}." if known else "Its signature has no parameters."
        raise InvalidInputError(
            f"The model takes no parameter {unknown[0]!r}.", hint=did_you_mean(unknown[0], known) or accepted
        )
    return {name: _enforce_param(spec, given.get(name, spec.default)) for name, spec in known.items()}


def _as_frame(data: Any, schema: Schema) -> pd.DataFrame:
    names = schema.input_names()
    if isinstance(data, pd.DataFrame):
        frame = data
    elif isinstance(data, pd.Series):
        frame = pd.DataFrame(data)
    elif isinstance(data, np.ndarray) or is_sparse(data):
        frame = _frame_of_array(data.toarray() if is_sparse(data) else data, names)
    elif isinstance(data, Mapping):
        scalars = not any(isinstance(v, list | tuple | np.ndarray | pd.Series) for v in data.values())
        nested = any(isinstance(s.type, Array | Object | Map) for s in schema.inputs if isinstance(s, ColSpec))
        frame = pd.DataFrame([dict(data)]) if scalars or nested else pd.DataFrame(_columns_of(data))
    elif isinstance(data, Sequence) and not isinstance(data, str | bytes):
        frame = pd.DataFrame(list(data)) if _is_records(data) else _frame_of_array(np.asarray(data), names)
    elif np.isscalar(data):
        frame = pd.DataFrame([data])
    else:
        raise InvalidInputError(
            f"The model takes columns ({schema}), and a {type(data).__qualname__} is no table.",
            hint="Give a pandas DataFrame.",
        )
    if not schema.has_input_names():
        _expect(frame.shape[1] >= len(names), f"The model takes {count(len(names), 'column')}, not {frame.shape[1]}.")
        frame = frame.iloc[:, : len(names)].set_axis(names, axis=1)
    return frame


def _columns_of(data: Mapping[Any, Any]) -> dict[Any, Any]:
    columns = {k: v.tolist() if isinstance(v, np.ndarray) and v.ndim > 1 else v for k, v in data.items()}
    lengths = {k: len(v) for k, v in columns.items() if hasattr(v, "__len__") and not isinstance(v, str | bytes)}
    _expect(len(set(lengths.values())) <= 1, f"The columns have different lengths: {lengths}.")
    return columns


def _is_records(data: Sequence[Any]) -> bool:
    return bool(data) and all(isinstance(row, Mapping) for row in data)


def _frame_of_array(array: Any, names: list[str | int]) -> pd.DataFrame:
    table = array.reshape(-1, 1) if array.ndim < 2 else array
    _expect(table.ndim == 2, f"The model takes columns; an array with shape {array.shape} has none.")
    _expect(
        table.shape[1] == len(names), f"The model takes {count(len(names), 'column')}; the array has {table.shape[1]}."
    )
    return pd.DataFrame(table, columns=names)


def _enforce_columns(frame: pd.DataFrame, specs: list[ColSpec]) -> pd.DataFrame:
    by_text = {str(name): name for name in frame.columns}
    result: dict[Any, pd.Series[Any]] = {}
    missing = [str(s.name) for s in specs if s.required and s.name is not None and str(s.name) not in by_text]
    if missing:
        raise InvalidInputError(
            f"The input lacks {'column' if len(missing) == 1 else 'columns'} {', '.join(map(repr, missing))}.",
            hint=did_you_mean(missing[0], by_text) or f"It has {', '.join(map(repr, by_text)) or 'no columns'}.",
        )
    for position, spec in enumerate(specs):
        name = position if spec.name is None else spec.name
        if str(name) in by_text:
            result[name] = _cast_column(frame[by_text[str(name)]], spec, name)
    return pd.DataFrame(result, index=frame.index)


def _cast_column(values: Any, spec: ColSpec, name: str | int) -> Any:
    if not isinstance(spec.type, DataType):
        for value in values:
            if spec.required or not _is_missing(value):
                _checked_value(spec.type, value, f"column {name!r}")
        return values
    if values.dtype == object and spec.type not in (DataType.binary, DataType.string):
        values = values.infer_objects()
    cast = _safe_cast(values, spec.type)
    if cast is None:
        raise InvalidInputError(
            f"Column {name!r} holds {values.dtype}, and the model takes {spec.type}: "
            "casting could change values, so it is not done.",
            hint=_hint(values, spec.type),
        )
    return cast


def _safe_cast(values: Any, kind: DataType) -> Any:
    """Return the column as `kind`, or None where a cast is not safe."""
    source = values.dtype
    textual = source.kind == "O" or isinstance(source, pd.StringDtype | pd.CategoricalDtype)
    if kind in (DataType.string, DataType.binary):
        return values if textual or getattr(source, "kind", "") in ("U", "S") else None
    target = NUMPY_TYPES[kind]
    if source == target:
        return values
    if kind is DataType.datetime:
        return _as_datetime(values) if textual or source.kind == "M" else None
    if kind is DataType.boolean:
        return values if source.kind == "O" or str(source) == "boolean" else None
    source = getattr(source, "numpy_dtype", source)
    if not isinstance(source, np.dtype):
        return None
    return values.astype(target) if _is_widening(source, target) or _only_zero_one(values, source, target) else None


def _is_widening(source: np.dtype[Any], target: np.dtype[Any]) -> bool:
    if source.kind == target.kind:
        return source.itemsize <= target.itemsize
    if source.kind == "u" and target.kind == "i":
        return source.itemsize < target.itemsize
    # a double holds every integer of up to 53 bits
    return source.kind in "iu" and target == np.float64 and source.itemsize <= 4


def _only_zero_one(values: Any, source: np.dtype[Any], target: np.dtype[Any]) -> bool:
    return source == np.int64 and target.kind == "f" and bool(values.dropna().isin([0, 1]).all())


def _as_datetime(values: Any) -> Any:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return None
    try:
        return values.astype("datetime64[ns]")
    except (ValueError, TypeError):
        return None


def _hint(values: Any, kind: DataType) -> str | None:
    if getattr(values.dtype, "kind", "") == "f" and kind in (DataType.integer, DataType.long) and values.isna().any():
        return "Integers with missing values arrive as float: let the model's signature have this column as double."
    if values.dtype == np.int64 and kind in (DataType.float, DataType.double):
        return f"Convert it yourself where the values allow: data[name].astype({str(NUMPY_TYPES[kind])!r})."
    return None


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _checked_value(kind: Any, value: Any, where: str) -> Any:
    """Check a nested value against its type; returns it as it is."""
    if isinstance(kind, Array):
        _expect(isinstance(value, list | tuple | np.ndarray), f"In {where}, {value!r} is not an {describe(kind)}.")
        for item in value:
            _checked_value(kind.items, item, where)
    elif isinstance(kind, Object):
        _expect(isinstance(value, Mapping), f"In {where}, {value!r} is not an object.")
        for field in kind.properties:
            present = field.name in value and value[field.name] is not None
            _expect(present or not field.required, f"In {where}, an object lacks {field.name!r}.")
            if present:
                _checked_value(field.type, value[field.name], f"{where}, {field.name!r}")
    elif isinstance(kind, Map):
        _expect(isinstance(value, Mapping), f"In {where}, {value!r} is not a map.")
        for key, item in value.items():
            _checked_value(kind.values, item, f"{where}, {key!r}")
    elif isinstance(kind, DataType):
        _expect(_safe_cast(pd.Series([value]), kind) is not None, f"In {where}, {value!r} is not a {kind}.")
    return value


def _enforce_tensors(data: Any, specs: list[TensorSpec]) -> Any:
    if specs[0].name is None:
        return _enforce_tensor(_unnamed_array(data, specs[0]), specs[0])
    if not isinstance(data, Mapping | pd.DataFrame):
        names = ", ".join(str(s.name) for s in specs)
        raise InvalidInputError(
            f"The model takes named tensors ({names}), not a {type(data).__qualname__}.",
            hint="Give a dictionary of numpy arrays.",
        )
    missing = [s.name for s in specs if s.name not in data]
    _expect(not missing, f"The input lacks {', '.join(map(repr, missing))}.")
    return {s.name: _enforce_tensor(_stack(data[s.name]), s) for s in specs}


def _unnamed_array(data: Any, spec: TensorSpec) -> Any:
    if isinstance(data, pd.DataFrame):
        return _stack(data.iloc[:, 0]) if data.shape[1] == 1 and len(spec.shape) != 2 else data.to_numpy()
    if isinstance(data, np.ndarray) or is_sparse(data):
        return data
    if isinstance(data, pd.Series | list | tuple):
        return _stack(data)
    raise InvalidInputError(f"The model takes a tensor, not a {type(data).__qualname__}.", hint="Give a numpy array.")


def _stack(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values
    return np.asarray(values.tolist() if isinstance(values, pd.Series) else values)


def _enforce_tensor(array: Any, spec: TensorSpec) -> Any:
    what = "The input" if spec.name is None else f"Tensor {spec.name!r}"
    fits = len(array.shape) == len(spec.shape) and all(
        want in (-1, have) for want, have in zip(spec.shape, array.shape, strict=False)
    )
    _expect(fits, f"{what} has shape {array.shape}; the model takes {spec.shape}.")
    if tensor_dtype(array.dtype) == spec.dtype:
        return array
    target = np.dtype(spec.dtype)
    safe = _is_widening(array.dtype, target)
    _expect(safe, f"{what} holds {array.dtype}, and the model takes {spec.dtype}: casting could change values.")
    return array.astype(target)


def _enforce_param(spec: ParamSpec, value: Any) -> Any:
    if value is None:
        return None
    if spec.shape is None:
        return _cast_scalar(spec, value.item() if isinstance(value, np.generic) else value)
    items = value.tolist() if isinstance(value, np.ndarray) else value
    _expect(isinstance(items, list | tuple), f"Parameter {spec.name!r} must be a list of {spec.dtype}, not {value!r}.")
    return [_cast_scalar(spec, item) for item in items]


_PYTHON_CASTS: dict[DataType, tuple[type | tuple[type, ...], Callable[[Any], Any]]] = {
    DataType.boolean: (bool, bool),
    DataType.integer: (int, int),
    DataType.long: (int, int),
    DataType.float: ((int, float), float),
    DataType.double: ((int, float), float),
    DataType.string: (str, str),
    DataType.binary: (bytes, bytes),
}


def _cast_scalar(spec: ParamSpec, value: Any) -> Any:
    if spec.dtype is DataType.datetime:
        try:
            return np.datetime64(value).item()
        except ValueError:
            raise InvalidInputError(f"Parameter {spec.name!r} must be a datetime, not {value!r}.") from None
    accepted, cast = _PYTHON_CASTS[spec.dtype]
    boolean = isinstance(value, bool) and spec.dtype is not DataType.boolean  # a bool is an int for Python only
    fits = isinstance(value, accepted) and not boolean
    _expect(fits, f"Parameter {spec.name!r} must be a {spec.dtype}, not {value!r}.")
    return cast(value)


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidInputError(message)
