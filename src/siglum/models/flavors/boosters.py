"""The XGBoost and LightGBM flavors: native boosters in their own formats, which hold data and no code.

MLflow reads these folders, and its boosters are read here. Estimators of these libraries (`XGBClassifier`, …) are
scikit-learn models: that flavor keeps what a booster does not know, such as the names of classes.
"""

from __future__ import annotations

import importlib
import os
import platform
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from siglum.core.clock import Clock, now_ms
from siglum.core.errors import FileFormatError, InvalidInputError, NotSupportedError
from siglum.models.layout import MLMODEL
from siglum.models.mlmodel import Model, read_model
from siglum.models.requirements import Requirements, combine, infer_requirements, write_environment
from siglum.models.saving import SignatureArgument, describe, finish, new_folder
from siglum.models.trust import Decision, VersionMismatchWarning, read_model_file


class BoosterFlavor(msgspec.Struct, frozen=True):
    """How a library's boosters are kept: the file, the class and the names of fields in `MLmodel`."""

    name: str
    file: str
    model_class: str
    version_field: str
    fields: dict[str, str]
    dump: Callable[[Any], bytes]
    load: Callable[[bytes], Any]
    predict: Callable[[Any, Any], Any]

    @property
    def loader_modules(self) -> tuple[str, str]:
        """The names that an `MLmodel` has for the loader."""
        return f"mlflow.{self.name}", f"siglum.{self.name}"

    def is_booster(self, model: Any) -> bool:
        """Whether a model is one of this library's boosters."""
        return isinstance(model, importlib.import_module(self.name).Booster)


def _xgboost_load(data: bytes) -> Any:
    import xgboost  # optional extra

    booster = xgboost.Booster()
    booster.load_model(bytearray(data))
    return booster


def _xgboost_predict(booster: Any, data: Any) -> Any:
    import xgboost  # optional extra

    return booster.predict(data if isinstance(data, xgboost.DMatrix) else xgboost.DMatrix(data))


def _lightgbm_load(data: bytes) -> Any:
    import lightgbm  # optional extra

    return lightgbm.Booster(model_str=data.decode())


XGBOOST = BoosterFlavor(
    name="xgboost",
    file="model.ubj",
    model_class="xgboost.core.Booster",
    version_field="xgb_version",
    fields={"model_format": "ubj"},
    dump=lambda booster: bytes(booster.save_raw("ubj")),
    load=_xgboost_load,
    predict=_xgboost_predict,
)
LIGHTGBM = BoosterFlavor(
    name="lightgbm",
    file="model.lgb",
    model_class="lightgbm.basic.Booster",
    version_field="lgb_version",
    fields={},
    dump=lambda booster: str(booster.model_to_string()).encode(),
    load=_lightgbm_load,
    predict=lambda booster, data: booster.predict(data),
)
FLAVORS = (XGBOOST, LIGHTGBM)


class BoosterPredictor:
    """A booster behind pyfunc's `predict`."""

    def __init__(self, flavor: BoosterFlavor, booster: Any) -> None:
        self.raw_model = booster
        self._flavor = flavor

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        """Answer one input. Boosters take no parameters of inference."""
        if params:
            raise InvalidInputError(f"A booster of {self._flavor.name} takes no parameters of inference.")
        return self._flavor.predict(self.raw_model, data)


def save_model(
    flavor: BoosterFlavor,
    booster: Any,
    path: str | os.PathLike[str],
    *,
    signature: SignatureArgument = None,
    input_example: Any = None,
    conda_env: Mapping[str, Any] | str | None = None,
    pip_requirements: Requirements = None,
    extra_pip_requirements: Requirements = None,
    metadata: Mapping[str, Any] | None = None,
    clock: Clock = now_ms,
) -> Model:
    """Save a booster to a new folder, whole or not at all.

    Raises:
        InvalidInputError: Not a booster of this library.
        AlreadyExistsError: The folder exists and is not empty.
    """
    if not flavor.is_booster(booster):
        raise InvalidInputError(
            f"A {type(booster).__qualname__} is not a booster of {flavor.name}.",
            hint="Log estimators with siglum.sklearn.log_model().",
        )
    library = importlib.import_module(flavor.name)
    with new_folder(os.fspath(path)) as folder:
        with open(os.path.join(folder, flavor.file), "wb") as file:
            file.write(flavor.dump(booster))
        inferred = infer_requirements([flavor.name], ["numpy", "scipy", "pandas"]) if pip_requirements is None else []
        lines = combine(inferred, pip_requirements, extra_pip_requirements)
        environment = write_environment(folder, lines, conda_env)
        own = {"code": None, "data": flavor.file, "model_class": flavor.model_class, **flavor.fields}
        model = describe(
            folder,
            flavors={
                flavor.name: own | {flavor.version_field: library.__version__},
                "python_function": {
                    "data": flavor.file,
                    "env": dict(environment),
                    "loader_module": flavor.loader_modules[0],
                    "python_version": platform.python_version(),
                },
            },
            signature=signature,
            input_example=input_example,
            predict=lambda example: flavor.predict(booster, example),
            metadata=metadata,
            clock=clock,
        )
        finish(folder)
    return model


def load_model(flavor: BoosterFlavor, path: str | os.PathLike[str]) -> Any:
    """Load a booster from a model's folder. No agreement is needed: its format holds no code.

    Raises:
        InvalidInputError: The folder holds another kind of model.
        NotSupportedError: A model of the library that is kept in another form.
        FileFormatError: The file is damaged.
    """
    folder = os.fspath(path)
    found = read_model(folder).flavor(flavor.name)
    if found is None:
        raise InvalidInputError(f"{folder} holds no model of {flavor.name}.")
    model_class = found.get("model_class", flavor.model_class)
    if model_class != flavor.model_class:
        raise NotSupportedError(f"{folder} is a {model_class}: of {flavor.name}, only boosters are loaded.")
    data = read_model_file(folder, found.get("data"), Decision(True))
    library = importlib.import_module(flavor.name)
    saved_with = found.get(flavor.version_field)
    if saved_with is not None and str(saved_with).split(".")[0] != library.__version__.split(".")[0]:
        warnings.warn(
            f"The model was saved with {flavor.name} {saved_with}, and {library.__version__} is installed.",
            VersionMismatchWarning,
            stacklevel=2,
        )
    try:
        return flavor.load(data)
    except Exception as error:
        where = os.path.join(folder, str(found.get("data") or MLMODEL))
        raise FileFormatError(where, f"{flavor.name} cannot read it: {str(error).splitlines()[0]}") from error
