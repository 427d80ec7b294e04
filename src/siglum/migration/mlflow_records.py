"""What MLflow's records have in common in its database and its file store: statuses, stages, values. Pure rules."""

from __future__ import annotations

import math
import re
from typing import Final

from siglum.tracking.entities import LoggedModelStatus, RunStatus

DELETED_VERSION: Final = "Deleted_Internal"
"""The stage in which MLflow leaves a deleted version, so that its number is not used again."""
RUN_NAME_TAG: Final = "mlflow.runName"

_MODEL_STATUSES: Final = (
    LoggedModelStatus.UNSPECIFIED,
    LoggedModelStatus.PENDING,
    LoggedModelStatus.READY,
    LoggedModelStatus.FAILED,
)
_RUN_STATUSES: Final = (
    RunStatus.RUNNING,
    RunStatus.SCHEDULED,
    RunStatus.FINISHED,
    RunStatus.FAILED,
    RunStatus.KILLED,
)
_LOGGED_MODEL: Final = re.compile(r"models:/(m-[0-9a-f]{32})\Z")
_LARGEST: Final = 1.7976931348623157e308


def logged_model_of(source: str) -> str | None:
    """Return the id of the logged model that a version's source names, if it names one."""
    match = _LOGGED_MODEL.match(source)
    return match[1] if match else None


def stored_value(value: float | None, is_nan: object = False) -> float:
    """Return a value as it was logged: MLflow's database holds the largest number there is in place of infinity."""
    if is_nan or value is None:
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= _LARGEST else float(value)


def model_status(number: int) -> LoggedModelStatus:
    """Return the status of a logged model by its number."""
    return _MODEL_STATUSES[number] if 0 <= number < len(_MODEL_STATUSES) else LoggedModelStatus.UNSPECIFIED


def run_status(status: str | int | None) -> RunStatus:
    """Return the status of a run by its name, or by its number, which counts from 1. Raises ValueError."""
    if isinstance(status, int):
        if not 1 <= status <= len(_RUN_STATUSES):
            raise ValueError(f"{status} is no status of a run")
        return _RUN_STATUSES[status - 1]
    return RunStatus(status or "RUNNING")
