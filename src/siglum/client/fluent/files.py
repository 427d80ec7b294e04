"""The files that a run logs: stored when a call returns or, on a server, copied to the spool and sent by its thread."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from siglum.client import active, artifact_content, logged_images, logged_tables
from siglum.client.artifact_folder import ArtifactFolder, put_path, upload_folder
from siglum.client.fluent.experiments import current_experiment_id
from siglum.client.fluent.runs import current_scope, session_of
from siglum.client.mlflow_client import MlflowClient
from siglum.client.pending import PendingWrites, handle
from siglum.client.state import Session
from siglum.core.errors import LocalFileError

if TYPE_CHECKING:
    import numpy
    import pandas
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
        raise LocalFileError(f"There is no folder {path!r} to log.")
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


def log_image(
    image: numpy.ndarray[Any, Any] | Image | Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = False,
) -> PendingWrites | None:
    """Store a picture (a Pillow image or an array): as a file of its own, or as one of a series by step.

    An array has the shape (height, width), with 1, 3 or 4 channels behind or none; floats from 0 to 1 or integers
    from 0 to 255.

    Args:
        image: The picture.
        artifact_file: Its file, in the format that the name ends in.
        key: Else the name of its series. Each is stored whole (PNG) and as a small preview.
        step: Where in the training it was made; 0 when None.
        timestamp: Milliseconds since the epoch; now when None.
        synchronous: True returns when it is stored, or in the spool of a server that is away; False returns a handle to
            wait on.

    Raises:
        InvalidInputError: Another shape, type or range; both or neither of file and key.
    """
    run_id, session, files = _run_of(None)
    logged_images.log(
        session.stores.tracking, files, run_id, image, artifact_file, key=key, step=step, timestamp=timestamp
    )
    return handle(session, run_id, synchronous)


def log_table(data: Mapping[str, Any] | pandas.DataFrame, artifact_file: str, run_id: str | None = None) -> None:
    """Store a table with the run, or append its rows to the one that is there under this name.

    Args:
        data: A pandas table, or a mapping from column names to lists (or to single values, for one row). Pillow
            images in it are stored as files of their own.
        artifact_file: Its file: `.json`, or `.parquet` where pyarrow is installed.
        run_id: Another run than the active one.

    Raises:
        InvalidInputError: Another ending, or columns of different lengths.
    """
    found, session, files = _run_of(run_id)
    logged_tables.log(session.stores.tracking, files, found, data, artifact_file)


def load_table(
    artifact_file: str, run_ids: Sequence[str] | None = None, extra_columns: Sequence[str] | None = None
) -> pandas.DataFrame:
    """Return the tables that the runs of the current experiment logged under this name, one below the other.

    Args:
        artifact_file: The name that `log_table` was given.
        run_ids: Only these runs.
        extra_columns: Columns to add about the run that a row is from: `run_id`, `status`, `start_time`, …, or
            `metrics.<key>`, `params.<key>`, `tags.<key>`.

    Raises:
        NotFoundError: No run has such a table.
    """
    scope = active.current()
    experiment = scope.run.info.experiment_id if scope is not None else current_experiment_id()
    return MlflowClient().load_table(experiment, artifact_file, run_ids, extra_columns)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Return where the active run's files are, or the file or folder `artifact_path` among them."""
    root = current_scope().run.info.artifact_uri
    return f"{root.rstrip('/')}/{artifact_path.lstrip('/')}" if artifact_path else root


def _artifacts(run_id: str | None) -> ArtifactFolder:
    return _run_of(run_id)[2]


def _run_of(run_id: str | None) -> tuple[str, Session, ArtifactFolder]:
    """Return a run's id (by default of the active one), its session and its files."""
    if run_id is None:
        scope = current_scope()
        return scope.run_id, scope.session, scope.session.stores.artifacts_for(scope.run.info.artifact_uri)
    session = session_of(run_id)
    return run_id, session, session.stores.files_of_run(run_id)
