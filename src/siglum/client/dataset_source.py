"""Where a data set came from, as its record says: what can be got from there again."""

from __future__ import annotations

import json
import os
import tempfile
import urllib.parse
from typing import Any

from siglum.client.artifact_access import download_artifacts
from siglum.client.datasets import DataSet
from siglum.core.errors import LocalFileError, NotSupportedError
from siglum.tracking.entities import Dataset, DatasetInput

_OF_RUNS_AND_MODELS = ("runs", "models", "mlflow-artifacts")
_OF_LIBRARIES = ("code", "hugging_face")


class DatasetSource(dict[str, Any]):
    """What the record says, as a mapping with MLflow's methods; `uri` is a path or URI."""

    def __init__(self, facts: dict[str, Any], source_type: str) -> None:
        super().__init__(facts)
        self._source_type = source_type

    @property
    def uri(self) -> str | None:
        """The path or URI, if there is one. MLflow calls that of a web server `url`."""
        found = self.get("uri") or self.get("url") or self.get("path")
        return str(found) if found else None

    def to_dict(self) -> dict[str, Any]:
        """Return a copy that is a plain dictionary."""
        return dict(self)

    def to_json(self) -> str:
        """Return what the record has."""
        return json.dumps(self, sort_keys=True)

    def load(self, dst_path: str | None = None) -> str:
        """Return the path of the file or folder: where it is, or where it was copied to.

        Args:
            dst_path: The folder to copy into. By default nothing on this machine is copied, and what is elsewhere goes
                to a new temporary folder.

        Raises:
            LocalFileError: It was on this machine, and is not any more.
            NotSupportedError: It was made by a program, or belongs to a library that has its own way to load it.
            NotFoundError, UnavailableError: It cannot be had from where it is.
        """
        uri = self.uri
        if uri is None or self._source_type in _OF_LIBRARIES:
            made = self.get("tags", {}).get("mlflow.source.name") or uri or "a program"
            raise NotSupportedError(f"This data set came from {made}: there is no file to load.")
        parts = urllib.parse.urlsplit(uri)
        if parts.scheme in _OF_RUNS_AND_MODELS:
            return download_artifacts(uri, dst_path=dst_path)
        path = urllib.parse.unquote(parts.path) if parts.scheme == "file" else uri
        is_here = parts.scheme in ("", "file") or os.path.exists(path)
        if is_here and not os.path.exists(path):
            raise LocalFileError(
                f"There is no {path!r} any more.", hint=f"It was {self['hash']}." if "hash" in self else None
            )
        if is_here and dst_path is None:
            return os.path.abspath(path)
        # Imported here: it brings remotes, which a script that only logs does without.
        from siglum.workspace.import_url import get_url

        folder = tempfile.mkdtemp(prefix="siglum-") if dst_path is None else os.path.abspath(dst_path)
        os.makedirs(folder, exist_ok=True)
        return get_url(path, out=folder, force=True).path


def get_source(dataset: DataSet | DatasetInput | Dataset) -> DatasetSource:
    """Return where a data set came from, of one in memory or of one on a run's record."""
    if isinstance(dataset, DataSet):
        dataset = dataset.as_dataset_input("").dataset
    found = dataset.dataset if isinstance(dataset, DatasetInput) else dataset
    try:
        source = json.loads(found.source)
    except ValueError:
        source = None
    return DatasetSource(source if isinstance(source, dict) else {"uri": found.source}, found.source_type)
