"""Data sets that were made in memory: what identifies a table or array, over all of its rows."""

from __future__ import annotations

import hashlib
import json
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from siglum.client.dataset_schema import pandas_columns, polars_columns
from siglum.core.errors import InvalidInputError
from siglum.core.hashes import canonical_json
from siglum.lineage.inputs import DataInput
from siglum.tracking.entities import Dataset, DatasetInput, Tag

if TYPE_CHECKING:
    import numpy
    import pandas
    import polars

CONTEXT_TAG = "mlflow.data.context"
DIGEST_CHARACTERS = 32


class DataSet:
    """A table or array with a name, a digest of its content, and where it came from.

    `hash` is `sha256:<hex>` over every value, the column names and the types; `digest` is its beginning, or what
    the caller gave. `profile` counts rows and elements, `source_facts` say more about the source.
    """

    def __init__(
        self,
        *,
        name: str,
        content_hash: str,
        digest: str | None,
        source: str | None,
        schema: dict[str, Any] | None,
        profile: dict[str, int],
        data: Any,
        targets: Any = None,
        predictions: str | None = None,
        source_type: str | None = None,
        source_facts: dict[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.hash = content_hash
        self.digest = digest or content_hash.partition(":")[2][:DIGEST_CHARACTERS]
        self.source = source
        self.source_type = source_type or _source_type(source)
        self.source_facts = source_facts or {}
        self.schema = schema
        self.profile = profile
        self.data = data
        self.targets = targets
        self.predictions = predictions

    @property
    def df(self) -> Any:
        """The table itself, as MLflow calls it."""
        return self.data

    @property
    def features(self) -> Any:
        """The array itself, as MLflow calls it."""
        return self.data

    def to_dict(self) -> dict[str, str | None]:
        """Return what a run's record says of it, as MLflow's data sets do: source, schema and profile are JSON."""
        return self.as_dataset_input("").dataset.to_dictionary()

    def to_json(self) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict())

    def as_data_input(self, context: str) -> DataInput:
        """Return what goes into a recipe."""
        return DataInput(path=self.source or self.name, hash=self.hash, context=context)

    def as_dataset_input(self, context: str) -> DatasetInput:
        """Return what goes on a run's record."""
        source: dict[str, Any] = {"uri": self.source} if self.source else {"tags": {"mlflow.source.name": sys.argv[0]}}
        dataset = Dataset(
            name=self.name,
            digest=self.digest,
            source_type=self.source_type,
            source=json.dumps(source | self.source_facts | {"hash": self.hash}, sort_keys=True),
            schema=json.dumps(self.schema) if self.schema is not None else None,
            profile=json.dumps(self.profile),
        )
        return DatasetInput(dataset=dataset, tags=(Tag(CONTEXT_TAG, context),) if context else ())


def from_pandas(
    df: pandas.DataFrame,
    source: str | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> DataSet:
    """Return a data set for a pandas table. Reads every row once.

    Args:
        df: The table.
        source: The path or URI that it was read from.
        targets: The column that is predicted.
        name: What it is called; `dataset` when None.
        digest: Use this digest instead of one of the content.
        predictions: The column that holds predictions.

    Raises:
        InvalidInputError: `targets` or `predictions` name no column.
    """
    check_columns(list(df.columns), targets, predictions)
    return DataSet(
        name=name or "dataset",
        content_hash=hash_table(df),
        digest=digest,
        source=source,
        schema=pandas_columns(df),
        profile={"num_rows": len(df), "num_elements": int(df.size)},
        data=df,
        targets=targets,
        predictions=predictions,
    )


def from_numpy(
    features: numpy.ndarray[Any, Any] | dict[str, numpy.ndarray[Any, Any]],
    source: str | None = None,
    targets: numpy.ndarray[Any, Any] | dict[str, numpy.ndarray[Any, Any]] | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> DataSet:
    """Return a data set for an array, or several by name, and the targets that belong to them."""
    arrays = {"features": features, "targets": targets}
    specs, rows, elements = {}, 0, 0
    hashed = hashlib.sha256(b"siglum.numpy.v1")
    for role, given in arrays.items():
        if given is None:
            continue
        listed = given if isinstance(given, dict) else {"": given}
        for key, array in sorted(listed.items()):
            described = {"dtype": str(array.dtype), "shape": [-1, *array.shape[1:]]}
            hashed.update(canonical_json([role, key, str(array.dtype), list(array.shape)]))
            hashed.update(bytes_of(array))
            if role == "features":
                rows, elements = max(rows, len(array)), elements + int(array.size)
                specs[key] = described
    return DataSet(
        name=name or "dataset",
        content_hash="sha256:" + hashed.hexdigest(),
        digest=digest,
        source=source,
        schema={"mlflow_tensorspec": {"features": [{"name": key, **spec} for key, spec in specs.items()]}},
        profile={"num_rows": rows, "num_elements": elements},
        data=features,
        targets=targets,
    )


def from_polars(
    df: polars.DataFrame,
    source: str | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> DataSet:
    """Return a data set for a polars table. Reads every row once; arguments and errors are those of `from_pandas`."""
    check_columns(df.columns, targets, predictions)
    return DataSet(
        name=name or "dataset",
        content_hash=_hash_polars(df),
        digest=digest,
        source=source,
        schema=polars_columns(df),
        profile={"num_rows": df.height, "num_elements": df.height * df.width},
        data=df,
        targets=targets,
        predictions=predictions,
    )


def check_columns(known: Sequence[Any], *asked: str | None) -> None:
    """Raise InvalidInputError for a name that is none of the columns."""
    for column in asked:
        if column is not None and column not in known:
            raise InvalidInputError(
                f"The table has no column {column!r}.", hint=f"It has {', '.join(map(str, known))}."
            )


def _hash_polars(df: polars.DataFrame) -> str:
    hashed = hashlib.sha256(b"siglum.polars.v1")
    hashed.update(canonical_json([[column, str(dtype)] for column, dtype in df.schema.items()]))
    for column in df.get_columns():
        for part in _polars_bytes(column):
            hashed.update(len(part).to_bytes(8, "little"))
            hashed.update(part)
    return "sha256:" + hashed.hexdigest()


def _polars_bytes(column: polars.Series) -> Iterator[bytes]:
    """Yield what a column holds, the same for equal columns however they were made: where it is null, and values."""
    import polars  # optional: whoever has such a table has it, and NumPy

    dtype = column.dtype
    yield column.is_null().to_numpy().tobytes()
    if dtype.is_integer() or dtype.is_temporal() or dtype == polars.Boolean:
        yield column.to_physical().fill_null(0 if dtype != polars.Boolean else False).to_numpy().tobytes()
    elif dtype.is_float():
        yield column.fill_null(0.0).to_numpy().tobytes()
    elif dtype in (polars.String, polars.Categorical, polars.Enum):
        text = column.cast(polars.String).fill_null("")
        yield text.str.len_bytes().to_numpy().tobytes()
        yield str(text.str.join("").item()).encode()
    elif dtype == polars.Binary:
        values = column.fill_null(b"").to_list()
        yield repr([len(value) for value in values]).encode()
        yield b"".join(values)
    else:  # lists, structs, decimals, objects
        yield repr(column.to_list()).encode("utf-8", "surrogatepass")


def hash_table(df: pandas.DataFrame) -> str:
    """Return `sha256:<hex>` over every value of a pandas table, its column names, types and index."""
    # Optional extra: whoever has a table has pandas.
    from pandas.util import hash_pandas_object

    hashed = hashlib.sha256(b"siglum.table.v1")
    hashed.update(canonical_json([[str(column), str(dtype)] for column, dtype in df.dtypes.items()]))
    for position in range(df.shape[1]):
        column = df.iloc[:, position]
        try:
            values = hash_pandas_object(column, index=False)
        except TypeError:  # lists and other values without a hash
            values = hash_pandas_object(column.map(repr), index=False)
        hashed.update(values.to_numpy().tobytes())
    hashed.update(hash_pandas_object(df.index, index=False).to_numpy().tobytes())
    return "sha256:" + hashed.hexdigest()


def bytes_of(array: numpy.ndarray[Any, Any]) -> bytes:
    """Return what stands for an array's values."""
    if array.dtype.hasobject:
        return repr(array.tolist()).encode("utf-8", "surrogatepass")
    return array.tobytes()


def _source_type(source: str | None) -> str:
    if source is None:
        return "code"
    scheme = urllib.parse.urlsplit(source).scheme
    return scheme if len(scheme) > 1 and scheme != "file" else "local"
