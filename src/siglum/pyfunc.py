"""Models of any flavor behind one `predict`, under the names of `mlflow.pyfunc`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from siglum.client.model_loading import fetch, load
from siglum.client.model_logging import ModelInfo
from siglum.client.model_logging import log_model as _log_model
from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.models.layout import CONDA_ENV, REQUIREMENTS
from siglum.models.mlmodel import Model
from siglum.models.pyfunc.loading import load_pyfunc
from siglum.models.pyfunc.model import PyFuncModel
from siglum.models.pyfunc.python_model import PythonModel, PythonModelContext
from siglum.models.pyfunc.saving import save_pyfunc
from siglum.models.requirements import Requirements
from siglum.models.saving import SignatureArgument

__all__ = [
    "PyFuncModel", "PythonModel", "PythonModelContext", "get_model_dependencies", "load_model", "log_model",
    "save_model",
]  # fmt: skip


def save_model(
    path: str | os.PathLike[str],
    *,
    python_model: Any,
    artifacts: Mapping[str, str] | None = None,
    code_paths: Sequence[str] | None = None,
    conda_env: Mapping[str, Any] | str | None = None,
    signature: SignatureArgument = None,
    input_example: Any = None,
    pip_requirements: Requirements = None,
    extra_pip_requirements: Requirements = None,
    metadata: Mapping[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
) -> Model:
    """Save a Python model (an object with `predict`, or a function of the input) to a new folder; see `log_model`."""
    return save_pyfunc(
        path,
        python_model=python_model,
        artifacts=artifacts,
        code_paths=code_paths,
        conda_env=conda_env,
        signature=signature,
        input_example=input_example,
        pip_requirements=pip_requirements,
        extra_pip_requirements=extra_pip_requirements,
        metadata=metadata,
        model_config=model_config,
    )


def log_model(
    artifact_path: str | None = None,
    *,
    python_model: Any,
    artifacts: Mapping[str, str] | None = None,
    code_paths: Sequence[str] | None = None,
    conda_env: Mapping[str, Any] | str | None = None,
    registered_model_name: str | None = None,
    signature: SignatureArgument = None,
    input_example: Any = None,
    await_registration_for: float = 300,
    pip_requirements: Requirements = None,
    extra_pip_requirements: Requirements = None,
    metadata: Mapping[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
) -> ModelInfo:
    """Log a Python model to the active run (one is started when there is none), and register it when asked to.

    Args:
        artifact_path: MLflow's former name of `name`.
        python_model: An object with `predict` (a `PythonModel`, with `load_context` where it needs files), or a
            function of the input.
        artifacts: Name → local file or folder that the model needs; it finds them in its context.
        code_paths: Modules and packages of yours that the model needs; they are stored with it.
        conda_env: Written in place of the environment that is inferred.
        registered_model_name: Register it as the next version of this model, which is created when it is new.
        signature: What the model takes and gives; inferred from `input_example` when None, none when False.
        input_example: A few rows of input, stored with the model.
        await_registration_for: Seconds to wait for a version that its server does not call ready at once.
        pip_requirements: Packages that the model needs, in place of those that are inferred.
        extra_pip_requirements: Packages besides those that are inferred.
        metadata: Anything to keep in `MLmodel`.
        model_config: Values that the model finds in its context; a caller may override them when loading.
        name: What the model is called in its run; `model` by default.
        params: More parameters of the logged model; it gets the run's too.
        tags: Tags of the logged model.
        model_type: What kind of model it is, free to choose.
        step: The training step that the model is of.
        model_id: A logged model that was created before, and gets its files now.
    """

    def save(folder: str) -> Model:
        return save_model(
            folder,
            python_model=python_model,
            artifacts=artifacts,
            code_paths=code_paths,
            conda_env=conda_env,
            signature=signature,
            input_example=input_example,
            pip_requirements=pip_requirements,
            extra_pip_requirements=extra_pip_requirements,
            metadata=metadata,
            model_config=model_config,
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


def load_model(
    model_uri: str | os.PathLike[str],
    *,
    dst_path: str | None = None,
    model_config: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> PyFuncModel:
    """Load a model of any flavor from `models:/…`, `runs:/…`, an artifact URI or a folder; its hash is checked first.

    Args:
        model_uri: Which model.
        dst_path: Keep its files in this folder.
        model_config: Override values of its saved configuration.
        trust: Agree to run whatever code a model of foreign origin holds.

    Raises:
        NotFoundError: Nothing has this name, version, alias, stage, id or path; says what is near.
        UntrustedError: Loading it would run code that nobody agreed to; says which.
        IntegrityError: The files are not those on record.
    """
    return load(
        model_uri,
        lambda folder: load_pyfunc(folder, trust=trust, model_config=model_config),
        dst_path,
        reads_later=True,
    )


def get_model_dependencies(model_uri: str | os.PathLike[str], format: str = "pip") -> str:  # noqa: A002  -- MLflow's name
    """Return the path of the model's `requirements.txt` (`format="pip"`) or `conda.yaml` (`format="conda"`)."""
    names = {"pip": REQUIREMENTS, "conda": CONDA_ENV}
    if format not in names:
        raise InvalidInputError(f"{format!r} is not a format of dependencies.", hint="Use 'pip' or 'conda'.")
    local = fetch(model_uri)
    path = os.path.join(local.folder, names[format])
    if not os.path.isfile(path):
        local.remove()
        raise NotFoundError(f"The model {local.resolved.label} has no {names[format]}.")
    return path
