"""What a script can write to a run, as values that are packed into a spool. Times are milliseconds since the epoch.

The numbers of the kinds and the order of the fields are on disk: new ones go behind the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from siglum.client.parameters import OnConflict
from siglum.core import limits
from siglum.tracking.entities import DatasetInput, LoggedModelInput, LoggedModelOutput, Metric, Param, RunStatus, Tag

NAMED: Final = "@"
"""Begins what stands for the id of an experiment of which only the name is known: it is looked up, or made, later."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Whose records a spool holds: the store (an empty `uri`: to be said later), the run, and the process.

    `owner` says whether the process started or resumed the run, so that its death is the run's.
    """

    spool_id: str
    uri: str
    run_id: str
    owner: bool
    pid: int
    host: str
    program: str
    started: int
    version: int = 1


class Point(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """One point of a metric."""

    key: str
    value: float
    timestamp: int
    step: int
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None

    def metric(self) -> Metric:
        """Return it as the store takes it."""
        return Metric(
            self.key,
            self.value,
            self.timestamp,
            self.step,
            self.model_id,
            self.dataset_name,
            self.dataset_digest,
        )


class Create(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The run is to be made."""

    experiment: str
    user: str
    name: str
    start_time: int
    tags: dict[str, str]


class Params(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Parameters, and what to do about those that are there with another value."""

    values: dict[str, str]
    on_conflict: OnConflict = "error"


class Tags(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Tags to set."""

    values: dict[str, str]


class DropTag(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """A tag to remove."""

    key: str


class Inputs(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """What the run read."""

    datasets: tuple[DatasetInput, ...] = ()
    models: tuple[LoggedModelInput, ...] = ()


class Outputs(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Logged models that the run made."""

    models: tuple[LoggedModelOutput, ...]


class File(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """A file of the run: its content, or the name of the copy beside the spool."""

    path: str
    content: bytes = b""
    copy: str | None = None


class Update(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """A change of status, end or name; what is None stays."""

    status: RunStatus | None = None
    end_time: int | None = None
    name: str | None = None


class Batch(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """Points, parameters and tags that are stored all or not at all."""

    metrics: tuple[Metric, ...]
    params: tuple[Param, ...]
    tags: tuple[Tag, ...]


class Append(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """Rows to add to a table of the run: a table themselves, or the name of its copy beside the spool."""

    path: str
    content: bytes = b""
    copy: str | None = None


Record: TypeAlias = Point | Create | Params | Tags | DropTag | Inputs | Outputs | File | Update | Batch | Append

KINDS: Final = {
    0: "a metric point", 1: "the run itself", 2: "parameters", 3: "tags", 4: "the removal of a tag", 5: "inputs",
    6: "outputs", 7: "a file", 8: "a change of status or name", 9: "a batch of values", 10: "rows of a table",
}  # fmt: skip
"""What the numbers of records stand for."""

encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def decode(content: bytes) -> Record:
    """Return a record. Raises ValueError for what is none."""
    record: Record = _decoder.decode(content)
    return record


def encode_point(point: Metric) -> bytes:
    """Return a point as a packed `Point`, faster than by making one."""
    if point.model_id is None and point.dataset_name is None:
        return encode((0, point.key, point.value, point.timestamp, point.step))
    return encode((0, *msgspec.structs.astuple(point)[:7]))


def batch_length(records: Sequence[Record]) -> int:
    """Return how many of the first records go to the store in one call: at least one."""
    points = params = tags = 0
    for number, record in enumerate(records):
        match record:
            case Point():
                points += 1
            case Params(values, "error"):
                params += len(values)
            case Tags(values):
                tags += len(values)
            case _:
                return max(number, 1)
        full = params > limits.BATCH_PARAMS or tags > limits.BATCH_TAGS
        if full or points > limits.BATCH_METRICS or points + params + tags > limits.BATCH_TOTAL:
            return max(number, 1)
    return len(records)
