"""Loading models by any URI: found, downloaded to a private folder, checked, handed to a flavor's loader."""

from __future__ import annotations

import atexit
import os
import shutil
import weakref
from collections.abc import Callable
from typing import TypeVar

import msgspec

from siglum.client import state
from siglum.client.model_download import download_model
from siglum.client.model_uris import ResolvedModel, resolve_model
from siglum.models.layout import CODE
from siglum.models.mlmodel import Model, read_model

T = TypeVar("T")


class LocalModel(msgspec.Struct, frozen=True):
    """The files of a model on this disk, verified. `private` is the folder to remove after use, if any."""

    folder: str
    private: str | None
    resolved: ResolvedModel

    def remove(self) -> None:
        """Remove the private copy; nothing happens when there is none."""
        if self.private is not None:
            shutil.rmtree(self.private, ignore_errors=True)


def fetch(model_uri: str | os.PathLike[str], dst_path: str | None = None) -> LocalModel:
    """Download a model, to `dst_path` or to a folder that only this user can read, and check its content hash.

    Raises:
        InvalidInputError: Not a model URI.
        NotFoundError: Nothing has this name, version, alias, stage, id or path; says what is near.
        IntegrityError: The files are not those on record.
        ConflictError: The model's files are not complete.
    """
    stores = state.session().stores
    resolved = resolve_model(stores, model_uri)
    folder = download_model(stores, resolved, dst_path)
    private = os.path.dirname(folder) if dst_path is None and resolved.local is None else None
    return LocalModel(folder, private, resolved)


def load(
    model_uri: str | os.PathLike[str],
    loader: Callable[[str], T],
    dst_path: str | None = None,
    *,
    reads_later: bool = False,
) -> T:
    """Return what `loader` makes of a model's folder.

    A private copy is removed at once; with `reads_later`, when the loaded object is no longer used; and at the end
    of the process when the model brought code, which Python imports when it is needed.
    """
    local = fetch(model_uri, dst_path)
    try:
        loaded = loader(local.folder)
    except BaseException:
        local.remove()
        raise
    if os.path.isdir(os.path.join(local.folder, CODE)):
        atexit.register(local.remove)
    elif reads_later:
        weakref.finalize(loaded, local.remove)
    else:
        local.remove()
    return loaded


def read_logged_model(model_uri: str | os.PathLike[str]) -> Model:
    """Return the `MLmodel` of a model."""
    return load(model_uri, read_model)
