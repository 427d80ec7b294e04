"""Artifacts: what `dvc.yaml` gives names, and which commits Git's tags make their versions and stages.

The tags are GTO's: `name@v1.2.3` registers a version, `name#prod#4` assigns a stage (`#4` counts, and may be left out),
a `!` takes either back. An artifact of `dir/dvc.yaml` is called `dir:name`, and `dir=name` in tags. Only annotated
tags count.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

import msgspec

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.text import did_you_mean
from siglum.pipeline.definition.stages import PIPELINE_FILE
from siglum.pipeline.graph.load import load_pipeline
from siglum.workspace.git_history import AnnotatedTag
from siglum.workspace.repository import Repository

_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9-/_]*[a-zA-Z0-9])?"
_FOLDER = r"[a-zA-Z0-9\-_./]+"
_NUMBER = r"(?:0|[1-9]\d*)"
_VERSION = rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z.-]+)?"
_TAG = re.compile(
    rf"(?P<artifact>(?:{_FOLDER}=)?{_NAME})(?:#(?P<stage>{_NAME})|@(?P<version>{_VERSION}))(?P<undone>!?)(?:#\d+)?"
)
_FULL_NAME = re.compile(rf"(?:(?P<folder>{_FOLDER}):)?(?P<name>{_NAME})")


class Event(msgspec.Struct, frozen=True):
    """What one tag says of an artifact: a version or a stage, given to a commit or taken back."""

    artifact: str
    commit: str
    version: str | None = None
    stage: str | None = None
    undone: bool = False


class FoundArtifact(msgspec.Struct, frozen=True):
    """An artifact at a commit: its path from Git's root."""

    rev: str
    path: str


def find_artifact(repo: Repository, name: str, version: str | None = None, stage: str | None = None) -> FoundArtifact:
    """Return the commit of an artifact's version, of what is in a stage, or of the greatest version; and its path.

    Raises NotFoundError, InvalidInputError for a name that cannot be one or a repository without Git.
    """
    if repo.git is None:
        raise InvalidInputError("Artifacts are versioned by Git's tags, and this repository is not kept in Git.")
    folder, own = split_name(name)
    full = f"{folder}:{own}" if folder else own
    events = read_events(repo.git.annotated_tags())
    commit = commit_of([event for event in events if event.artifact == full], version, stage)
    if commit is None:
        what = f" with the version {version}" if version else f" in the stage {stage!r}" if stage else ""
        own_events = [event for event in events if event.artifact == full]
        known = {event.artifact for event in events}
        marks = sorted({mark for event in own_events if (mark := event.stage if stage else event.version)})
        hint = f"There are {', '.join(marks)}." if marks else did_you_mean(full, known - {full})
        raise NotFoundError(f"There is no artifact {full!r}{what}.", hint=hint or "See 'git tag' for what is there.")
    return FoundArtifact(commit, _path_of(repo, folder, own, commit))


def split_name(name: str) -> tuple[str, str]:
    """Split `dir:name` or `dir/dvc.yaml:name` into the folder ("" for the root) and the artifact's own name."""
    match = _FULL_NAME.fullmatch(name.removeprefix(f"{PIPELINE_FILE}:"))
    if match is None:
        raise InvalidInputError(
            f"{name!r} cannot be the name of an artifact.", hint="Names are name, folder:name or folder/dvc.yaml:name."
        )
    folder = match["folder"] or ""
    if posixpath.basename(folder) == PIPELINE_FILE:
        folder = posixpath.dirname(folder)
    return folder, match["name"]


def read_events(tags: Iterable[AnnotatedTag]) -> list[Event]:
    """Return what tags say of artifacts, the oldest first; other tags say nothing."""
    found = []
    for tag in sorted(tags, key=lambda tag: tag.time):
        match = _TAG.fullmatch(tag.name)
        if match is not None:
            artifact = match["artifact"].replace("=", ":")
            found.append(Event(artifact, tag.commit, match["version"], match["stage"], bool(match["undone"])))
    return found


def commit_of(events: Iterable[Event], version: str | None, stage: str | None) -> str | None:
    """Return the commit that one artifact's events make a version, a stage, or the greatest version; None for none."""
    versions: dict[str, str] = {}
    in_stage: list[str] = []
    for event in events:
        if event.version is not None:
            if event.undone:
                versions.pop(event.version, None)
            else:
                versions[event.version] = event.commit
        elif event.stage == stage:
            in_stage = [commit for commit in in_stage if commit != event.commit]
            if not event.undone:
                in_stage.append(event.commit)
    if stage is not None:
        return in_stage[-1] if in_stage else None
    if version is not None:
        return versions.get(version)
    return versions[max(versions, key=precedence)] if versions else None


def precedence(version: str) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
    """Return what sorts versions as semver.org (2.0.0, section 11) orders them."""
    core, dash, before = version.removeprefix("v").partition("+")[0].partition("-")
    parts = before.split(".") if dash else []
    keys = tuple((not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts)
    return tuple(int(number) for number in core.split(".")), not dash, keys


def _path_of(repo: Repository, folder: str, name: str, commit: str) -> str:
    file = posixpath.normpath(posixpath.join(folder, PIPELINE_FILE))
    prefix = repo.git_prefix
    top = load_pipeline(repo, commit).tops.get(file.removeprefix(prefix))
    declared = top.artifacts.get(name) if top is not None and file.startswith(prefix) else None
    if declared is None:
        raise NotFoundError(f"{file} at {commit[:12]} has no artifact {name!r}.", hint="Its tag is of another commit.")
    return posixpath.normpath(posixpath.join(folder, declared["path"]))
