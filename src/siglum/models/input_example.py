"""The input example that a model carries: one small input, as MLflow stores it and as its scoring server takes it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from siglum.core.errors import FileFormatError, InvalidInputError
from siglum.models.layout import INPUT_EXAMPLE, MLMODEL, SERVING_INPUT, path_inside, read_bytes
from siglum.models.mlmodel import Model, write_text
from siglum.models.signature.infer import is_sparse, to_pandas


def save_example(folder: str, example: Any) -> dict[str, Any]:
    """Write `input_example.json` and `serving_input_example.json`; return their entry in `MLmodel`.

    Takes a table, an array, a dictionary, a list, a scalar, or a pair (input, parameters of inference).
    """
    data, params = split_params(example)
    data = to_pandas(data)
    data = data.toarray() if is_sparse(data) else data
    info: dict[str, Any] = {"artifact_path": INPUT_EXAMPLE, "serving_input_path": SERVING_INPUT}
    serving: dict[str, Any]
    if isinstance(data, pd.DataFrame | pd.Series):
        stored: Any = _split(data.to_frame() if isinstance(data, pd.Series) else data)
        serving, info = {"dataframe_split": stored}, info | {"type": "dataframe", "pandas_orient": "split"}
    else:
        arrays = isinstance(data, np.ndarray) or (
            isinstance(data, Mapping) and bool(data) and all(isinstance(v, np.ndarray) for v in data.values())
        )
        stored = _plain(data)
        serving, info = {"inputs": stored}, info | {"type": "ndarray" if arrays else "json_object"}
        stored = {"inputs": stored} if params and arrays else stored
    if params:
        info |= {"params": "true"}
        serving = serving | {"params": _plain(params)}
        stored = serving if info["type"] == "json_object" else stored | {"params": _plain(params)}
    write_text(os.path.join(folder, INPUT_EXAMPLE), json.dumps(stored))
    write_text(os.path.join(folder, SERVING_INPUT), json.dumps(serving, indent=2))
    return info


def load_example(folder: str, model: Model) -> Any:
    """Return the input example as it was given (without parameters), or None when the model has none."""
    info = model.saved_input_example_info
    if not info:
        return None
    path = path_inside(folder, info.get("artifact_path"), os.path.join(folder, MLMODEL))
    try:
        stored = json.loads(read_bytes(path))
        if info.get("params"):
            stored = stored.get("inputs", stored) if isinstance(stored, dict) else stored
        if info.get("type") == "dataframe":
            return pd.DataFrame(stored["data"], columns=stored.get("columns"), index=stored.get("index"))
        if info.get("type") == "ndarray":
            return {k: np.asarray(v) for k, v in stored.items()} if isinstance(stored, dict) else np.asarray(stored)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileFormatError(path, f"it is not an input example: {error}") from error
    return stored


def split_params(example: Any) -> tuple[Any, dict[str, Any] | None]:
    """Return an example's input and its parameters of inference, when it is such a pair."""
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], dict):
        return example[0], example[1]
    return example, None


def _split(frame: pd.DataFrame) -> dict[str, Any]:
    stored = {"columns": [_plain(name) for name in frame.columns], "data": _plain(frame.to_numpy(dtype=object))}
    default = isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0 and frame.index.step == 1
    return stored if default else {"index": _plain(frame.index.to_numpy(dtype=object))} | stored


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it; missing values become null, bytes base64, times ISO 8601."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return (
            [_plain(item) for item in value] if np.ndim(value) or isinstance(value, list | tuple) else _plain(value[()])
        )
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, str | int | float | bool):
        return value
    raise InvalidInputError(f"An input example cannot hold a {type(value).__qualname__}.")
