"""polars tables as data sets: every cell counts, and how a table was put together does not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars
import pytest

from siglum.core.errors import InvalidInputError
from siglum.data import from_polars, get_source


def table() -> polars.DataFrame:
    return polars.DataFrame(
        {
            "a": [1, None, 3],
            "f": [0.1, float("nan"), None],
            "s": ["x", None, ""],
            "c": polars.Series(["u", "v", None], dtype=polars.Categorical),
            "b": [b"\xff", None, b""],
            "d": [date(2026, 1, 1), None, date(2026, 1, 3)],
            "l": [[1], [], None],
            "t": [True, None, False],
            "m": [Decimal("1.5"), None, Decimal(2)],
        }
    )


def test_how_it_was_made_does_not_count() -> None:
    whole = table()
    pieces = polars.concat([whole[:1], whole[1:]])
    masked = whole.with_columns(a=polars.Series([1, 77, 3])).with_columns(
        a=polars.when(polars.col("a") == 77).then(None).otherwise(polars.col("a"))
    )
    hashes = {from_polars(one).hash for one in (whole, table(), pieces, masked, whole[::-1][::-1])}
    assert len(hashes) == 1


def test_every_cell_counts() -> None:
    base = table()
    other: dict[str, list[Any]] = {
        "a": [1, 0, 3], "f": [0.1, None, None], "s": ["x", "", ""], "b": [b"", None, b"\xff"], "l": [[1], [], []],
        "t": [True, False, False], "d": [date(2026, 1, 1), date(1970, 1, 1), date(2026, 1, 3)],
        "m": [Decimal("1.6"), None, Decimal(2)],
    }  # fmt: skip
    changed = [base.with_columns(polars.Series(name, values, dtype=base[name].dtype)) for name, values in other.items()]
    changed.append(base.with_columns(c=polars.Series(["u", "u", None], dtype=polars.Categorical)))
    changed += [base.rename({"a": "z"}), base.select(sorted(base.columns)), base[:2], base[::-1]]
    changed.append(base.with_columns(polars.col("a").cast(polars.Int32)))
    hashes = {from_polars(one).hash for one in changed}
    assert len(hashes) == len(changed)
    assert from_polars(base).hash not in hashes
    split = polars.DataFrame({"s": ["ab", "c"]})
    assert from_polars(split).hash != from_polars(polars.DataFrame({"s": ["a", "bc"]})).hash


def test_what_is_on_record() -> None:
    dataset = from_polars(table(), source="data/x.parquet", targets="a", name="toy")
    made = dataset.as_dataset_input("training").dataset
    assert (made.name, made.source_type, made.profile) == ("toy", "local", '{"num_rows": 3, "num_elements": 27}')
    assert get_source(dataset) == get_source(made) == {"uri": "data/x.parquet", "hash": dataset.hash}
    with pytest.raises(InvalidInputError, match="no column 'zz'"):
        from_polars(table(), predictions="zz")
