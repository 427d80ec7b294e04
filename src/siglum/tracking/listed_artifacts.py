"""The tag in which MLflow lists the tables of a run. Several clients add to it, each by writing all it knows of."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from siglum.core import limits

TAG: Final = "mlflow.loggedArtifacts"


def joined(before: str | None, new: str) -> str:
    """Return a list with what two clients have written: none takes away what another one has added.

    What is no list, or gets longer than a tag may be, is replaced.
    """
    try:
        listed = msgspec.json.decode(before or "[]", type=list[dict[str, Any]])
        added = msgspec.json.decode(new, type=list[dict[str, Any]])
    except msgspec.MsgspecError:
        return new
    missing = [entry for entry in listed if entry not in added]
    text = msgspec.json.encode([*missing, *added]).decode() if missing else new
    return text if len(text) <= limits.RUN_TAG_VALUE else new
