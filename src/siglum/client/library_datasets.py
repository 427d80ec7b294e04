"""Data sets of other libraries: tables of Delta Lake and Spark, data sets of Hugging Face, tensors of TensorFlow.

Like all data sets, they are identified by every row and every column: they are read once, whole. None of the libraries
is imported but Delta Lake's, which reads the table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from siglum.client.dataset_schema import pandas_columns
from siglum.client.datasets import DataSet, bytes_of, check_columns, from_numpy, hash_table
from siglum.core.errors import InvalidInputError, NotFoundError, NotSupportedError
from siglum.core.hashes import canonical_json

if TYPE_CHECKING:
    import numpy
    import pandas


def load_delta(
    path: str | None = None,
    *,
    version: int | str | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> DataSet:
    """Read a table of Delta Lake as a data set, without Spark; its `df` is a pandas table.

    Args:
        path: The table's folder, or its URI on an object store.
        version: Which version of it; the newest when None. It goes on record, also then.
        targets: The column that is predicted.
        name: What the data set is called; `dataset` when None.
        digest: Use this digest instead of one of the content.

    Raises:
        InvalidInputError: No path, or `targets` names no column.
        NotFoundError: No such table or version.
        NotSupportedError: The package deltalake, or pyarrow, is not installed.
    """
    if not path:
        raise InvalidInputError("load_delta needs the path of a table.", hint='load_delta("data/events", version=3)')
    deltalake = _delta_lake()
    try:
        table = deltalake.DeltaTable(path, version=None if version is None else int(version))
    except (deltalake.exceptions.DeltaError, OSError, ValueError) as error:
        which = "" if version is None else f" in version {version}"
        raise NotFoundError(f"There is no Delta table {path!r}{which}: {_first_line(error)}") from None
    read: pandas.DataFrame = table.to_pyarrow_table().to_pandas()
    check_columns(list(read.columns), targets)
    facts = {"path": path, "delta_table_version": table.version()}
    return _of_table(read, hash_table(read), path, targets, name, digest, source_type="delta_table", source_facts=facts)


def from_spark(
    df: Any,
    path: str | None = None,
    table_name: str | None = None,
    version: str | None = None,
    sql: str | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> DataSet:
    """Return a data set for a table of Spark, all of which is brought to this process.

    Spark's rows have no order, so two tables with the same rows have the same digest, whatever order they come in.

    Args:
        df: The table.
        path: The path or URI that it was read from.
        table_name: The name of the table that it was read from.
        version: The version of that table.
        sql: The query that it came from.
        targets: The column that is predicted.
        name: What it is called; `dataset` when None.
        digest: Use this digest instead of one of the content.
        predictions: The column that holds predictions.

    Raises:
        InvalidInputError: `targets` or `predictions` name no column, or several sources are named.
    """
    named = {"path": path, "table_name": table_name, "sql": sql}
    given = {key: value for key, value in named.items() if value is not None}
    if len(given) > 1:
        raise InvalidInputError(f"A data set has one source, not {' and '.join(given)}.")
    read: pandas.DataFrame = df.toPandas()
    check_columns(list(read.columns), targets, predictions)
    facts = given | ({"version": version} if version is not None else {})
    return _of_table(
        read,
        _hash_rows(read),
        path or table_name,
        targets,
        name,
        digest,
        predictions=predictions,
        source_type="spark",
        source_facts=facts,
    )


def from_huggingface(
    ds: Any,
    path: str | None = None,
    targets: str | None = None,
    data_dir: str | None = None,
    data_files: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None = None,
    revision: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    trust_remote_code: bool | None = None,
    source: str | None = None,
) -> DataSet:
    """Return a data set for a `datasets.Dataset` of Hugging Face, all rows and columns of it.

    Args:
        ds: The data set: one split, not a dictionary of several.
        path: The repository on the hub that it came from.
        targets: The column that is predicted.
        data_dir: The folder of the repository.
        data_files: The files of the repository.
        revision: The revision of the repository.
        name: What it is called; `dataset` when None.
        digest: Use this digest instead of one of the content.
        trust_remote_code: Whether it was made by code of the repository; goes on record.
        source: The path or URI that it came from, when not from the hub.

    Raises:
        InvalidInputError: Several splits, or `targets` names no column.
    """
    if isinstance(ds, Mapping):
        raise InvalidInputError(
            f"This is a dictionary of splits: {', '.join(map(str, ds))}.", hint="Log each split as a data set."
        )
    read: pandas.DataFrame = ds.with_format(None).to_pandas()
    check_columns(list(read.columns), targets)
    found = {
        "path": path, "data_dir": data_dir, "data_files": data_files, "revision": revision,
        "trust_remote_code": trust_remote_code,
    }  # fmt: skip
    facts = {key: value for key, value in found.items() if value is not None}
    kind = "hugging_face" if path is not None else None
    place = source or path
    return _of_table(read, hash_table(read), place, targets, name, digest, source_type=kind, source_facts=facts)


def from_tensorflow(
    features: Any,
    source: str | None = None,
    targets: Any = None,
    name: str | None = None,
    digest: str | None = None,
) -> DataSet:
    """Return a data set for tensors (one, or several by name), or for a `tf.data.Dataset`, which is read to its end.

    Args:
        features: The tensors or data set.
        source: The path or URI that they were read from.
        targets: The tensors that belong to them; of a `tf.data.Dataset` they are in its elements.
        name: What it is called; `dataset` when None.
        digest: Use this digest instead of one of the content.

    Raises:
        InvalidInputError: Targets beside a `tf.data.Dataset`, or one without an end.
    """
    if not hasattr(features, "as_numpy_iterator"):
        found = from_numpy(_arrays(features), source, None if targets is None else _arrays(targets), name, digest)
        found.data, found.targets = features, targets
        return found
    if targets is not None:
        raise InvalidInputError("The targets of a tf.data.Dataset are in its elements.", hint="Leave targets out.")
    if int(features.cardinality()) == -1:
        raise InvalidInputError("This tf.data.Dataset repeats without an end.", hint="Take a part of it: take(n).")
    hashed, rows, elements = hashlib.sha256(b"siglum.tensors.v1"), 0, 0
    for element in features.as_numpy_iterator():
        rows += 1
        for path, array in _leaves(element):
            hashed.update(canonical_json([path, str(array.dtype), list(array.shape)]))
            hashed.update(bytes_of(array))
            elements += int(array.size)
    return DataSet(
        name=name or "dataset",
        content_hash="sha256:" + hashed.hexdigest(),
        digest=digest,
        source=source,
        schema=None,
        profile={"num_rows": rows, "num_elements": elements},
        data=features,
    )


def _delta_lake() -> Any:
    try:
        import deltalake  # optional extra, as pyarrow and pandas are
        import deltalake.exceptions
        import pandas  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise NotSupportedError(
            f"Tables of Delta Lake need the package {error.name}.", hint="Install it: pip install 'siglum[delta]'"
        ) from None
    return deltalake


def _of_table(
    read: pandas.DataFrame,
    content_hash: str,
    source: str | None,
    targets: str | None,
    name: str | None,
    digest: str | None,
    *,
    source_type: str | None,
    source_facts: dict[str, Any],
    predictions: str | None = None,
) -> DataSet:
    return DataSet(
        name=name or "dataset",
        content_hash=content_hash,
        digest=digest,
        source=source,
        schema=pandas_columns(read),
        profile={"num_rows": len(read), "num_elements": int(read.size)},
        data=read,
        targets=targets,
        predictions=predictions,
        source_type=source_type,
        source_facts=source_facts,
    )


def _hash_rows(read: pandas.DataFrame) -> str:
    """Return `sha256:<hex>` over the rows in whatever order, the column names and types."""
    from pandas.util import hash_pandas_object  # optional: it has made the table

    hashed = hashlib.sha256(b"siglum.rows.v1")
    hashed.update(canonical_json([[str(column), str(dtype)] for column, dtype in read.dtypes.items()]))
    try:
        rows = hash_pandas_object(read, index=False)
    except TypeError:  # lists and other values without a hash
        rows = hash_pandas_object(read.map(repr), index=False)
    values = rows.to_numpy().copy()
    values.sort()
    hashed.update(values.tobytes())
    return "sha256:" + hashed.hexdigest()


def _arrays(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {str(key): value.numpy() for key, value in given.items()}
    return given.numpy()


def _leaves(element: Any, path: str = "") -> list[tuple[str, numpy.ndarray[Any, Any]]]:
    import numpy  # optional: whoever has TensorFlow has it

    if isinstance(element, Mapping):
        return [leaf for key in sorted(element) for leaf in _leaves(element[key], f"{path}/{key}")]
    if isinstance(element, tuple | list):
        return [leaf for number, each in enumerate(element) for leaf in _leaves(each, f"{path}/{number}")]
    return [(path, numpy.asarray(element))]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") + "."
