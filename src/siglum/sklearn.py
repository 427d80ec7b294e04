"""scikit-learn models, under the names of `mlflow.sklearn`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from siglum.client.autolog.sklearn import autolog
from siglum.client.model_loading import load
from siglum.client.model_logging import ModelInfo
from siglum.client.model_logging import log_model as _log_model
from siglum.models.flavors import sklearn as _flavor
from siglum.models.flavors.sklearn import save_model
from siglum.models.requirements import Requirements
from siglum.models.saving import SignatureArgument

__all__ = ["autolog", "load_model", "log_model", "save_model"]


def log_model(
    sk_model: Any,
    artifact_path: str | None = None,
    conda_env: Mapping[str, Any] | str | None = None,
    code_paths: Sequence[str] | None = None,
    serialization_format: str | None = None,
    registered_model_name: str | None = None,
    signature: SignatureArgument = None,
    input_example: Any = None,
    await_registration_for: float = 300,
    pip_requirements: Requirements = None,
    extra_pip_requirements: Requirements = None,
    pyfunc_predict_fn: str = "predict",
    metadata: Mapping[str, Any] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    name: str | None = None,
    skops_trusted_types: Sequence[str] | None = None,
) -> ModelInfo:
    """Log an estimator to the active run (one is started when there is none), and register it when asked to.

    Args:
        sk_model: A fitted estimator or pipeline.
        artifact_path: MLflow's former name of `name`.
        conda_env: Written in place of the environment that is inferred.
        code_paths: Modules and packages of yours that the model needs; they are stored with it.
        serialization_format: `skops` (the default: loading it runs no foreign code), `cloudpickle` or `pickle`.
        registered_model_name: Register it as the next version of this model, which is created when it is new.
        signature: What the model takes and gives; inferred from `input_example` when None, none when False.
        input_example: A few rows of input, stored with the model.
        await_registration_for: Seconds to wait for a version that its server does not call ready at once.
        pip_requirements: Packages that the model needs, in place of those that are inferred.
        extra_pip_requirements: Packages besides those that are inferred.
        pyfunc_predict_fn: The method that answers when the model is loaded as a pyfunc.
        metadata: Anything to keep in `MLmodel`.
        params: More parameters of the logged model; it gets the run's too.
        tags: Tags of the logged model.
        model_type: What kind of model it is, free to choose.
        step: The training step that the model is of.
        model_id: A logged model that was created before, and gets its files now.
        name: What the model is called in its run; `model` by default.
        skops_trusted_types: Types that MLflow is told to trust when it loads the model.

    Raises:
        InvalidInputError: An unknown format, or an estimator that the format cannot hold.
    """

    def save(folder: str) -> Any:
        return save_model(
            sk_model,
            folder,
            conda_env=conda_env,
            code_paths=code_paths,
            serialization_format=serialization_format,
            signature=signature,
            input_example=input_example,
            pip_requirements=pip_requirements,
            extra_pip_requirements=extra_pip_requirements,
            pyfunc_predict_fn=pyfunc_predict_fn,
            metadata=metadata,
            skops_trusted_types=skops_trusted_types,
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


def load_model(model_uri: str | os.PathLike[str], dst_path: str | None = None, *, trust: bool = False) -> Any:
    """Load an estimator from `models:/…`, `runs:/…`, an artifact URI or a folder; its content hash is checked first.

    Args:
        model_uri: Which model.
        dst_path: Keep its files in this folder.
        trust: Agree to run whatever code a pickled model of foreign origin holds.

    Raises:
        NotFoundError: Nothing has this name, version, alias, stage, id or path; says what is near.
        UntrustedError: Loading it would run code that nobody agreed to; says which.
        IntegrityError: The files are not those on record.
    """
    return load(model_uri, lambda folder: _flavor.load_model(folder, trust=trust), dst_path)
