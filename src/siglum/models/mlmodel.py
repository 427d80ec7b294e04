"""The `MLmodel` file: what a model's folder holds, in MLflow's YAML. Reading keeps the keys that nobody here knows.

An `MLmodel` comes from anywhere, so it is only ever data: no module that it names is imported unless it is a loader
that Siglum knows, no path leaves the folder, no list of trusted types in it is obeyed.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import msgspec
import yaml

from siglum.core.errors import FileFormatError, InvalidInputError, NotFoundError
from siglum.core.hashes import canonical_json
from siglum.models.layout import MLMODEL, read_bytes
from siglum.models.signature.schema import ModelSignature, ParamSchema, Schema

MAX_BYTES = 16 * 2**20
MAX_NODES = 2_000_000
MAX_DEPTH = 100

BOUND_TO_A_RUN = ("artifact_path", "model_id", "model_size_bytes", "model_uuid", "run_id", "utc_time_created")
"""Keys that say where and when a model was logged, not what it is: they are no part of its content hash."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _PlainKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that msgspec checks as they stand; the signature is JSON inside YAML and is read by itself."""

    flavors: dict[str, dict[str, Any]] = {}
    is_signature_from_type_hint: bool = False
    type_hint_from_example: bool = False
    saved_input_example_info: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    artifact_path: str | None = None
    run_id: str | None = None
    model_id: str | None = None
    model_uuid: str | None = None
    model_size_bytes: int | None = None
    utc_time_created: str | None = None
    mlflow_version: str | None = None
    prompts: list[str] | None = None
    resources: Any = None
    auth_policy: Any = None
    env_vars: list[str] | None = None


class Model(_PlainKeys, frozen=True, kw_only=True):
    """One `MLmodel` file. `flavors` maps a flavor's name to its configuration, `other` holds unknown keys.

    `utc_time_created` is MLflow's text (`2026-11-24 00:45:28.310500`); `model_size_bytes` counts the other files.
    """

    signature: ModelSignature | None = None
    other: dict[str, Any] = {}

    def flavor(self, name: str) -> dict[str, Any] | None:
        """Return the configuration of a flavor, or None when the model does not have it."""
        return self.flavors.get(name)

    def get_input_schema(self) -> Schema | None:
        """Return what the model takes, as far as it is known."""
        return self.signature.inputs if self.signature else None

    def get_output_schema(self) -> Schema | None:
        """Return what the model gives, as far as it is known."""
        return self.signature.outputs if self.signature else None

    def get_params_schema(self) -> ParamSchema | None:
        """Return the parameters that the model takes, as far as they are known."""
        return self.signature.params if self.signature else None

    def to_dict(self) -> dict[str, Any]:
        """Return the keys and values of the file; what is None is left out, except `model_id` and `prompts`."""
        known = {name: getattr(self, name) for name in _KNOWN_KEYS}
        result = self.other | {key: value for key, value in known.items() if value is not None}
        result |= {"model_id": self.model_id, "prompts": self.prompts}  # MLflow writes these as null
        if self.signature is not None:
            result["signature"] = self.signature.to_dict()
        else:
            result.pop("is_signature_from_type_hint")
            result.pop("type_hint_from_example")
        return result

    def to_yaml(self) -> str:
        """Return the text of the file, keys sorted, as MLflow writes it."""
        text: str = yaml.dump(self.to_dict(), Dumper=_Dumper, default_flow_style=False)
        return text

    @classmethod
    def load(cls, folder: str) -> Model:
        """Read the `MLmodel` in a folder; see `read_model`."""
        return read_model(folder)


_KNOWN_KEYS = tuple(name for name in Model.__struct_fields__ if name != "other")


def read_model(folder: str) -> Model:
    """Read a folder's `MLmodel`. Raises NotFoundError when there is none and FileFormatError when it is damaged."""
    path = os.path.join(folder, MLMODEL)
    if not os.path.lexists(path):
        raise NotFoundError(f"{folder} is not a model: it has no file {MLMODEL}.")
    return parse_model(read_bytes(path), path)


def parse_model(data: bytes, where: str) -> Model:
    """Parse the bytes of an `MLmodel`; `where` names the file in errors."""
    document = _load_yaml(data, where)
    fields: dict[str, Any] = {key: value for key, value in document.items() if key in _KNOWN_KEYS}
    other = {key: value for key, value in document.items() if key not in _KNOWN_KEYS}
    signature = fields.pop("signature", None)
    for flag in ("is_signature_from_type_hint", "type_hint_from_example"):
        if fields.get(flag, False) is None:
            del fields[flag]
    if fields.get("utc_time_created") is not None:
        fields["utc_time_created"] = str(fields["utc_time_created"])  # unquoted, YAML makes a timestamp of it
    try:
        parsed = None if signature is None else ModelSignature.from_dict(signature)
        checked = msgspec.convert(fields, _PlainKeys)
    except (InvalidInputError, msgspec.ValidationError) as error:
        raise FileFormatError(where, f"{error}") from error
    return Model(**msgspec.structs.asdict(checked), signature=parsed, other=other)


def write_model(folder: str, model: Model) -> None:
    """Write a folder's `MLmodel`, whole or not at all; an existing one is replaced."""
    write_text(os.path.join(folder, MLMODEL), model.to_yaml())


def bind_to_run(
    folder: str,
    *,
    run_id: str | None = None,
    model_id: str | None = None,
    artifact_path: str | None = None,
) -> Model:
    """Write into a folder's `MLmodel` where the model was logged, and return it. Its content hash stays the same."""
    model = read_model(folder)
    bound = msgspec.structs.replace(
        model,
        run_id=run_id,
        model_id=model_id,
        model_uuid=model_id or model.model_uuid,  # MLflow writes the id of the logged model as both
        artifact_path=artifact_path,
    )
    write_model(folder, bound)
    return bound


def write_text(path: str, text: str) -> None:
    """Write a small UTF-8 file, whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".siglum-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def canonical_model(data: bytes, where: str) -> bytes:
    """Return what of an `MLmodel` says what the model is, as canonical JSON: the file's part of the content hash."""
    document = _load_yaml(data, where)
    kept = {key: _plain(value) for key, value in document.items() if key not in BOUND_TO_A_RUN and value is not None}
    return canonical_json(kept)


def _load_yaml(data: bytes, where: str) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise FileFormatError(where, f"it has {len(data):,} bytes; an MLmodel has at most {MAX_BYTES:,}.")
    try:
        document = yaml.load(data.decode("utf-8"), Loader=_Loader)  # noqa: S506 -- a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise FileFormatError(where, f"{error.problem or error}", line=line, column=column) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise FileFormatError(where, f"it is not valid YAML: {error}") from error
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise FileFormatError(where, "it must be a mapping of names to values.")
    if _count_nodes(document, 0, 0) > MAX_NODES:
        raise FileFormatError(where, "its aliases unfold to more than two million values, or nest too deep.")
    return document


def _count_nodes(value: Any, seen: int, depth: int) -> int:
    """Count what a document unfolds to, since aliases make much of little; stops once it is too much."""
    seen += 1
    if depth > MAX_DEPTH:
        return MAX_NODES + 1
    if isinstance(value, dict):
        children: Any = value.values()
    elif isinstance(value, list):
        children = value
    else:
        return seen
    for child in children:
        seen = _count_nodes(child, seen, depth + 1)
        if seen > MAX_NODES:
            return seen
    return seen


def _plain(value: Any) -> Any:
    """Return a YAML value as JSON can hold it: keys and dates become text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
