"""Whether a rebuilt version is the one on record, and how far the equality reaches. Values in, a value out."""

from __future__ import annotations

import enum

import msgspec

from siglum.lineage.compare import FieldChange, VersionDiff, compare
from siglum.lineage.record import VersionRecord


class Level(enum.IntEnum):
    """How far a reproduction reached; each level includes those before it.

    L4 (equal predictions) and L5 (equal tensors) need a frozen test set and knowledge of the format: they are not
    claimed here.
    """

    INPUTS = 0
    ENVIRONMENT = 1
    COMPLETED = 2
    METRICS = 3
    BIT_IDENTICAL = 6

    @property
    def meaning(self) -> str:
        """The level in words."""
        return {
            Level.INPUTS: "inputs intact",
            Level.ENVIRONMENT: "environment rebuilt",
            Level.COMPLETED: "run completed",
            Level.METRICS: "metrics equal",
            Level.BIT_IDENTICAL: "bit-identical model",
        }[self]


class FileComparison(msgspec.Struct, frozen=True):
    """An output of the pipeline, as recorded in Git and as rebuilt. None: not there."""

    path: str
    recorded: str | None
    rebuilt: str | None

    @property
    def equal(self) -> bool:
        """Whether both are the same bytes."""
        return self.recorded == self.rebuilt


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a reproduction. `diff` goes from the version on record to the rebuilt one; `metrics` counts them."""

    version: str
    level: Level
    equal: bool
    model_equal: bool
    metrics_equal: bool
    environment_equal: bool
    recorded_content: str | None
    rebuilt_content: str | None
    recipe: FieldChange | None
    diff: VersionDiff
    metrics: int = 0
    outputs: tuple[FileComparison, ...] = ()
    seconds: float = 0.0


def judge(
    recorded: VersionRecord,
    rebuilt: VersionRecord,
    outputs: tuple[FileComparison, ...] = (),
    seconds: float = 0.0,
) -> Verdict:
    """Compare a version on record with one that was rebuilt from it.

    They are equal when the model's content hash, every metric and every output of the pipeline that is on record are.
    """
    # What lies behind a pipeline was looked up in Git for the record; the rebuilt run names only what it read itself.
    own, new = (msgspec.structs.replace(v, data=v.data and v.inputs) for v in (recorded, rebuilt))
    diff = compare(own, new)
    model_equal = recorded.model.content_hash is not None and diff.model is None
    metrics_equal = not diff.metrics
    same_outputs = all(output.equal for output in outputs)
    level = Level.COMPLETED
    if metrics_equal:
        level = Level.METRICS
    if model_equal:
        level = Level.BIT_IDENTICAL
    return Verdict(
        version=recorded.siglum,
        level=level,
        equal=model_equal and metrics_equal and same_outputs,
        model_equal=model_equal,
        metrics_equal=metrics_equal,
        environment_equal="environment" not in diff.unknown and not (diff.environment or diff.packages),
        recorded_content=recorded.model.content_hash,
        rebuilt_content=rebuilt.model.content_hash,
        recipe=diff.recipe,
        diff=diff,
        metrics=len(recorded.metrics),
        outputs=outputs,
        seconds=seconds,
    )
