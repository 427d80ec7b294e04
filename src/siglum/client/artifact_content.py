"""The bytes of the files that a run logs from objects in memory: documents, figures, pictures."""

from __future__ import annotations

import io
import json
import posixpath
from collections.abc import Mapping
from typing import Any

from siglum.core.errors import InvalidInputError
from siglum.storage.artifacts.base import ArtifactStore

_WEB_FIGURES = (".html",)


def put(files: ArtifactStore, artifact_file: str, content: bytes) -> None:
    """Store bytes as a file."""
    files.put(file_path(artifact_file), io.BytesIO(content))


def file_path(artifact_file: str) -> str:
    """Return the path of a file. Raises InvalidInputError for a folder's."""
    if not artifact_file or artifact_file.endswith("/"):
        raise InvalidInputError(f"{artifact_file!r} does not name a file.")
    return artifact_file


def document_bytes(document: Mapping[str, Any] | list[Any], artifact_file: str) -> bytes:
    """Return a mapping or list as YAML when the name ends in .yml or .yaml, else as JSON."""
    text = json.dumps(document, indent=2, default=_plain, ensure_ascii=False)
    if artifact_file.endswith((".yml", ".yaml")):
        import yaml  # most documents are JSON

        # By way of JSON: numbers of NumPy and the like have no YAML form.
        text = yaml.safe_dump(json.loads(text), sort_keys=False, allow_unicode=True, default_flow_style=False)
    return text.encode()


def figure_bytes(figure: Any, artifact_file: str, save_kwargs: Mapping[str, Any] | None) -> bytes:
    """Return a Matplotlib figure in the format that the name ends in, or a Plotly figure as HTML or a picture."""
    options, buffer = dict(save_kwargs or {}), io.BytesIO()
    ending = posixpath.splitext(artifact_file)[1].lower()
    if hasattr(figure, "savefig"):
        figure.savefig(buffer, format=options.pop("format", ending.lstrip(".") or "png"), **options)
    elif hasattr(figure, "write_html") and ending in _WEB_FIGURES:
        text = io.StringIO()
        figure.write_html(text, **{"include_plotlyjs": "cdn", **options})
        buffer.write(text.getvalue().encode())
    elif hasattr(figure, "to_image"):
        buffer.write(figure.to_image(format=ending.lstrip("."), **options))
    else:
        raise InvalidInputError(f"{type(figure).__name__} is not a figure of Matplotlib or Plotly.")
    return buffer.getvalue()


def image_bytes(image: Any, artifact_file: str) -> bytes:
    """Return a Pillow image or an array in the format that the name ends in; see `log_image` for the arrays."""
    # Optional: whoever logs pictures has Pillow.
    from PIL import Image as pillow  # noqa: N813

    kind = pillow.registered_extensions().get(posixpath.splitext(artifact_file)[1].lower())
    if kind is None:
        raise InvalidInputError(f"{artifact_file!r} does not end in a picture format.", hint="Use .png or .jpg.")
    picture = image if isinstance(image, pillow.Image) else pillow.fromarray(_pixels(image))
    buffer = io.BytesIO()
    picture.save(buffer, format=kind)
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    for method in ("tolist", "isoformat"):  # NumPy, pandas; dates
        if hasattr(value, method):
            return getattr(value, method)()
    return str(value)


def _pixels(image: Any) -> Any:
    import numpy  # optional: whoever has an array has NumPy

    array = numpy.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InvalidInputError(f"An array of shape {array.shape} is not a picture.")
    if array.dtype.kind == "f":
        if not (numpy.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise InvalidInputError("A picture of floats has values from 0 to 1.")
        return (array * 255).round().astype("uint8")
    if array.dtype.kind == "b":
        return (array * 255).astype("uint8")
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 255:
        raise InvalidInputError("A picture of integers has values from 0 to 255.")
    return array.astype("uint8")
