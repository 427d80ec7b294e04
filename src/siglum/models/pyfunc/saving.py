"""Save a Python model to a folder: the object, its artifacts and its code."""

from __future__ import annotations

import os
import pickle
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cloudpickle

from siglum.core.clock import Clock, now_ms
from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.models import pickles
from siglum.models.layout import ARTIFACTS, PYTHON_MODEL
from siglum.models.mlmodel import Model
from siglum.models.pyfunc.loading import CONFIG
from siglum.models.pyfunc.python_model import FunctionModel, PythonModelContext, PythonPredictor
from siglum.models.requirements import Requirements, combine, infer_requirements, write_environment
from siglum.models.saving import SignatureArgument, copy_code, describe, finish, new_folder

LOADER_MODULE = "mlflow.pyfunc.model"


def save_pyfunc(
    path: str | os.PathLike[str],
    *,
    python_model: Any | Callable[..., Any],
    artifacts: Mapping[str, str] | None = None,
    code_paths: Sequence[str] | None = None,
    conda_env: Mapping[str, Any] | str | None = None,
    signature: SignatureArgument = None,
    input_example: Any = None,
    pip_requirements: Requirements = None,
    extra_pip_requirements: Requirements = None,
    metadata: Mapping[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    clock: Clock = now_ms,
) -> Model:
    """Save a Python model (an object with `predict`, or a function of the input) to a new folder.

    `artifacts` maps names to local files or folders, which are copied. The bytes of the object are as deterministic
    as cloudpickle is: code defined in a script is kept by value, with its source file's name.

    Raises:
        InvalidInputError: The object has no `predict`, or cannot be pickled.
        NotFoundError: An artifact or a code path is not there.
        AlreadyExistsError: The folder exists and is not empty.
    """
    model = python_model if hasattr(python_model, "predict") else _as_model(python_model)
    data = _dump(model)
    config = dict(model_config) if model_config else None
    with new_folder(os.fspath(path)) as folder:
        code = copy_code(folder, code_paths)
        stored = _copy_artifacts(folder, artifacts or {})
        with open(os.path.join(folder, PYTHON_MODEL), "wb") as file:
            file.write(data)
        inferred = [] if pip_requirements is not None else _requirements(data, input_example)
        environment = write_environment(folder, combine(inferred, pip_requirements, extra_pip_requirements), conda_env)
        flavor: dict[str, Any] = {
            "cloudpickle_version": cloudpickle.__version__,
            "code": code,
            "env": environment,
            "loader_module": LOADER_MODULE,
            "python_model": PYTHON_MODEL,
            "python_version": platform.python_version(),
            "streamable": hasattr(model, "predict_stream"),
        }
        flavor |= {"artifacts": stored} if stored else {}
        flavor |= {CONFIG: config} if config else {}
        context = PythonModelContext({n: os.path.join(folder, a["path"]) for n, a in stored.items()}, config)
        saved = describe(
            folder,
            flavors={"python_function": flavor},
            signature=signature,
            input_example=input_example,
            # a copy answers: load_context may change the object that it is called on
            predict=lambda example: PythonPredictor(pickle.loads(data), context).predict(example, None),  # noqa: S301
            metadata=metadata,
            clock=clock,
        )
        finish(folder)
    return saved


def _as_model(value: Any) -> FunctionModel:
    if not callable(value) or isinstance(value, type):
        raise InvalidInputError(
            f"python_model must be an object with a method predict or a function, not a {type(value).__qualname__}."
        )
    return FunctionModel(value)


def _dump(model: Any) -> bytes:
    try:
        data: bytes = cloudpickle.dumps(model, pickle.DEFAULT_PROTOCOL)
        pickle.loads(data)  # noqa: S301 -- a file that cannot be loaded is not a saved model
    except Exception as error:
        raise InvalidInputError(f"A {type(model).__qualname__} cannot be pickled: {error}") from error
    return data


def _copy_artifacts(folder: str, artifacts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    stored: dict[str, dict[str, str]] = {}
    for name, source in artifacts.items():
        relative = f"{ARTIFACTS}/{os.path.basename(os.path.normpath(source))}"
        if any(entry["path"] == relative for entry in stored.values()):
            relative = f"{ARTIFACTS}/{name}/{os.path.basename(os.path.normpath(source))}"
        target = os.path.join(folder, relative)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, target)
        elif os.path.isfile(source):
            shutil.copyfile(source, target)
        else:
            raise NotFoundError(f"There is no artifact {source!r}.", hint="Artifacts are local files or folders.")
        # MLflow writes where the artifact came from; that is a path of this machine and says nothing about the model
        stored[name] = {"path": relative, "uri": relative}
    return stored


def _requirements(data: bytes, input_example: Any) -> list[str]:
    modules = pickles.modules_named(data, PYTHON_MODEL)
    always = ["cloudpickle", *(["pandas"] if type(input_example).__module__.startswith("pandas") else [])]
    return infer_requirements(modules, always)
