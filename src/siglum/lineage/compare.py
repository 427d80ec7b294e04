"""What differs between two model versions: values in, a value out. No store, no Git, no disk."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from siglum.lineage.record import CodeRecord, DataRecord, EnvironmentRecord, VersionRecord


class FieldChange(msgspec.Struct, frozen=True):
    """A named text that differs; None means that it is only on the other side."""

    name: str
    old: str | None
    new: str | None


class MetricChange(msgspec.Struct, frozen=True):
    """A metric that differs; None means that it is only on the other side."""

    name: str
    old: float | None
    new: float | None

    @property
    def difference(self) -> float | None:
        """New minus old, or None when one of them is missing."""
        return None if self.old is None or self.new is None else self.new - self.old


class FileChange(msgspec.Struct, frozen=True):
    """A file that differs between two commits; line counts are None for binary files."""

    path: str
    added: int | None = None
    deleted: int | None = None


class DataChange(msgspec.Struct, frozen=True):
    """Data that differs; None means that it is only on the other side."""

    path: str
    old: DataRecord | None
    new: DataRecord | None


class CodeChange(msgspec.Struct, frozen=True, kw_only=True):
    """Two states of the code that differ.

    `files` is None when Git could not compare the commits; `uncommitted` names the files whose uncommitted change
    differs.
    """

    old: CodeRecord | None
    new: CodeRecord | None
    files: tuple[FileChange, ...] | None = None
    uncommitted: tuple[str, ...] = ()


class VersionDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions and what differs. An empty section is equal unless `unknown` names it."""

    old: str
    new: str
    recipe: FieldChange | None = None
    code: CodeChange | None = None
    data: tuple[DataChange, ...] = ()
    parameters: tuple[FieldChange, ...] = ()
    metrics: tuple[MetricChange, ...] = ()
    environment: tuple[FieldChange, ...] = ()
    packages: tuple[FieldChange, ...] = ()
    seeds: tuple[FieldChange, ...] = ()
    command: FieldChange | None = None
    model: FieldChange | None = None
    unknown: tuple[str, ...] = ()


class PatchComparison(msgspec.Struct, frozen=True):
    """What Git and the artifacts say of the code of two versions, for `compare`."""

    files: tuple[FileChange, ...] | None = None
    uncommitted: tuple[str, ...] = ()


def compare(old: VersionRecord, new: VersionRecord, code: PatchComparison | None = None) -> VersionDiff:
    """Return what differs between two versions; `code` comes from `lineage.diff`, which asks Git."""
    unknown = [
        section for section in ("code", "data") if getattr(old, section) is None or getattr(new, section) is None
    ]
    if _no_detail(old.environment) or _no_detail(new.environment):
        unknown.append("environment")
    if old.model.content_hash is None or new.model.content_hash is None:
        unknown.append("model")
    environment = compare_environments(old.environment, new.environment)
    return VersionDiff(
        old=old.siglum,
        new=new.siglum,
        recipe=_field("recipe", old.recipe_digest, new.recipe_digest),
        code=_compare_code(old.code, new.code, code or PatchComparison()),
        data=compare_data(old.data or (), new.data or ()),
        parameters=compare_fields(old.parameters, new.parameters),
        metrics=compare_metrics(old.metrics, new.metrics),
        environment=environment[0],
        packages=environment[1],
        seeds=compare_fields(old.seeds, new.seeds),
        command=_field("command", _command(old), _command(new)),
        model=_field("content", old.model.content_hash, new.model.content_hash),
        unknown=tuple(unknown),
    )


def compare_fields(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[FieldChange, ...]:
    """Return the keys whose texts differ, by name."""
    return tuple(
        FieldChange(key, old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    )


def compare_metrics(old: Mapping[str, float], new: Mapping[str, float]) -> tuple[MetricChange, ...]:
    """Return the metrics that are not the very same number, by name. NaN equals NaN."""
    return tuple(
        MetricChange(key, old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if not _same_number(old.get(key), new.get(key))
    )


def compare_data(old: Sequence[DataRecord], new: Sequence[DataRecord]) -> tuple[DataChange, ...]:
    """Return the paths whose content differs, by path."""
    before = {entry.path: entry for entry in old}
    after = {entry.path: entry for entry in new}
    changes = (DataChange(path, before.get(path), after.get(path)) for path in sorted(before.keys() | after.keys()))
    return tuple(c for c in changes if c.old is None or c.new is None or c.old.hash != c.new.hash)


def compare_environments(
    old: EnvironmentRecord | None, new: EnvironmentRecord | None
) -> tuple[tuple[FieldChange, ...], tuple[FieldChange, ...]]:
    """Return what differs in Python, platform and variables, and in packages; nothing when a side is not on record."""
    if old is None or new is None or old.detail is None or new.detail is None:
        return (), ()
    return compare_fields(old.place, new.place), compare_fields(old.versions, new.versions)


def split_patch(patch: str) -> dict[str, str]:
    """Split the output of `git diff` into the part of each file, by path."""
    parts: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in patch.splitlines(keepends=True):
        if line.startswith("diff --git "):
            current = parts.setdefault(_patched_path(line), [])
        if current is not None:
            current.append(line)
    return {path: "".join(lines) for path, lines in parts.items()}


def compare_patches(old: str, new: str) -> tuple[str, ...]:
    """Return the paths whose part differs between two patches, by name."""
    return tuple(change.name for change in compare_fields(split_patch(old), split_patch(new)))


def _patched_path(header: str) -> str:
    # `diff --git a/some path b/some path`: both halves are equal but for renames, which `git diff` does not detect
    # unless asked to; quoted names stay as Git quotes them.
    names = header.removeprefix("diff --git ").rstrip("\n")
    half = names[len(names) // 2 + 1 :]
    return half.removeprefix("b/") if half.startswith("b/") else half.strip('"').removeprefix("b/")


def _compare_code(old: CodeRecord | None, new: CodeRecord | None, found: PatchComparison) -> CodeChange | None:
    if old is None or new is None or (old.commit, old.diff_sha256) == (new.commit, new.diff_sha256):
        return None
    return CodeChange(old=old, new=new, files=found.files, uncommitted=found.uncommitted)


def _no_detail(environment: EnvironmentRecord | None) -> bool:
    return environment is None or environment.detail is None


def _command(version: VersionRecord) -> str | None:
    return shlex.join(version.run.command) if version.run and version.run.command else None


def _field(name: str, old: str | None, new: str | None) -> FieldChange | None:
    return None if old == new else FieldChange(name, old, new)


def _same_number(old: float | None, new: float | None) -> bool:
    return old == new or (old is not None and new is not None and math.isnan(old) and math.isnan(new))
