"""Reading artifacts by URI: `runs:/…`, `models:/…`, an artifact URI, or a run's id and a path."""

from __future__ import annotations

import io
import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

import msgspec

from siglum.client import state
from siglum.client.artifact_folder import ArtifactFolder, cache_for, download
from siglum.client.model_uris import resolve_model
from siglum.client.stores import Stores
from siglum.core.errors import FileFormatError, InvalidInputError
from siglum.core.uris import RunArtifact, parse_model_uri
from siglum.tracking.entities import FileInfo

if TYPE_CHECKING:
    from PIL.Image import Image


class _Place(msgspec.Struct, frozen=True):
    files: ArtifactFolder
    path: str
    label: str


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | None = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
) -> str:
    """Copy a file or folder to `dst_path` (a new temporary folder when None) and return where it is.

    Args:
        artifact_uri: `runs:/<run id>/<path>`, `models:/…` or where a run's or model's files are; else:
        run_id: A run.
        artifact_path: A path among its files; all of them when None.
        dst_path: The folder to copy into; made when it is not there.
        tracking_uri: Other stores than those in force.
        registry_uri: Another registry than the one in force.

    Raises:
        InvalidInputError: Both or neither of URI and run.
        NotFoundError: Nothing is there; says what is near.
    """
    place = _find(state.session(tracking_uri, registry_uri).stores, artifact_uri, run_id, artifact_path)
    target = tempfile.mkdtemp(prefix="siglum-") if dst_path is None else os.path.abspath(dst_path)
    name = place.path.rpartition("/")[2]
    to = os.path.join(target, name) if name else target
    return download(place.files, place.path, to, what=place.label, cache=cache_for(place.files))


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """Return what is directly in a folder; paths are relative to the run or model. See `download_artifacts`."""
    place = _find(state.session(tracking_uri).stores, artifact_uri, run_id, artifact_path)
    entries = place.files.list(place.path)
    return [FileInfo(path=entry.path, is_dir=entry.is_dir, file_size=entry.size) for entry in entries]


def load_text(artifact_uri: str) -> str:
    """Return the content of a text file in UTF-8."""
    place = _find(state.session().stores, artifact_uri, None, None)
    with place.files.open(place.path) as file:
        content = file.read()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(artifact_uri, f"it is not text in UTF-8: {error.reason}.") from error


def load_dict(artifact_uri: str) -> Any:
    """Return the content of a JSON file."""
    text = load_text(artifact_uri)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise FileFormatError(artifact_uri, f"{error.msg}.", line=error.lineno, column=error.colno) from error


def load_image(artifact_uri: str) -> Image:
    """Return a picture as a Pillow image. Raises FileFormatError for another file."""
    # Optional: whoever loads pictures has Pillow.
    from PIL import Image as pillow  # noqa: N813
    from PIL import UnidentifiedImageError

    place = _find(state.session().stores, artifact_uri, None, None)
    with place.files.open(place.path) as file:
        content = file.read()
    try:
        picture: Image = pillow.open(io.BytesIO(content))
        picture.load()
    except (UnidentifiedImageError, OSError) as error:
        raise FileFormatError(artifact_uri, f"it is not a picture: {error}.") from error
    return picture


def _find(stores: Stores, uri: str | None, run_id: str | None, path: str | None) -> _Place:
    if (uri is None) == (run_id is None):
        raise InvalidInputError("Give either an artifact URI or a run id.")
    if uri is None:
        assert run_id is not None
        return _in_run(stores, run_id, path or "")
    if path is not None:
        raise InvalidInputError("A path belongs to a run id; an artifact URI has it in itself.")
    if uri.startswith("runs:"):
        bare = uri.removeprefix("runs:").strip("/")
        if "/" not in bare:
            return _in_run(stores, bare, "")
        parsed = parse_model_uri(uri)
        assert isinstance(parsed, RunArtifact)
        place = _in_run(stores, parsed.run_id, parsed.path)
        parent, _, _ = parsed.path.rpartition("/")
        if any(entry.path == parsed.path for entry in place.files.list(parent)):
            return place  # else it may be the name of a model that the run logged
    if uri.startswith(("models:", "runs:")):
        resolved = resolve_model(stores, uri)
        return _Place(stores.artifacts_for(resolved.artifact_uri), "", resolved.label)
    parent, _, name = uri.rstrip("/").rpartition("/")
    return _Place(stores.artifacts_for(parent), name, parent)


def _in_run(stores: Stores, run_id: str, path: str) -> _Place:
    location = stores.tracking.get_run(run_id).info.artifact_uri
    return _Place(stores.artifacts_for(location), path.strip("/"), f"Run {run_id}")
