"""Load a model of any flavor that Siglum knows from a folder.

`loader_module` in an `MLmodel` chooses among the loaders here; it is never imported.
"""

from __future__ import annotations

import os
import pickle
import platform
import warnings
from collections.abc import Mapping
from typing import Any

from siglum.core.errors import FileFormatError, InvalidInputError, NotSupportedError
from siglum.models import pickles
from siglum.models.flavors import boosters
from siglum.models.flavors import sklearn as sklearn_flavor
from siglum.models.layout import MLMODEL, path_inside
from siglum.models.mlmodel import read_model
from siglum.models.pyfunc.model import MethodPredictor, Predictor, PyFuncModel
from siglum.models.pyfunc.python_model import PythonModelContext, PythonPredictor
from siglum.models.saving import add_code_to_path
from siglum.models.trust import VersionMismatchWarning, decide, read_model_file, untrusted

PYTHON_MODEL_LOADERS = frozenset({"mlflow.pyfunc.model", "siglum.pyfunc.model"})
SKLEARN_LOADERS = frozenset({"mlflow.sklearn", "siglum.sklearn"})
CONFIG = "config"


def load_pyfunc(
    path: str | os.PathLike[str], *, trust: bool = False, model_config: Mapping[str, Any] | None = None
) -> PyFuncModel:
    """Load a model from its folder, ready to predict. `model_config` overrides values of the saved configuration.

    `trust=True` agrees to run whatever code the model's files hold; see `siglum.models.trust` for what loads without.

    Raises:
        UntrustedError: It would run code that nobody agreed to; a Python model of unknown origin always would.
        NotSupportedError: The model is of a flavor that Siglum does not load.
        NotFoundError: The folder is no model, or lacks a file.
        FileFormatError, IntegrityError: A file is damaged; names it.
    """
    folder = os.fspath(path)
    model = read_model(folder)
    flavor = model.flavor("python_function")
    if flavor is None:
        known = ", ".join(model.flavors) or "none"
        raise InvalidInputError(f"{folder} cannot be used through pyfunc.", hint=f"Its flavors are {known}.")
    loader = flavor.get("loader_module")
    config = _config(flavor, model_config, os.path.join(folder, MLMODEL))
    if loader in SKLEARN_LOADERS:
        estimator = sklearn_flavor.load_model(folder, trust=trust)
        predictor: Predictor = MethodPredictor(estimator, str(flavor.get("predict_fn", "predict")))
    elif loader in PYTHON_MODEL_LOADERS:
        predictor = _load_python_model(folder, flavor, config, trust=trust)
    elif (boosted := next((each for each in boosters.FLAVORS if loader in each.loader_modules), None)) is not None:
        predictor = boosters.BoosterPredictor(boosted, boosters.load_model(boosted, folder))
    else:
        raise NotSupportedError(
            f"{folder} asks for the loader {loader!r}, which Siglum does not know and does not import.",
            hint="Siglum loads scikit-learn and Python models and boosters; load others with the tool that saved them.",
        )
    return PyFuncModel(folder, model, predictor, config)


def _load_python_model(
    folder: str, flavor: dict[str, Any], config: dict[str, Any] | None, *, trust: bool
) -> PythonPredictor:
    name = flavor.get("python_model")
    if "model_code_path" in flavor:
        raise NotSupportedError(
            f"{folder} is a model kept as a source file; Siglum loads Python models kept as objects."
        )
    decision = decide(folder, trust=trust)
    data = read_model_file(folder, name, decision)
    file = os.path.join(folder, str(name))
    if not decision.trusted:
        raise untrusted(file, pickles.scan(data, file) or ("a Python model",))
    _warn_of_other_python(flavor.get("python_version"))
    add_code_to_path(folder)
    context = PythonModelContext(_artifacts(folder, flavor), config)
    try:
        python_model = pickle.loads(data)  # noqa: S301 -- the user agreed to this file
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"{file} needs the module {error.name!r}, which is not installed.",
            hint="Install what the model's requirements.txt names.",
        ) from error
    except Exception as error:
        raise FileFormatError(file, f"it cannot be unpickled: {type(error).__name__}: {error}") from error
    return PythonPredictor(python_model, context)


def _artifacts(folder: str, flavor: dict[str, Any]) -> dict[str, str]:
    where = os.path.join(folder, MLMODEL)
    entries = flavor.get("artifacts") or {}
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise FileFormatError(where, "its artifacts must map names to paths.")
    return {str(name): path_inside(folder, entry.get("path"), where) for name, entry in entries.items()}


def _config(flavor: dict[str, Any], given: Mapping[str, Any] | None, where: str) -> dict[str, Any] | None:
    saved = flavor.get(CONFIG)
    if saved is not None and not isinstance(saved, dict):
        raise FileFormatError(where, "the configuration of the model must be a mapping.")
    return {**(saved or {}), **(given or {})} if saved or given else None


def _warn_of_other_python(saved_with: object) -> None:
    here = platform.python_version()
    if saved_with is not None and str(saved_with).split(".")[:2] != here.split(".")[:2]:
        warnings.warn(
            f"The model was saved with Python {saved_with}, and this is {here}: its code may not run.",
            VersionMismatchWarning,
            stacklevel=4,
        )
