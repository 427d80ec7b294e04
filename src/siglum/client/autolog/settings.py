"""What autologging is told to do, for each library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged of a training.

    `exclusive` leaves runs alone that the user started. `max_tuning_runs` limits the child runs of a search (None: one
    for each candidate). `silent` drops warnings.
    """

    log_input_examples: bool = False
    log_model_signatures: bool = True
    log_models: bool = True
    log_datasets: bool = True
    exclusive: bool = False
    silent: bool = False
    max_tuning_runs: int | None = 5
    registered_model_name: str | None = None
    serialization_format: str | None = None
    pos_label: Any = None
    extra_tags: Mapping[str, str] = {}
