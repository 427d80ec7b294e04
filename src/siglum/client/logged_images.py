"""Pictures of runs: one under a name of its own, or a series of them by key and step, in MLflow's layout."""

from __future__ import annotations

import io
import re
import uuid
from typing import Any

from siglum.client import artifact_content
from siglum.core.clock import now_ms
from siglum.core.errors import InvalidInputError
from siglum.core.names import check_int64
from siglum.storage.artifacts.base import ArtifactStore
from siglum.tracking.entities import Tag
from siglum.tracking.store import TrackingStore

IMAGES_TAG = "mlflow.loggedImages"
_FOLDER = "images"
_PREVIEW_PIXELS = 256
_KEY = re.compile(r"[A-Za-z0-9_\-./ ]+\Z")


def log(
    store: TrackingStore,
    files: ArtifactStore,
    run_id: str,
    image: Any,
    artifact_file: str | None,
    *,
    key: str | None,
    step: int | None,
    timestamp: int | None,
) -> None:
    """Store a picture; see `fluent.log_image`. A series is found by UIs through its file names and a tag of the run."""
    if artifact_file is not None:
        if (key, step, timestamp) != (None, None, None):
            raise InvalidInputError("A picture has either artifact_file, or key with step and timestamp.")
        artifact_content.put(files, artifact_file, artifact_content.image_bytes(image, artifact_file))
        return
    if key is None:
        raise InvalidInputError("A picture needs a name.", hint="Give artifact_file, or key for a series by step.")
    whole, preview = _paths(key, step or 0, now_ms() if timestamp is None else timestamp)
    artifact_content.put(files, whole, artifact_content.image_bytes(image, whole))
    artifact_content.put(files, preview, _preview(image))
    store.log_batch(run_id, tags=[Tag(IMAGES_TAG, "True")])


def put_unnamed(files: ArtifactStore, image: Any, folder: str) -> tuple[str, str]:
    """Store a picture and its preview in a folder under names of their own, and return their paths."""
    name = f"{folder}/{uuid.uuid4()}"
    artifact_content.put(files, f"{name}.png", artifact_content.image_bytes(image, "x.png"))
    artifact_content.put(files, f"{name}.webp", _preview(image))
    return f"{name}.png", f"{name}.webp"


def _paths(key: str, step: int, timestamp: int) -> tuple[str, str]:
    """Return the paths of a picture and its preview. A slash in the key is written `~`, as MLflow's UI reads it."""
    if not _KEY.match(key):
        raise InvalidInputError(
            f"{key!r} is not the key of a picture.",
            hint="It may have letters, digits, blanks, underscores, dashes, dots and slashes.",
        )
    check_int64(step, "step")
    check_int64(timestamp, "timestamp")
    name = f"{key.replace('/', '~')}+step+{step}+timestamp+{timestamp}+{uuid.uuid4()}"
    return f"{_FOLDER}/{name}.png", f"{_FOLDER}/{name}+compressed.webp"


def _preview(image: Any) -> bytes:
    """Return a picture as WebP, at most 256 pixels wide and high."""
    # Optional: whoever logs pictures has Pillow.
    from PIL import Image as pillow  # noqa: N813

    picture = pillow.open(io.BytesIO(artifact_content.image_bytes(image, "x.png")))
    picture.thumbnail((_PREVIEW_PIXELS, _PREVIEW_PIXELS))
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=80)
    return buffer.getvalue()
