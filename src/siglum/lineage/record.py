"""All that is known of one model version, as a value. `lineage.trace` reads it; diff, reproduce and printing take it.

A section that nobody recorded is None: a version that a plain MLflow client logged has no data section, which is
not the same as a version that was made from no data.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from siglum.core.hashes import FileDigest
from siglum.lineage.environment import Environment


class Revision(msgspec.Struct, frozen=True):
    """A Git commit and the tags that point at it."""

    commit: str
    tags: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How a person calls it: its first tag, else the first ten digits of the commit."""
        return self.tags[0] if self.tags else self.commit[:10]


def labels(revisions: Sequence[Revision]) -> tuple[str, ...]:
    """Return what people call the revisions that hold something: the tags where there are any, else one commit."""
    tagged = tuple(tag for revision in revisions for tag in revision.tags)
    return tagged or tuple(revision.label for revision in revisions[:1])


class CodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """C: the commit, and the change on top of it that was not committed.

    `diff_sha256` is the SHA-256 of that change in hex, None when there was none. `kept` says whether the change
    itself is among the run's artifacts. `known_here` is None when there is no Git repository to look into.
    """

    commit: str
    branch: str | None = None
    remote: str | None = None
    tags: tuple[str, ...] = ()
    diff_sha256: str | None = None
    kept: bool = False
    known_here: bool | None = None

    @property
    def dirty(self) -> bool:
        """Whether there was an uncommitted change."""
        return self.diff_sha256 is not None

    @property
    def label(self) -> str:
        """The commit as a person calls it, with a sign for an uncommitted change."""
        return Revision(self.commit, self.tags).label + ("+changes" if self.dirty else "")


class DataRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One part of D: a path or URI, the hash of its content and where Git keeps that hash.

    `hash` is `md5:<hex>`, `md5:<hex>.dir` or `sha256:<hex>`; `size` is in bytes. `pointer` is the file in Git that
    names the hash, a `.dvc` file or `dvc.lock`; `revisions` are the commits in which it does, the run's own first.
    `via` names the input that a pipeline made from this one. `recorded` is False for what is not in the recipe, but
    was found behind it in Git.
    """

    path: str
    hash: str
    size: int | None = None
    pointer: str | None = None
    revisions: tuple[Revision, ...] = ()
    via: str | None = None
    recorded: bool = True


class EnvironmentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The environment's digest in the recipe, and what it stands for where that has been kept."""

    digest: str | None = None
    detail: Environment | None = None

    @property
    def versions(self) -> dict[str, str]:
        """The version of each package, with where it came from when that was not an index."""
        packages = self.detail.packages if self.detail else ()
        return {p.name: p.version + (f" ({p.origin})" if p.origin else "") for p in packages}

    @property
    def place(self) -> dict[str, str]:
        """Python, platform and the recorded variables, by name."""
        if self.detail is None:
            return {}
        return {"python": self.detail.python, "platform": self.detail.platform, **self.detail.variables}


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The run that made the version. Times are milliseconds since the epoch.

    `stage` is the pipeline stage that it is the run of, or was started in; `repro` the run of the `siglum repro` that
    ran this stage.
    """

    run_id: str
    name: str
    status: str
    user: str
    start_time: int
    end_time: int | None = None
    command: tuple[str, ...] = ()
    stage: str | None = None
    repro: str | None = None
    artifact_uri: str = ""


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """M: the model's files as they lie in the store, the content hash on record, and the packages it says it needs."""

    content_hash: str | None = None
    source: str = ""
    files: tuple[FileDigest, ...] = ()
    requirements: tuple[str, ...] = ()


class VersionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A model version with everything it was made from."""

    name: str
    version: str
    aliases: tuple[str, ...] = ()
    stage: str = "None"
    description: str = ""
    tags: dict[str, str] = {}
    created: int = 0
    created_by: str = ""
    recipe_digest: str | None = None
    run: RunRecord | None = None
    code: CodeRecord | None = None
    data: tuple[DataRecord, ...] | None = None
    parameters: dict[str, str] = {}
    metrics: dict[str, float] = {}
    environment: EnvironmentRecord | None = None
    seeds: dict[str, str] = {}
    model: ModelRecord = ModelRecord()
    remarks: tuple[str, ...] = ()

    @property
    def siglum(self) -> str:
        """`<model>@<version>`."""
        return f"{self.name}@{self.version}"

    @property
    def inputs(self) -> tuple[DataRecord, ...]:
        """The data in the recipe, without what was found behind it in Git."""
        return tuple(entry for entry in self.data or () if entry.recorded)
