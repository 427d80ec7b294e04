"""Errors under the names of `mlflow.exceptions`.

All that Siglum raises is a `SiglumError`; `error_code` is MLflow's code for it, such as `RESOURCE_DOES_NOT_EXIST`.
"""

from __future__ import annotations

from siglum.core.errors import SiglumError

MlflowException = RestException = SiglumError

__all__ = ["MlflowException", "RestException"]
