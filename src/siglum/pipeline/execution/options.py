"""How a pipeline is to be brought up to date, as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

import msgspec

from siglum.pipeline.definition.stages import Stage


class OnError(StrEnum):
    """What a failed stage means for the others."""

    STOP = "stop"
    """Nothing more starts; what runs is let end."""
    KEEP_GOING = "keep going"
    """What needs it is left out."""
    IGNORE = "ignore"
    """Nothing: what needs it is tried, too."""


class Options(msgspec.Struct, frozen=True):
    """How stages are brought up to date.

    `confirm` is asked before a stage is run or brought back; a no ends everything. `variables` gives variables to add
    to the environment of a stage's commands, and is asked right after its StageStarted was reported.
    `before_change` is called once, when something is about to be run or brought back and all is still as it was found.
    """

    force: bool = False
    force_downstream: bool = False
    dry: bool = False
    run_cache: bool = True
    commit: bool = True
    allow_missing: bool = False
    pull: bool = False
    on_error: OnError = OnError.STOP
    confirm: Callable[[Stage], bool] | None = None
    variables: Callable[[Stage], Mapping[str, str]] | None = None
    before_change: Callable[[], None] | None = None
