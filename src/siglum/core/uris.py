"""The URIs and short names by which runs, models and artifacts are referred to, parsed once into values."""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec

from siglum.core.errors import InvalidInputError

_VERSION_REF = re.compile(r"(?P<name>[^/:@]+)@(?P<selector>[\w\-]+)\Z")
_LOGGED_MODEL_ID = re.compile(r"m-[0-9a-f]{32}\Z")


class ModelByVersion(msgspec.Struct, frozen=True):
    """`models:/<name>/<version>`."""

    name: str
    version: int


class ModelByAlias(msgspec.Struct, frozen=True):
    """`models:/<name>@<alias>`."""

    name: str
    alias: str


class ModelByStage(msgspec.Struct, frozen=True):
    """`models:/<name>/<stage>`; the stage `latest` (any case) means the highest version."""

    name: str
    stage: str

    @property
    def is_latest(self) -> bool:
        """Whether the highest version is meant, whatever its stage."""
        return self.stage.lower() == "latest"


class LoggedModelById(msgspec.Struct, frozen=True):
    """`models:/m-<32 hex digits>`: a logged model, registered or not."""

    model_id: str


class RunArtifact(msgspec.Struct, frozen=True):
    """`runs:/<run id>/<path>`."""

    run_id: str
    path: str


ModelUri: TypeAlias = ModelByVersion | ModelByAlias | ModelByStage | LoggedModelById | RunArtifact


def parse_model_uri(uri: str) -> ModelUri:
    """Parse a `models:/` or `runs:/` URI. Raises InvalidInputError that shows the accepted forms."""
    scheme, colon, rest = uri.partition(":/")
    parts = rest.lstrip("/").split("/")
    if colon and scheme == "runs" and len(parts) >= 2 and all(parts):
        return RunArtifact(parts[0], "/".join(parts[1:]))
    if colon and scheme == "models" and all(parts):
        if len(parts) == 1:
            name, at, alias = parts[0].rpartition("@")
            if at and name and alias:
                return ModelByAlias(name, alias)
            if not at and _LOGGED_MODEL_ID.match(parts[0]):
                return LoggedModelById(parts[0])
        elif len(parts) == 2 and "@" not in rest:
            name, selector = parts
            return ModelByVersion(name, int(selector)) if selector.isdecimal() else ModelByStage(name, selector)
    raise InvalidInputError(
        f"{uri!r} is not a model URI.",
        hint="Use models:/<name>/<version>, models:/<name>@<alias>, models:/<name>/<stage>, "
        "models:/<model id> or runs:/<run id>/<path>.",
    )


def parse_version_reference(text: str) -> ModelByVersion | ModelByAlias | None:
    """Parse `<model>@<version>` or `<model>@<alias>`; None when `text` has another form."""
    match = _VERSION_REF.match(text)
    if match is None:
        return None
    name, selector = match["name"], match["selector"]
    return ModelByVersion(name, int(selector)) if selector.isdecimal() else ModelByAlias(name, selector)
