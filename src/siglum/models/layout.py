"""Names of the files in a model's folder, and the one way from a path in somebody's file to a path on this disk."""

from __future__ import annotations

import os
import stat

from siglum.core.errors import FileFormatError, IntegrityError, NotFoundError

MLMODEL = "MLmodel"
CONDA_ENV = "conda.yaml"
PYTHON_ENV = "python_env.yaml"
REQUIREMENTS = "requirements.txt"
INPUT_EXAMPLE = "input_example.json"
SERVING_INPUT = "serving_input_example.json"
MODEL_SKOPS = "model.skops"
MODEL_PICKLE = "model.pkl"
PYTHON_MODEL = "python_model.pkl"
CODE = "code"
ARTIFACTS = "artifacts"


def path_inside(folder: str, relative: object, where: str) -> str:
    """Return the path of `relative` below `folder`. It need not exist.

    Whoever wrote the file that names it may be hostile, so anything but plain segments is refused, and so is a
    link on the way. `where` is the file that names it. Raises FileFormatError.
    """
    text = relative if isinstance(relative, str) else ""
    parts = text.split("/")
    if not text or "\\" in text or "\0" in text or ":" in parts[0] or any(part in ("", ".", "..") for part in parts):
        raise FileFormatError(where, f"{relative!r} is not the path of a file inside the model's folder.")
    path = folder
    for part in parts:
        path = os.path.join(path, part)
        if os.path.islink(path):
            raise FileFormatError(where, f"{relative!r} is a link; a model's files must be files.")
    return path


def read_bytes(path: str) -> bytes:
    """Return the bytes of a model's file. NotFoundError: it is not there. IntegrityError: it is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFoundError(
            f"The model lacks its file {path}.", hint="Its folder is incomplete: download or save it again."
        ) from None
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror}.") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise IntegrityError(f"{path} is not a file.")
        return file.read()
