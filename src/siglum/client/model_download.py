"""Getting a model's files, checked against what is on record."""

from __future__ import annotations

import os
import shutil
import tempfile

from siglum.client.artifact_folder import download
from siglum.client.model_cache import ModelCache
from siglum.client.model_uris import ResolvedModel
from siglum.client.stores import Stores
from siglum.core.errors import IntegrityError
from siglum.models.content import verify_content_hash


def download_model(stores: Stores, resolved: ResolvedModel, target: str | None = None) -> str:
    """Copy a model's files to a folder and return it, once they are what is on record.

    Args:
        stores: Where the files are.
        resolved: What `resolve_model` found.
        target: A folder to copy to; a new one that only this user can read when None. A local model is used
            where it is when None.

    Raises:
        IntegrityError: The content hash on record is not that of the files; nothing of them is left here.
    """
    if resolved.local is not None and target is None:
        return resolved.local
    made = tempfile.mkdtemp(prefix="siglum-model-") if target is None else None
    folder = os.path.join(made, "model") if made is not None else os.path.abspath(str(target))
    try:
        if resolved.local is not None:
            shutil.copytree(resolved.local, folder, dirs_exist_ok=True)
            if resolved.content_hash is not None:
                _verify(folder, resolved)
        else:
            _download(stores, resolved, folder, links=made is not None)
    except BaseException:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
        raise
    return folder


def _download(stores: Stores, resolved: ResolvedModel, folder: str, *, links: bool) -> None:
    """Get a model's files, verified: from a server, or from what was got from it before.

    A folder that has files already is downloaded into, and nothing in it is taken away.
    """
    os.makedirs(folder, exist_ok=True)
    cache, hash_ = ModelCache.from_environment(os.environ), resolved.content_hash
    # Files of an embedded store are as near as a cache would be.
    place = f"{stores.uri} {resolved.artifact_uri}" if stores.uri.startswith("http") else None
    cached = place is not None and hash_ is not None and not os.listdir(folder)
    if cached and cache.take(str(place), str(hash_), folder, links=links):
        return
    download(stores.artifacts_for(resolved.artifact_uri), "", folder, what=f"The model {resolved.label}")
    if hash_ is not None:
        _verify(folder, resolved)
    if cached:
        cache.keep(str(place), str(hash_), folder)


def _verify(folder: str, resolved: ResolvedModel) -> None:
    assert resolved.content_hash is not None
    try:
        verify_content_hash(folder, resolved.content_hash)
    except IntegrityError as error:
        raise IntegrityError(
            f"The files of {resolved.label} are not those on record: {error.message}",
            hint="Do not use them. Somebody changed them in the artifact store, or it is damaged.",
        ) from error
