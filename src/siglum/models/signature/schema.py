"""Schemas and signatures as values, and the JSON strings in which an `MLmodel` file carries them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.models.signature.types import ColumnType, DataType, describe, scalar_type, type_from_json, type_to_json


class ColSpec(msgspec.Struct, frozen=True):
    """One column. pandas allows integers as names; None stands for a single column without a name."""

    type: ColumnType
    name: str | int | None = None
    required: bool = True


class TensorSpec(msgspec.Struct, frozen=True):
    """One tensor: numpy's name of its dtype, and its shape, where -1 is any length."""

    dtype: str
    shape: tuple[int, ...]
    name: str | None = None


class ParamSpec(msgspec.Struct, frozen=True):
    """One parameter of inference. `shape` None is a scalar, (-1,) a list of `dtype`."""

    name: str
    dtype: DataType
    default: Any = None
    shape: tuple[int, ...] | None = None


class Schema(msgspec.Struct, frozen=True):
    """All columns, or all tensors, of an input or output, in order."""

    inputs: tuple[ColSpec | TensorSpec, ...]

    def is_tensor_spec(self) -> bool:
        """Whether this is a schema of tensors."""
        return bool(self.inputs) and isinstance(self.inputs[0], TensorSpec)

    def has_input_names(self) -> bool:
        """Whether the columns or tensors have names."""
        return bool(self.inputs) and self.inputs[0].name is not None

    def input_names(self) -> list[str | int]:
        """Return the names, or the positions of what has none."""
        return [position if spec.name is None else spec.name for position, spec in enumerate(self.inputs)]

    def required_input_names(self) -> list[str | int]:
        """Return the names of what must be there."""
        return [spec.name for spec in self.inputs if spec.name is not None and getattr(spec, "required", True)]

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the schema as MLflow's JSON has it."""
        return [_column_to_json(s) if isinstance(s, ColSpec) else _tensor_to_json(s) for s in self.inputs]

    def to_json(self) -> str:
        """Return the JSON text that stands in an `MLmodel` file."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Read what `to_json` writes. Raises InvalidInputError for anything else."""
        specs = _decode_list(text)
        tensors = [isinstance(s, dict) and s.get("type") == "tensor" for s in specs]
        if any(tensors) and not all(tensors):
            raise InvalidInputError("A schema holds either columns or tensors, not both.")
        if all(tensors) and specs:
            return cls(tuple(_tensor_from_json(s) for s in specs))
        return cls(tuple(_column_from_json(s) for s in specs))

    def __str__(self) -> str:
        return "[" + ", ".join(_describe(spec) for spec in self.inputs) + "]"


class ParamSchema(msgspec.Struct, frozen=True):
    """The parameters that a model takes beside its input."""

    params: tuple[ParamSpec, ...]

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the schema as MLflow's JSON has it."""
        return [
            {
                "name": p.name,
                "default": p.default,
                "shape": None if p.shape is None else list(p.shape),
                "type": str(p.dtype),
            }
            for p in self.params
        ]

    def to_json(self) -> str:
        """Return the JSON text that stands in an `MLmodel` file."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> ParamSchema:
        """Read what `to_json` writes. Raises InvalidInputError for anything else."""
        return cls(tuple(_param_from_json(s) for s in _decode_list(text)))


class ModelSignature(msgspec.Struct, frozen=True):
    """What a model takes and gives. None: not known, so nothing is checked."""

    inputs: Schema | None = None
    outputs: Schema | None = None
    params: ParamSchema | None = None

    def to_dict(self) -> dict[str, str | None]:
        """Return the three JSON strings of an `MLmodel` file."""
        return {
            "inputs": self.inputs.to_json() if self.inputs else None,
            "outputs": self.outputs.to_json() if self.outputs else None,
            "params": self.params.to_json() if self.params else None,
        }

    @classmethod
    def from_dict(cls, value: Any) -> ModelSignature:
        """Read what `to_dict` gives. Raises InvalidInputError for anything else."""
        if not isinstance(value, dict):
            raise InvalidInputError("A signature must be a mapping of inputs, outputs and params.")
        texts = {key: value.get(key) for key in ("inputs", "outputs", "params")}
        for key, text in texts.items():
            if text is not None and not isinstance(text, str):
                raise InvalidInputError(f"The {key} of a signature must be a JSON string.")
        inputs, outputs, params = texts.values()
        return cls(
            Schema.from_json(inputs) if inputs else None,
            Schema.from_json(outputs) if outputs else None,
            ParamSchema.from_json(params) if params else None,
        )


def _column_to_json(spec: ColSpec) -> dict[str, Any]:
    named = {} if spec.name is None else {"name": spec.name}
    return type_to_json(spec.type) | named | {"required": spec.required}


def _tensor_to_json(spec: TensorSpec) -> dict[str, Any]:
    named = {} if spec.name is None else {"name": spec.name}
    return named | {"type": "tensor", "tensor-spec": {"dtype": spec.dtype, "shape": list(spec.shape)}}


def _column_from_json(value: Any) -> ColSpec:
    kind = type_from_json(value)
    name = value.get("name")
    if name is not None and not isinstance(name, str | int):
        raise InvalidInputError(f"{name!r} is not the name of a column.")
    required = not value["optional"] if "optional" in value else value.get("required", True)
    return ColSpec(kind, name, bool(required))


def _tensor_from_json(value: Any) -> TensorSpec:
    spec = value.get("tensor-spec")
    shape = spec.get("shape") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(spec.get("dtype"), str) or not isinstance(shape, list):
        raise InvalidInputError("A tensor needs a tensor-spec with dtype and shape.")
    if not all(isinstance(n, int) for n in shape):
        raise InvalidInputError(f"{shape!r} is not the shape of a tensor.")
    name = value.get("name")
    return TensorSpec(spec["dtype"], tuple(shape), None if name is None else str(name))


def _param_from_json(value: Any) -> ParamSpec:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise InvalidInputError("A parameter of a signature needs a name.")
    shape = value.get("shape")
    kind = scalar_type(str(value.get("type", value.get("dtype"))))
    return ParamSpec(value["name"], kind, value.get("default"), None if shape is None else tuple(shape))


def _decode_list(text: str) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"A schema is not valid JSON: {error}.") from error
    if not isinstance(value, list):
        raise InvalidInputError("A schema must be a JSON list.")
    return value


def _describe(spec: ColSpec | TensorSpec) -> str:
    name = "" if spec.name is None else f"{spec.name!r}: "
    if isinstance(spec, TensorSpec):
        return f"{name}tensor of {spec.dtype} with shape {spec.shape}"
    return f"{name}{describe(spec.type)} ({'required' if spec.required else 'optional'})"
