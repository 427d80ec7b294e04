"""LightGBM boosters, under the names of `mlflow.lightgbm`. Estimators go through `siglum.sklearn`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from siglum.client.autolog.lightgbm import autolog
from siglum.client.model_loading import load
from siglum.client.model_logging import ModelInfo
from siglum.client.model_logging import log_model as _log_model
from siglum.models.flavors import boosters as _boosters
from siglum.models.mlmodel import Model
from siglum.models.requirements import Requirements
from siglum.models.saving import SignatureArgument

__all__ = ["autolog", "load_model", "log_model", "save_model"]


def save_model(
    lgb_model: Any,
    path: str | os.PathLike[str],
    conda_env: Mapping[str, Any] | str | None = None,
    *,
    signature: SignatureArgument = None,
    input_example: Any = None,
    pip_requirements: Requirements = None,
    extra_pip_requirements: Requirements = None,
    metadata: Mapping[str, Any] | None = None,
) -> Model:
    """Save a booster to a new folder in LightGBM's own format. Raises InvalidInputError for another object."""
    return _boosters.save_model(
        _boosters.LIGHTGBM,
        lgb_model,
        path,
        conda_env=conda_env,
        signature=signature,
        input_example=input_example,
        pip_requirements=pip_requirements,
        extra_pip_requirements=extra_pip_requirements,
        metadata=metadata,
    )


def log_model(
    lgb_model: Any,
    artifact_path: str | None = None,
    conda_env: Mapping[str, Any] | str | None = None,
    *,
    registered_model_name: str | None = None,
    signature: SignatureArgument = None,
    input_example: Any = None,
    await_registration_for: float = 300,
    pip_requirements: Requirements = None,
    extra_pip_requirements: Requirements = None,
    metadata: Mapping[str, Any] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
) -> ModelInfo:
    """Log a booster to the active run (one is started when there is none), and register it when asked to.

    Arguments are those of `siglum.sklearn.log_model`.
    """

    def save(folder: str) -> Model:
        return save_model(
            lgb_model,
            folder,
            conda_env,
            signature=signature,
            input_example=input_example,
            pip_requirements=pip_requirements,
            extra_pip_requirements=extra_pip_requirements,
            metadata=metadata,
        )

    return _log_model(
        save,
        name=name,
        artifact_path=artifact_path,
        registered_model_name=registered_model_name,
        params=params,
        tags=tags,
        model_type=model_type,
        step=step,
        model_id=model_id,
        await_registration_for=await_registration_for,
    )


def load_model(model_uri: str | os.PathLike[str], dst_path: str | None = None) -> Any:
    """Load a booster from `models:/…`, `runs:/…`, an artifact URI or a folder; its content hash is checked first."""
    return load(model_uri, lambda folder: _boosters.load_model(_boosters.LIGHTGBM, folder), dst_path)
