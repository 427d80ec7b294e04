"""A loaded model of any flavor, behind one `predict`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.models.input_example import load_example
from siglum.models.mlmodel import Model
from siglum.models.pyfunc.python_model import PythonPredictor
from siglum.models.signature.enforce import enforce_params, enforce_schema


class Predictor(Protocol):
    """What a flavor provides: the model itself and how it answers."""

    @property
    def raw_model(self) -> Any:
        """The model as its framework knows it."""
        ...

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        """Answer one input."""
        ...


class MethodPredictor:
    """A framework's object, of which one method answers."""

    def __init__(self, raw_model: Any, method: str) -> None:
        if not callable(getattr(raw_model, method, None)):
            raise InvalidInputError(f"A {type(raw_model).__qualname__} has no method {method}.")
        self.raw_model = raw_model
        self._method = method

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        """Call the method; parameters of inference are its keyword arguments."""
        return getattr(self.raw_model, self._method)(data, **dict(params or {}))


class PyFuncModel:
    """A model that answers inputs which fit its signature."""

    def __init__(self, folder: str, metadata: Model, predictor: Predictor, model_config: dict[str, Any] | None) -> None:
        self.metadata = metadata
        self.model_config = model_config
        self._folder = folder
        self._predictor = predictor

    @property
    def loader_module(self) -> str:
        """The module that MLflow would load the model with."""
        return str(self.metadata.flavors["python_function"]["loader_module"])

    @property
    def model_id(self) -> str | None:
        """The id of the logged model, if it was logged."""
        return self.metadata.model_id

    @property
    def input_example(self) -> Any:
        """The input example that the model carries, or None."""
        return load_example(self._folder, self.metadata)

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Answer one input.

        The input is made to fit the signature: columns in order, extra ones dropped, safe casts only. `params` are
        completed with the signature's defaults. Raises InvalidInputError that names what does not fit.
        """
        return self._predictor.predict(*self._checked(data, params))

    def predict_stream(self, data: Any, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Answer one input piece by piece. Raises NotSupportedError when the model cannot."""
        if not isinstance(self._predictor, PythonPredictor):
            raise NotSupportedError(f"A model of {self.loader_module} does not answer piece by piece.")
        return self._predictor.predict_stream(*self._checked(data, params))

    def get_raw_model(self) -> Any:
        """Return the model as its framework knows it."""
        return self._predictor.raw_model

    def unwrap_python_model(self) -> Any:
        """Return the user's `PythonModel`. Raises InvalidInputError when the model is of another kind."""
        if not isinstance(self._predictor, PythonPredictor):
            raise InvalidInputError(
                f"A model of {self.loader_module} wraps no PythonModel.", hint="Use get_raw_model()."
            )
        return self._predictor.raw_model

    def _checked(self, data: Any, params: Mapping[str, Any] | None) -> tuple[Any, dict[str, Any]]:
        signature = self.metadata.signature
        if signature is None:
            return data, dict(params or {})
        inputs = signature.inputs
        checked = enforce_params(params, signature.params)
        return (data if inputs is None else enforce_schema(data, inputs)), checked

    def __repr__(self) -> str:
        return f"<siglum.pyfunc.PyFuncModel of {self.loader_module}>"
