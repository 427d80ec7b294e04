from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from siglum.core.errors import InvalidInputError
from siglum.models.signature import ModelSignature, Schema, enforce_params, enforce_schema, infer_signature
from siglum.models.signature.infer import infer_schema

FRAME = pd.DataFrame(
    {
        "b": [True, False],
        "i": np.array([1, 2], dtype="int32"),
        "l": [1, 2],
        "f": np.array([1, 2], dtype="float32"),
        "d": [1.5, np.nan],
        "s": ["x", "y"],
        "t": pd.to_datetime(["2026-01-01", "2026-01-02"]),
        "y": [b"1", b"2"],
        "a": [[1, 2], [3]],
    }
)


def test_a_frame_has_the_json_that_mlflow_writes() -> None:
    assert infer_schema(FRAME).to_json() == (
        '[{"type": "boolean", "name": "b", "required": true}, {"type": "integer", "name": "i", "required": true}, '
        '{"type": "long", "name": "l", "required": true}, {"type": "float", "name": "f", "required": true}, '
        '{"type": "double", "name": "d", "required": false}, {"type": "string", "name": "s", "required": true}, '
        '{"type": "datetime", "name": "t", "required": true}, {"type": "binary", "name": "y", "required": true}, '
        '{"type": "array", "items": {"type": "long"}, "name": "a", "required": true}]'
    )


NESTED = (
    '[{"type": "object", "properties": {"k": {"type": "double", "required": true}}, "name": "q", "required": true}]'
)


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (np.zeros((3, 2), "float32"), '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]'),
        (np.array(["a", "bc"]), '[{"type": "tensor", "tensor-spec": {"dtype": "str", "shape": [-1]}}]'),
        (csr_array(np.eye(2)), '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]'),
        (
            {"x": np.zeros((3, 2))},
            '[{"name": "x", "type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]',
        ),
        (pd.Series([1, 2], name="n"), '[{"type": "long", "name": "n", "required": true}]'),
        (["a", "b"], '[{"type": "string", "required": true}]'),
        (
            [{"a": 1}, {"a": 2, "b": "x"}],
            '[{"type": "long", "name": "a", "required": true}, {"type": "string", "name": "b", "required": false}]',
        ),
        ({"q": {"k": 1.0}}, NESTED),
        (3.5, '[{"type": "double", "required": true}]'),
        ([datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)], '[{"type": "datetime", "required": true}]'),
    ],
)
def test_examples_of_other_kinds(example: Any, expected: str) -> None:
    schema = infer_schema(example)
    assert schema.to_json() == expected
    assert Schema.from_json(expected) == schema


def test_what_has_no_schema_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="cannot be inferred"):
        infer_signature(object())


def test_a_signature_with_params_comes_back() -> None:
    signature = infer_signature(FRAME, np.zeros(2), {"k": 3, "names": ["a"], "t": 0.5})
    assert ModelSignature.from_dict(signature.to_dict()) == signature
    assert signature.to_dict()["params"] == (
        '[{"name": "k", "default": 3, "shape": null, "type": "long"}, '
        '{"name": "names", "default": ["a"], "shape": [-1], "type": "string"}, '
        '{"name": "t", "default": 0.5, "shape": null, "type": "double"}]'
    )


@pytest.mark.parametrize(
    "text", ["[", "{}", '[{"type": "tensor"}]', '[{"type": "array"}]', '[{"type": "tensor"}, {"type": "long"}]', "[1]"]
)
def test_a_damaged_schema_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        Schema.from_json(text)


def test_columns_are_put_in_order_and_extra_ones_dropped() -> None:
    schema = infer_schema(pd.DataFrame({"a": [1], "b": [1.0]}))
    result = enforce_schema(pd.DataFrame({"x": ["?"], "b": [2.0], "a": [1]}, index=[7]), schema)
    assert list(result.columns) == ["a", "b"]
    assert list(result.index) == [7]


def test_a_missing_column_is_named_with_what_was_meant() -> None:
    schema = infer_schema(pd.DataFrame({"petal length": [1.0]}))
    with pytest.raises(InvalidInputError, match=r"lacks column 'petal length'.*Did you mean 'petal_length'"):
        enforce_schema(pd.DataFrame({"petal_length": [1.0]}), schema)


def test_an_optional_column_may_be_missing() -> None:
    schema = infer_schema(pd.DataFrame({"a": [1.0], "b": [np.nan]}))
    assert list(enforce_schema(pd.DataFrame({"a": [1.0]}), schema).columns) == ["a"]


@pytest.mark.parametrize(
    ("have", "want", "safe"),
    [
        ("int32", "int64", True),
        ("int16", "int32", True),
        ("uint8", "int32", True),
        ("float32", "float64", True),
        ("int32", "float64", True),
        ("int64", "float64", False),
        ("float64", "int64", False),
        ("int64", "int32", False),
        ("float64", "float32", False),
        ("int32", "bool", False),
        ("bool", "int64", False),
    ],
)
def test_only_safe_casts_are_done(have: str, want: str, safe: bool) -> None:
    schema = infer_schema(pd.DataFrame({"a": np.array([1, 2]).astype(want)}))
    frame = pd.DataFrame({"a": np.array([5, 6]).astype(have)})
    if safe:
        assert enforce_schema(frame, schema)["a"].dtype == want
    else:
        with pytest.raises(InvalidInputError, match=f"'a' holds {have}"):
            enforce_schema(frame, schema)


def test_zeros_and_ones_are_doubles_and_nans_get_a_hint() -> None:
    schema = infer_schema(pd.DataFrame({"a": [0.5]}))
    assert enforce_schema(pd.DataFrame({"a": [0, 1]}), schema)["a"].dtype == "float64"
    integers = infer_schema(pd.DataFrame({"a": [1]}))
    with pytest.raises(InvalidInputError, match="missing values"):
        enforce_schema(pd.DataFrame({"a": [1, None]}), integers)


def test_dates_of_any_precision_are_taken() -> None:
    schema = infer_schema(pd.DataFrame({"t": pd.to_datetime(["2026-01-01"])}))
    for values in (np.array(["2026-01-02"], dtype="datetime64[s]"), ["2026-01-02"]):
        assert enforce_schema(pd.DataFrame({"t": values}), schema)["t"].dtype == "datetime64[ns]"
    with pytest.raises(InvalidInputError, match="'t'"):
        enforce_schema(pd.DataFrame({"t": ["no date"]}), schema)


@pytest.mark.parametrize(
    "data", [{"a": [1, 2], "b": [1.5, 2.5]}, [{"a": 1, "b": 1.5}, {"a": 2, "b": 2.5}], {"a": 1, "b": 2.5}]
)
def test_dictionaries_and_records_become_frames(data: Any) -> None:
    schema = infer_schema(pd.DataFrame({"a": [1], "b": [1.5]}))
    assert list(enforce_schema(data, schema).columns) == ["a", "b"]


def test_an_array_takes_the_names_of_the_columns() -> None:
    schema = infer_schema(pd.DataFrame({"a": [1.5], "b": [1.5]}))
    assert list(enforce_schema(np.ones((2, 2)), schema).columns) == ["a", "b"]
    with pytest.raises(InvalidInputError, match="2 columns; the array has 3"):
        enforce_schema(np.ones((2, 3)), schema)


def test_nested_values_are_checked() -> None:
    schema = infer_schema([{"q": {"k": [1.0], "n": "x"}}])
    enforce_schema([{"q": {"k": [2.0], "n": "y"}}], schema)
    with pytest.raises(InvalidInputError, match="lacks 'n'"):
        enforce_schema([{"q": {"k": [2.0]}}], schema)
    with pytest.raises(InvalidInputError, match=r"'k'.*not a double"):
        enforce_schema([{"q": {"k": ["no"], "n": "x"}}], schema)


def test_tensors_are_checked_by_shape_and_type() -> None:
    schema = infer_schema(np.zeros((3, 2)))
    assert enforce_schema(np.zeros((5, 2), "float32"), schema).dtype == "float64"
    assert enforce_schema(pd.DataFrame(np.zeros((1, 2))), schema).shape == (1, 2)
    with pytest.raises(InvalidInputError, match=r"shape \(5, 3\)"):
        enforce_schema(np.zeros((5, 3)), schema)
    with pytest.raises(InvalidInputError, match="complex"):
        enforce_schema(np.zeros((5, 2), "complex128"), schema)
    named = infer_schema({"x": np.zeros((3, 2)), "y": np.zeros(3)})
    with pytest.raises(InvalidInputError, match="lacks 'y'"):
        enforce_schema({"x": np.zeros((3, 2))}, named)


def test_params_are_completed_and_checked() -> None:
    schema = infer_signature(params={"top": 3, "temperature": 0.5, "stop": ["a"]}).params
    assert enforce_params({"temperature": 1}, schema) == {"top": 3, "temperature": 1.0, "stop": ["a"]}
    with pytest.raises(InvalidInputError, match="Did you mean 'top'"):
        enforce_params({"tops": 1}, schema)
    with pytest.raises(InvalidInputError, match="'top' must be a long"):
        enforce_params({"top": True}, schema)
    with pytest.raises(InvalidInputError, match="no parameters"):
        enforce_params({"x": 1}, None)


class Foreign:
    """What a polars frame shows of itself."""

    def to_dict(self, as_series: bool) -> dict[str, list[int]]:
        assert not as_series
        return {"a": [1, 2]}


Foreign.__module__ = "polars.dataframe.frame"


def test_a_polars_frame_is_taken_by_its_protocol() -> None:
    assert infer_schema(Foreign()).to_json() == '[{"type": "long", "name": "a", "required": true}]'
