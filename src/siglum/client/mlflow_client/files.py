"""MlflowClient: the files of runs and logged models."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from siglum.client import artifact_content, logged_images, logged_tables
from siglum.client.artifact_folder import ArtifactFolder, cache_for, download, put_path, upload_folder
from siglum.client.mlflow_client.base import ClientBase
from siglum.client.paging import collect
from siglum.client.pending import PendingWrites, handle
from siglum.core.errors import LocalFileError, NotFoundError
from siglum.tracking.entities import FileInfo

if TYPE_CHECKING:
    import pandas


class FileMethods(ClientBase):
    """Artifacts by run or model id."""

    def log_artifact(self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Store a local file or folder, below the folder `artifact_path` when given. Raises NotFoundError."""
        put_path(self._run_files(run_id), os.fspath(local_path), artifact_path or "")
        self._settle(run_id)

    def log_artifacts(self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Store everything in a local folder, below the folder `artifact_path` when given."""
        _check_folder(local_dir)
        upload_folder(self._run_files(run_id), os.fspath(local_dir), artifact_path or "")
        self._settle(run_id)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Store a text as a UTF-8 file."""
        artifact_content.put(self._run_files(run_id), artifact_file, text.encode())
        self._settle(run_id)

    def log_dict(self, run_id: str, dictionary: Mapping[str, Any] | list[Any], artifact_file: str) -> None:
        """Store a mapping or list as YAML when the name ends in .yml or .yaml, else as JSON."""
        content = artifact_content.document_bytes(dictionary, artifact_file)
        artifact_content.put(self._run_files(run_id), artifact_file, content)
        self._settle(run_id)

    def log_stream(self, run_id: str, stream: BinaryIO, artifact_file: str) -> None:
        """Store all that a binary stream yields."""
        self._run_files(run_id).put(artifact_content.file_path(artifact_file), stream)
        self._settle(run_id)

    def log_figure(
        self, run_id: str, figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None
    ) -> None:
        """Store a Matplotlib or Plotly figure in the format that the name ends in."""
        content = artifact_content.figure_bytes(figure, artifact_file, save_kwargs)
        artifact_content.put(self._run_files(run_id), artifact_file, content)
        self._settle(run_id)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,
    ) -> PendingWrites | None:
        """Store a Pillow image or an array as a file, or as one of a series by key and step; see `siglum.log_image`."""
        files = self._run_files(run_id)
        logged_images.log(self._tracking, files, run_id, image, artifact_file, key=key, step=step, timestamp=timestamp)
        self._settle(run_id)
        return handle(self._session, run_id, synchronous)

    def log_table(self, run_id: str, data: Any, artifact_file: str) -> None:
        """Store a table, or append its rows to the one that is there under this name; see `siglum.log_table`."""
        logged_tables.log(self._tracking, self._run_files(run_id), run_id, data, artifact_file)
        self._settle(run_id)

    def load_table(
        self,
        experiment_id: str,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> pandas.DataFrame:
        """Return the tables that an experiment's runs logged under this name, one below the other.

        Raises:
            NotFoundError: No run (of `run_ids`, when given) has such a table.
        """
        import pandas  # optional: only for who asks for a table

        if run_ids is not None:
            runs = [self._tracking.get_run(run_id) for run_id in run_ids]
        else:
            runs = collect(
                lambda size, token: self._tracking.search_runs(
                    [str(experiment_id)],
                    filter_string=logged_tables.filter_for(artifact_file),
                    max_results=size,
                    page_token=token,
                ),
                None,
            )
        found = [run for run in runs if logged_tables.has_table(run, artifact_file)]
        if not found:
            raise NotFoundError(
                f"No run of experiment {experiment_id} has a table {artifact_file!r}.",
                hint="Give the name that log_table() was given.",
            )
        artifacts_for = self._session.stores.artifacts_for
        tables = [
            logged_tables.read(artifacts_for(run.info.artifact_uri), artifact_file, run, extra_columns or ())
            for run in found
        ]
        return pandas.concat(tables, ignore_index=True)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """Return what is directly in a folder of a run's files; paths are relative to all its files."""
        return _listed(self._run_files(run_id), path)

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """Copy a file or folder into `dst_path` (a new temporary folder when None) and return where it is."""
        target = tempfile.mkdtemp(prefix="siglum-") if dst_path is None else os.path.abspath(dst_path)
        files, to = self._run_files(run_id), os.path.join(target, *path.split("/"))
        return download(files, path, to, what=f"Run {run_id}", cache=cache_for(files))

    def log_model_artifact(
        self, model_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Store a local file or folder with a logged model."""
        put_path(self._model_files(model_id), os.fspath(local_path), artifact_path or "")

    def log_model_artifacts(
        self, model_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Store everything in a local folder with a logged model."""
        _check_folder(local_dir)
        upload_folder(self._model_files(model_id), os.fspath(local_dir), artifact_path or "")

    def list_logged_model_artifacts(self, model_id: str, path: str | None = None) -> list[FileInfo]:
        """Return what is directly in a folder of a logged model's files."""
        return _listed(self._model_files(model_id), path)


def _listed(files: ArtifactFolder, path: str | None) -> list[FileInfo]:
    return [FileInfo(path=entry.path, is_dir=entry.is_dir, file_size=entry.size) for entry in files.list(path or "")]


def _check_folder(local_dir: str | os.PathLike[str]) -> None:
    if not os.path.isdir(local_dir):
        raise LocalFileError(f"There is no folder {os.fspath(local_dir)!r} to log.")
