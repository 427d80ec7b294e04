"""Data sets made from tables and arrays, under the names of `mlflow.data`."""

from __future__ import annotations

from siglum.client.dataset_source import DatasetSource, get_source
from siglum.client.datasets import DataSet, from_numpy, from_pandas, from_polars
from siglum.client.library_datasets import from_huggingface, from_spark, from_tensorflow, load_delta

__all__ = [
    "DataSet", "DatasetSource", "from_huggingface", "from_numpy", "from_pandas", "from_polars", "from_spark",
    "from_tensorflow", "get_source", "load_delta",
]  # fmt: skip
