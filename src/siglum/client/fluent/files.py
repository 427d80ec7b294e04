"""The files that a run logs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from siglum.client import artifact_content
from siglum.client.artifact_folder import ArtifactFolder, put_path, upload_folder
from siglum.client.fluent.runs import current_scope, session_of
from siglum.core.errors import NotFoundError

if TYPE_CHECKING:
    import numpy
    from matplotlib.figure import Figure
    from PIL.Image import Image


def log_artifact(
    local_path: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Store a local file or folder with the run, below the folder `artifact_path` when given.

    Raises:
        NotFoundError: Nothing is at `local_path`.
    """
    put_path(_artifacts(run_id), os.fspath(local_path), artifact_path or "")


def log_artifacts(
    local_dir: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Store everything in a local folder with the run, below the folder `artifact_path` when given."""
    path = os.fspath(local_dir)
    if not os.path.isdir(path):
        raise NotFoundError(f"There is no folder {path!r} to log.")
    upload_folder(_artifacts(run_id), path, artifact_path or "")


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Store a text as a UTF-8 file."""
    artifact_content.put(_artifacts(run_id), artifact_file, text.encode())


def log_dict(dictionary: Mapping[str, Any] | list[Any], artifact_file: str, run_id: str | None = None) -> None:
    """Store a mapping or list as YAML when the name ends in .yml or .yaml, else as JSON."""
    content = artifact_content.document_bytes(dictionary, artifact_file)
    artifact_content.put(_artifacts(run_id), artifact_file, content)


def log_stream(stream: BinaryIO, artifact_file: str, run_id: str | None = None) -> None:
    """Store all that a binary stream yields."""
    _artifacts(run_id).put(artifact_content.file_path(artifact_file), stream)


def log_figure(figure: Figure | Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None) -> None:
    """Store a Matplotlib figure in the format that the name ends in, or a Plotly figure as HTML or a picture."""
    content = artifact_content.figure_bytes(figure, artifact_file, save_kwargs)
    artifact_content.put(_artifacts(None), artifact_file, content)


def log_image(image: numpy.ndarray[Any, Any] | Image | Any, artifact_file: str) -> None:
    """Store a picture (a Pillow image or an array) in the format that the name ends in.

    An array has the shape (height, width), with 1, 3 or 4 channels behind or none; floats from 0 to 1 or integers
    from 0 to 255.

    Raises:
        InvalidInputError: Another shape, type or range.
    """
    artifact_content.put(_artifacts(None), artifact_file, artifact_content.image_bytes(image, artifact_file))


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Return where the active run's files are, or the file or folder `artifact_path` among them."""
    root = current_scope().run.info.artifact_uri
    return f"{root.rstrip('/')}/{artifact_path.lstrip('/')}" if artifact_path else root


def _artifacts(run_id: str | None) -> ArtifactFolder:
    if run_id is None:
        scope = current_scope()
        return scope.session.stores.artifacts_for(scope.run.info.artifact_uri)
    stores = session_of(run_id).stores
    return stores.artifacts_for(stores.tracking.get_run(run_id).info.artifact_uri)
