"""The files of runs and models, under the names of `mlflow.artifacts`."""

from __future__ import annotations

from siglum.client.artifact_access import download_artifacts, list_artifacts, load_dict, load_image, load_text

__all__ = ["download_artifacts", "list_artifacts", "load_dict", "load_image", "load_text"]
