"""How a logged model names the versions it was registered as: MLflow's tag, a list of names and versions as JSON."""

from __future__ import annotations

from typing import Any, Final

import msgspec

VERSIONS_TAG: Final = "mlflow.modelVersions"


def with_version(value: str | None, name: str, version: str) -> str | None:
    """Return the tag's value with one version more; None when it names it already. A broken one begins anew."""
    try:
        versions = msgspec.json.decode(value or "[]", type=list[dict[str, Any]])
    except msgspec.MsgspecError:
        versions = []
    if any((each.get("name"), str(each.get("version"))) == (name, version) for each in versions):
        return None
    return msgspec.json.encode([*versions, {"name": name, "version": version}]).decode()
