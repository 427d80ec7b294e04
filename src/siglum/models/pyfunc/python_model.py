"""What a user subclasses to make any Python code a model, and how its `predict` is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from siglum.core.errors import InvalidInputError, NotSupportedError


class PythonModelContext(msgspec.Struct, frozen=True):
    """What a model finds where it is loaded: local paths of its artifacts by name, and its configuration."""

    artifacts: dict[str, str] = {}
    model_config: dict[str, Any] | None = None


class PythonModel:
    """Base class of models written in Python. Subclasses define `predict`, with or without `context`.

    `predict(self, context, model_input, params=None)` and `predict(self, model_input, params=None)` are both fine;
    `params` may be left out. Instances are kept with cloudpickle.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Load what `predict` needs from `context.artifacts`; called once, after the model was loaded."""


class FunctionModel(PythonModel):
    """A plain function of the input as a model."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Call the function, with `params` if it takes them."""
        return _call(self.function, model_input, params)


class PythonPredictor:
    """A loaded Python model with its context, as `PyFuncModel` calls it."""

    def __init__(self, python_model: Any, context: PythonModelContext) -> None:
        if not callable(getattr(python_model, "predict", None)):
            raise InvalidInputError(f"A {type(python_model).__qualname__} has no method predict.")
        self.python_model = python_model
        self.context = context
        if hasattr(python_model, "load_context"):
            python_model.load_context(context)

    @property
    def raw_model(self) -> Any:
        """The user's object."""
        return self.python_model

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        """Answer one input."""
        return self._run(self.python_model.predict, data, params)

    def predict_stream(self, data: Any, params: Mapping[str, Any] | None) -> Iterator[Any]:
        """Answer one input piece by piece. Raises NotSupportedError when the model cannot."""
        stream = getattr(self.python_model, "predict_stream", None)
        if stream is None:
            raise NotSupportedError(f"{type(self.python_model).__qualname__} has no method predict_stream.")
        yield from self._run(stream, data, params)

    def _run(self, method: Callable[..., Any], data: Any, params: Mapping[str, Any] | None) -> Any:
        if "context" in inspect.signature(method).parameters:
            return _call(lambda *given, **named: method(self.context, *given, **named), data, params, like=method)
        return _call(method, data, params)


def _call(
    function: Callable[..., Any], data: Any, params: Mapping[str, Any] | None, like: Callable[..., Any] | None = None
) -> Any:
    if "params" in inspect.signature(like or function).parameters:
        return function(data, params=dict(params or {}))
    if params:
        raise InvalidInputError(f"The model's predict takes no params, and was given {', '.join(params)}.")
    return function(data)
