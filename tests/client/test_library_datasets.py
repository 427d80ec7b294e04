"""Data sets of other libraries, with the real libraries: every row and column counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import deltalake
import pandas
import pytest

import siglum
import siglum.data
from siglum.client.datasets import DataSet
from siglum.core.errors import InvalidInputError, NotFoundError, NotSupportedError


def table(rows: int = 12_000, s: str | None = None) -> pandas.DataFrame:
    texts = [f"row {i}" for i in range(rows)]
    if s is not None:
        texts[-1] = s
    return pandas.DataFrame({"x": range(rows), "s": texts, "y": [i % 2 for i in range(rows)]})


def test_versions_of_a_delta_table(project: Path) -> None:
    deltalake.write_deltalake("data/events", table())
    deltalake.write_deltalake("data/events", table(1), mode="append")
    first, newest = siglum.data.load_delta("data/events", version=0), siglum.data.load_delta("data/events", targets="y")
    assert (len(first.df), len(newest.df)) == (12_000, 12_001)
    assert first.profile == {"num_rows": 12_000, "num_elements": 36_000}
    assert first.digest != newest.digest
    assert siglum.data.load_delta(str(project / "data" / "events"), version="0").digest == first.digest
    assert siglum.data.get_source(newest)["delta_table_version"] == 1
    with siglum.start_run() as run:
        siglum.log_input(newest, context="training")
    (recorded,) = siglum.get_run(run.info.run_id).inputs.dataset_inputs
    assert (recorded.dataset.digest, recorded.dataset.source_type) == (newest.digest, "delta_table")
    assert json.loads(recorded.dataset.source)["path"] == "data/events"


def test_the_last_row_of_a_delta_table_counts(project: Path) -> None:
    """MLflow's digests end after 10,000 rows."""
    deltalake.write_deltalake("a", table())
    deltalake.write_deltalake("b", table(s="other"))
    assert siglum.data.load_delta("a").digest != siglum.data.load_delta("b").digest


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, InvalidInputError, "needs the path"),
        ({"path": "nothing"}, NotFoundError, "no Delta table 'nothing'"),
        ({"path": "t", "version": 7}, NotFoundError, "in version 7"),
        ({"path": "t", "version": "x"}, NotFoundError, "in version x"),
        ({"path": "t", "targets": "z"}, InvalidInputError, "no column 'z'"),
    ],
)
def test_delta_tables_that_are_not_there(
    project: Path, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    deltalake.write_deltalake("t", table(2))
    with pytest.raises(error, match=words):
        siglum.data.load_delta(**arguments)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "deltalake", None)
    with pytest.raises(NotSupportedError, match="deltalake") as raised:
        siglum.data.load_delta("t")
    assert raised.value.hint == "Install it: pip install 'siglum[delta]'"


def huggingface(frame: pandas.DataFrame, **options: Any) -> DataSet:
    return siglum.data.from_huggingface(datasets.Dataset.from_pandas(frame, preserve_index=False), **options)


def test_a_data_set_of_hugging_face() -> None:
    found = huggingface(table(), path="me/churn", revision="abc", targets="y")
    assert found.profile == {"num_rows": 12_000, "num_elements": 36_000}
    assert found.source_type == "hugging_face"
    assert siglum.data.get_source(found) == {
        "uri": "me/churn", "path": "me/churn", "revision": "abc", "hash": found.hash,
    }  # fmt: skip
    assert huggingface(table()).digest == found.digest
    assert huggingface(table(s="other")).digest != found.digest
    assert huggingface(table(3), source="data/x.csv").source_type == "local"
    formatted = datasets.Dataset.from_pandas(table(), preserve_index=False).with_format("numpy")
    assert siglum.data.from_huggingface(formatted).digest == found.digest
    with pytest.raises(InvalidInputError, match="splits: train"):
        siglum.data.from_huggingface(datasets.DatasetDict({"train": formatted}))


def test_tensors() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    found = siglum.data.from_tensorflow(
        tensorflow.constant([[1.0, 2.0], [3.0, 4.0]]), targets=tensorflow.constant([0, 1])
    )
    assert found.profile == {"num_rows": 2, "num_elements": 4}
    named = siglum.data.from_tensorflow({"a": tensorflow.constant([1]), "b": tensorflow.constant([2])})
    assert named.profile["num_elements"] == 2
    make = tensorflow.data.Dataset.from_tensor_slices
    whole = siglum.data.from_tensorflow(make(({"x": list(range(20_000))}, list(range(20_000)))))
    assert whole.profile == {"num_rows": 20_000, "num_elements": 40_000}
    other = [*range(19_999), 7]
    assert siglum.data.from_tensorflow(make(({"x": other}, list(range(20_000))))).digest != whole.digest
    with pytest.raises(InvalidInputError, match="without an end"):
        siglum.data.from_tensorflow(make([1]).repeat())
    with pytest.raises(InvalidInputError, match="in its elements"):
        siglum.data.from_tensorflow(make([1]), targets=[1])


def test_a_table_of_spark() -> None:
    pyspark = pytest.importorskip("pyspark.sql")
    spark = pyspark.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        made = spark.createDataFrame(table(20_000))
        found = siglum.data.from_spark(made, path="data/x.parquet", targets="y")
        assert found.profile == {"num_rows": 20_000, "num_elements": 60_000}
        assert siglum.data.from_spark(made.orderBy("x", ascending=False)).digest == found.digest
        assert siglum.data.from_spark(made.repartition(3)).digest == found.digest
        assert siglum.data.from_spark(spark.createDataFrame(table(20_000, s="other"))).digest != found.digest
        assert siglum.data.get_source(siglum.data.from_spark(made, sql="SELECT 1"))["sql"] == "SELECT 1"
        with pytest.raises(InvalidInputError, match="one source, not path and sql"):
            siglum.data.from_spark(made, path="a", sql="b")
    finally:
        spark.stop()
