"""The logged model that is being measured: metrics that name none belong to it. Each thread and task has its own."""

from __future__ import annotations

import os
from contextvars import ContextVar

from siglum.client.tracking_uri import environment_value

_active: ContextVar[str | None] = ContextVar("siglum_active_model", default=None)
_from_environment = environment_value(os.environ, "ACTIVE_MODEL_ID")


def get_id() -> str | None:
    """Return the active model: what was set here, else what SIGLUM_ACTIVE_MODEL_ID said when the process started."""
    return _active.get() or _from_environment


def set_id(model_id: str | None) -> None:
    """Make a logged model the active one; None: none is."""
    _active.set(model_id)
