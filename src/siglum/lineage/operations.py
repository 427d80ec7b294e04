"""What is to be written into a tracking store, as values: one can wait in a queue or on disk until the store takes it.

A run's id is chosen by who asks for it. Carrying out an operation twice does no harm.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from siglum.lineage.inputs import DataInput
from siglum.tracking.entities import Metric, RunStatus


class CreateRun(msgspec.Struct, frozen=True, kw_only=True, tag="create", omit_defaults=True):
    """Make a run. `experiment` is a name, of one that is made when it is not there; with `by_id`, an id."""

    run_id: str
    experiment: str
    name: str
    user: str
    start_time: int
    tags: dict[str, str]
    by_id: bool = False
    parent: str | None = None
    """The run that it is nested in."""


class LogToRun(msgspec.Struct, frozen=True, tag="log", omit_defaults=True):
    """Add to a run. Parameters and metrics whose keys it has already, from a script, stay as they are."""

    run_id: str
    metrics: tuple[Metric, ...] = ()
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


class LogInputs(msgspec.Struct, frozen=True, tag="inputs"):
    """Say what a run read."""

    run_id: str
    data: tuple[DataInput, ...]


class PutFile(msgspec.Struct, frozen=True, tag="file", omit_defaults=True):
    """Keep a file with a run: the one at `local_path`, else `content`."""

    run_id: str
    path: str
    local_path: str | None = None
    content: bytes = b""


class EndRun(msgspec.Struct, frozen=True, tag="end"):
    """End a run."""

    run_id: str
    status: RunStatus
    end_time: int


Operation: TypeAlias = CreateRun | LogToRun | LogInputs | PutFile | EndRun
