"""Data sets in memory: their hash covers every row."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from siglum.core.errors import InvalidInputError
from siglum.data import from_numpy, from_pandas


def table() -> pd.DataFrame:
    return pd.DataFrame({"a": range(5000), "b": [f"t{n}" for n in range(5000)], "c": [n / 3 for n in range(5000)]})


def test_every_cell_counts() -> None:
    base = from_pandas(table())
    assert base.hash == from_pandas(table()).hash
    changed: list[pd.DataFrame] = []
    for column, value in (("a", -1), ("b", "x"), ("c", float("nan"))):
        one = table()
        one.loc[3777, column] = value
        changed.append(one)
    changed += [table().rename(columns={"a": "z"}), table()[["b", "a", "c"]], table().iloc[:-1], table().iloc[::-1]]
    changed.append(table().astype({"a": "int32"}))
    hashes = {from_pandas(one).hash for one in changed}
    assert len(hashes) == len(changed)
    assert base.hash not in hashes


def test_what_is_on_record() -> None:
    dataset = from_pandas(table(), source="data/x.csv", targets="c", name="toy")
    made = dataset.as_dataset_input("training").dataset
    assert (made.name, made.source_type, len(made.digest)) == ("toy", "local", 32)
    assert json.loads(made.source) == {"uri": "data/x.csv", "hash": dataset.hash}
    assert json.loads(str(made.profile)) == {"num_rows": 5000, "num_elements": 15000}
    assert [column["name"] for column in json.loads(str(made.schema))["mlflow_colspec"]] == ["a", "b", "c"]
    assert dataset.as_data_input("training").path == "data/x.csv"
    assert from_pandas(table(), digest="mine").digest == "mine"
    assert from_pandas(table(), source="s3://b/k").source_type == "s3"
    assert from_pandas(table()).source_type == "code"
    with pytest.raises(InvalidInputError, match="no column 'd'"):
        from_pandas(table(), targets="d")


def test_odd_tables() -> None:
    lists = pd.DataFrame({"a": [[1, 2], [3]]})
    assert from_pandas(lists).hash != from_pandas(pd.DataFrame({"a": [[1, 2], [4]]})).hash
    assert from_pandas(pd.DataFrame()).hash
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert from_pandas(twice).hash != from_pandas(pd.DataFrame([[1, 3]], columns=["a", "a"])).hash


@pytest.mark.parametrize(
    "other",
    [
        np.arange(13, dtype="int64"),
        np.arange(12, dtype="int32"),
        np.arange(12, dtype="int64").reshape(3, 4),
        np.arange(1, 13, dtype="int64"),
    ],
)
def test_arrays(other: Any) -> None:
    base = from_numpy(np.arange(12, dtype="int64"))
    assert base.hash == from_numpy(np.arange(12, dtype="int64")).hash
    assert base.hash != from_numpy(other).hash


def test_arrays_with_targets_and_names() -> None:
    x, y = np.zeros((4, 2)), np.ones(4)
    assert from_numpy(x).hash != from_numpy(x, targets=y).hash
    assert from_numpy(x).hash == from_numpy(np.asfortranarray(x)).hash
    several = from_numpy({"a": x, "b": y}, name="pair")
    assert several.hash == from_numpy({"b": y, "a": x}).hash
    assert several.profile == {"num_rows": 4, "num_elements": 12}
    assert from_numpy(np.array(["a", None], dtype=object)).hash


def test_columns_have_the_types_of_mlflow() -> None:
    """As MLflow 3.17.2 has them of the same table."""
    made = from_pandas(
        pd.DataFrame(
            {
                "a": [1, 2],
                "b": [1.5, None],
                "c": ["x", "y"],
                "d": [True, False],
                "e": pd.to_datetime(["2026-01-01", "2026-01-02"]),
                "f": np.array([1, 2], dtype="int32"),
                "g": [b"x", b"y"],
            }
        ),
        name="d",
    )
    kinds = ["long", "double", "string", "boolean", "datetime", "integer", "binary"]
    found = json.loads(str(made.to_dict()["schema"]))["mlflow_colspec"]
    assert [column["type"] for column in found] == kinds
    assert [column["required"] for column in found] == [True, False, True, True, True, True, True]
    assert set(json.loads(made.to_json())) == {"name", "digest", "source", "source_type", "schema", "profile"}
