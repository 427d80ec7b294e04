"""Data sets made from tables and arrays, under the names of `mlflow.data`."""

from __future__ import annotations

from siglum.client.datasets import DataSet, from_numpy, from_pandas, from_polars, get_source

__all__ = ["DataSet", "from_numpy", "from_pandas", "from_polars", "get_source"]
