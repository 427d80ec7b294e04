"""Loading models by any URI: found, downloaded to a private folder, checked, handed to a flavor's loader."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from siglum.client import state
from siglum.client.model_uris import download_model, resolve_model
from siglum.models.mlmodel import Model, read_model

T = TypeVar("T")


@contextmanager
def model_folder(model_uri: str | os.PathLike[str], dst_path: str | None = None) -> Iterator[str]:
    """Give the folder of a model, verified. It vanishes with the block unless it is `dst_path` or was local.

    Raises:
        InvalidInputError: Not a model URI.
        NotFoundError: Nothing has this name, version, alias, stage, id or path; says what is near.
        IntegrityError: The files are not those on record.
        ConflictError: The model's files are not complete.
    """
    stores = state.session().stores
    resolved = resolve_model(stores, model_uri)
    folder = download_model(stores, resolved, dst_path)
    try:
        yield folder
    finally:
        if dst_path is None and resolved.local is None:
            shutil.rmtree(os.path.dirname(folder), ignore_errors=True)


def load(model_uri: str | os.PathLike[str], loader: Callable[[str], T], dst_path: str | None = None) -> T:
    """Return what `loader` makes of a model's folder; the folder is gone afterwards unless it is `dst_path`."""
    with model_folder(model_uri, dst_path) as folder:
        return loader(folder)


def read_logged_model(model_uri: str | os.PathLike[str]) -> Model:
    """Return the `MLmodel` of a model."""
    return load(model_uri, read_model)
