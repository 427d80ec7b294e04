"""Which versions of libraries autologging knows."""

from __future__ import annotations

import logging
from importlib import metadata

LEAST: dict[str, tuple[int, ...]] = {"scikit-learn": (1, 4), "xgboost": (2,), "lightgbm": (4,), "optuna": (4,)}
_DISTRIBUTIONS = {"xgboost": ("xgboost", "xgboost-cpu")}
_log = logging.getLogger("siglum")


def is_known(distribution: str, *, required: bool, silent: bool) -> bool:
    """Whether to log: not for a version that is too old, when `required`; else a warning says that it is."""
    version = _version(distribution)
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    least = LEAST[distribution]
    if parts >= least:
        return True
    if not silent:
        _log.warning(
            "Autologging is made for %s %s and newer; %s is installed%s.",
            distribution, ".".join(map(str, least)), version, ": nothing is logged" if required else "",
        )  # fmt: skip
    return not required


def _version(distribution: str) -> str:
    for name in _DISTRIBUTIONS.get(distribution, (distribution,)):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "0"
