"""What saving a model is in every flavor: a new folder, whole or not at all, and the files beside the model itself."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from siglum.core.clock import Clock
from siglum.core.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from siglum.models.content import file_digests
from siglum.models.input_example import save_example, split_params
from siglum.models.layout import CODE
from siglum.models.mlmodel import Model, write_model
from siglum.models.signature.infer import infer_schema, infer_signature
from siglum.models.signature.schema import ModelSignature
from siglum.models.trust import remember

SignatureArgument = ModelSignature | Literal[False] | None
"""A signature; None: inferred from the input example when there is one; False: none."""


@contextmanager
def new_folder(path: str) -> Iterator[str]:
    """Give a folder to fill that becomes `path` when the block ends well, and vanishes otherwise.

    Raises AlreadyExistsError when `path` exists and is not an empty folder.
    """
    path = os.path.abspath(path)
    if os.path.lexists(path) and (not os.path.isdir(path) or os.path.islink(path) or os.listdir(path)):
        raise AlreadyExistsError(f"{path} exists and is not empty.", hint="Save the model to another folder.")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = tempfile.mkdtemp(dir=os.path.dirname(path), prefix=".siglum-model-")
    try:
        yield temporary
        os.chmod(temporary, 0o755)  # noqa: S103 -- as any folder; mkdtemp makes it private
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def copy_code(folder: str, code_paths: Sequence[str] | None) -> str | None:
    """Copy the user's modules and packages into `code/`; return its name, or None when there is nothing to copy."""
    if not code_paths:
        return None
    target = os.path.join(folder, CODE)
    os.mkdir(target)
    for path in code_paths:
        name = os.path.basename(os.path.normpath(path))
        if os.path.isdir(path):
            ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(path, os.path.join(target, name), ignore=ignore, symlinks=False)
        elif os.path.isfile(path):
            shutil.copyfile(path, os.path.join(target, name))
        else:
            raise NotFoundError(f"There is no {path!r} to ship with the model.", hint="Check code_paths.")
    return CODE


def add_code_to_path(folder: str) -> None:
    """Make the modules of a trusted model importable, before all others of the same name that are not yet imported."""
    code = os.path.join(os.path.abspath(folder), CODE)
    if os.path.isdir(code) and code not in sys.path:
        sys.path.insert(0, code)


def describe(
    folder: str,
    *,
    flavors: dict[str, dict[str, Any]],
    signature: SignatureArgument,
    input_example: Any,
    predict: Callable[[Any], Any],
    metadata: Mapping[str, Any] | None,
    clock: Clock,
) -> Model:
    """Write the input example and `MLmodel`, the last of a model's files, and return it.

    `predict` answers the input example where the outputs of the signature are to be inferred.
    """
    info = None if input_example is None else save_example(folder, input_example)
    if signature is None and input_example is not None:
        data, params = split_params(input_example)
        signature = infer_signature(data, None, params)
        signature = msgspec.structs.replace(signature, outputs=infer_schema(predict(data)))
    if signature is not None and signature is not False and not isinstance(signature, ModelSignature):
        raise InvalidInputError(f"signature must be a ModelSignature, not a {type(signature).__qualname__}.")
    size = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)
    moment = datetime.fromtimestamp(clock() / 1000, UTC).replace(tzinfo=None)
    model = Model(
        flavors=flavors,
        signature=signature or None,
        saved_input_example_info=info,
        metadata=None if metadata is None else dict(metadata),
        model_size_bytes=size,
        model_uuid=uuid.uuid4().hex,
        utc_time_created=moment.isoformat(sep=" ", timespec="microseconds"),
    )
    write_model(folder, model)
    file_digests(folder)  # refuses links and devices that came in with code_paths or artifacts
    return model


def finish(folder: str) -> None:
    """Note that this user made the model, so that it loads on this machine without being asked for."""
    remember(folder)
