"""Read all that is on record of a model version: registry, run, recipe, environment, model files, Git history."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import msgspec

from siglum.core.errors import FileFormatError, NotFoundError, NotSupportedError, SiglumError, UnavailableError
from siglum.core.hashes import FileDigest
from siglum.lineage.capture import DIFF_FILE, ENVIRONMENT_FILE, RECIPE_FILE
from siglum.lineage.environment import Environment
from siglum.lineage.history import History
from siglum.lineage.recipe import Recipe, parse_recipe
from siglum.lineage.record import (
    CodeRecord,
    DataRecord,
    EnvironmentRecord,
    ModelRecord,
    RunRecord,
    VersionRecord,
)
from siglum.lineage.resolve import resolve_version
from siglum.registry.entities import ModelVersion
from siglum.registry.store import RegistryStore
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactStore
from siglum.tracking.entities import Run
from siglum.tracking.store import TrackingStore
from siglum.workspace.git import Git

PARENT_TAG = "mlflow.parentRunId"
KIND_TAG = "siglum.kind"
"""Says of a run that Siglum started by itself what it is the run of."""
REPRO_KIND = "repro"
STAGE_KIND = "stage"
_MAX_DEPTH = 10

MAX_SMALL_FILE = 32 * 1024 * 1024
"""Bytes of a recorded recipe, environment or diff that are read at most; what Siglum writes is far shorter."""


class RecordSource(Protocol):
    """The stores that hold the records of one tracking URI; `client.stores.Stores` is one."""

    @property
    def tracking(self) -> TrackingStore:
        """Runs and logged models."""
        ...

    @property
    def registry(self) -> RegistryStore:
        """Registered models."""
        ...

    def artifacts_for(self, artifact_uri: str, /) -> ArtifactStore:
        """Return the files at an artifact URI."""
        ...


class Project(msgspec.Struct, frozen=True):
    """Where a project's history is looked up: its folder, its repository, and the reader of folder manifests."""

    root: str
    git: Git
    read_manifest: Callable[[str], Mapping[str, str] | None] = lambda _: None

    @property
    def below(self) -> str:
        """The project's folder in the repository, `""` when it is the repository itself."""
        below = os.path.relpath(self.root, self.git.root).replace(os.sep, "/")
        return "" if below == "." else below


def read_version(source: RecordSource, project: Project | None, reference: str) -> VersionRecord:
    """Return the record of the version that `reference` names.

    What is missing is None in the record, and said in its remarks; only an unknown reference and a store that does
    not answer are errors. Without a project (`project` is None) nothing is looked up in Git.

    Raises:
        InvalidInputError: `reference` does not have the form of a model version.
        NotFoundError: There is no such version.
    """
    return record_of(source, project, resolve_version(source.registry, reference))


def record_of(source: RecordSource, project: Project | None, version: ModelVersion) -> VersionRecord:
    """Return the record of a registry entry; see `read_version`."""
    remarks: list[str] = []
    run = _find_run(source, version, remarks)
    recipe = _find_recipe(source, version, run, remarks)
    history = None
    if project is not None:
        commit = _commit(recipe, run)
        history = History(project.git, project.below, commit, project.read_manifest)
    params = dict(run.data.params) if run else dict(recipe.params) if recipe else {}
    if run is not None and (problems := run.data.tags.get("siglum.capture.problems")):
        remarks.append(problems)
    return VersionRecord(
        name=version.name,
        version=version.version,
        aliases=tuple(sorted(version.aliases)),
        stage=str(version.current_stage),
        description=version.description,
        tags=dict(version.tags),
        created=version.creation_timestamp,
        created_by=version.user_id,
        recipe_digest=recipe.digest if recipe else None,
        run=_run_record(source, run, recipe),
        code=_code(source, recipe, run, history, project),
        data=_data(recipe, run, history),
        parameters=params,
        metrics=dict(run.data.metrics) if run else {},
        environment=_environment(source, recipe, run, remarks),
        seeds={key: str(value) for key, value in recipe.seeds.items()} if recipe else {},
        model=_model(source, version, run, remarks),
        remarks=tuple(remarks),
    )


def read_artifact(source: RecordSource, artifact_uri: str, path: str) -> bytes | None:
    """Return the bytes of a small file among a run's artifacts, None when it is not there.

    Raises:
        FileFormatError: It is larger than anything that Siglum records.
    """
    try:
        with source.artifacts_for(artifact_uri).open(path) as file:
            data = file.read(MAX_SMALL_FILE + 1)
    except (NotFoundError, NotSupportedError):
        return None
    if len(data) > MAX_SMALL_FILE:
        raise FileFormatError(f"{artifact_uri}/{path}", "larger than anything that Siglum records.")
    return data


def _find_run(source: RecordSource, version: ModelVersion, remarks: list[str]) -> Run | None:
    run_id = version.run_id or version.tags.get("siglum.run_id", "")
    if not run_id:
        remarks.append("No run is on record for this version: only its files and registry entry are known.")
        return None
    try:
        return source.tracking.get_run(run_id)
    except NotFoundError:
        remarks.append(f"Run {run_id}, which made this version, is not in the tracking store.")
        return None


def _find_recipe(source: RecordSource, version: ModelVersion, run: Run | None, remarks: list[str]) -> Recipe | None:
    places: list[tuple[str, Callable[[], str | bytes | None]]] = [
        (f"the tag siglum.recipe of {version.name}@{version.version}", lambda: version.tags.get("siglum.recipe")),
    ]
    if run is not None:
        tags, uri = run.data.tags, run.info.artifact_uri
        places.append((f"{RECIPE_FILE} of run {run.info.run_id}", lambda: read_artifact(source, uri, RECIPE_FILE)))
        places.append((f"the tag siglum.recipe of run {run.info.run_id}", lambda: tags.get("siglum.recipe")))
    recorded = version.tags.get("siglum.recipe_digest")
    for where, read in places:
        text = read()
        if not text:
            continue
        try:
            recipe = parse_recipe(text, where)
        except FileFormatError as error:
            remarks.append(f"{error.message}")
            continue
        if recorded is not None and recipe.digest != recorded:
            remarks.append(f"The recipe in {where} is not the one on record for this version ({recorded}): not used.")
            continue
        return recipe
    if recorded is None:
        remarks.append("No recipe is on record: the version was not logged by Siglum, or its run's files are gone.")
    return None


def _commit(recipe: Recipe | None, run: Run | None) -> str | None:
    if recipe is not None and recipe.code.commit:
        return recipe.code.commit
    return run.data.tags.get("mlflow.source.git.commit") if run else None


def _code(
    source: RecordSource, recipe: Recipe | None, run: Run | None, history: History | None, project: Project | None
) -> CodeRecord | None:
    commit = _commit(recipe, run)
    if commit is None:
        return None
    diff = recipe.code.diff if recipe else None
    tags = run.data.tags if run else {}
    return CodeRecord(
        commit=commit,
        branch=tags.get("mlflow.source.git.branch"),
        remote=tags.get("mlflow.source.git.repoURL"),
        tags=history.tags_at(commit) if history else (),
        diff_sha256=diff,
        kept=diff is not None and run is not None and _has(source, run.info.artifact_uri, DIFF_FILE),
        known_here=None if project is None else project.git.resolve(commit) is not None,
    )


def _has(source: RecordSource, artifact_uri: str, path: str) -> bool:
    try:
        return not source.artifacts_for(artifact_uri).stat(path).is_dir
    except (NotFoundError, NotSupportedError):
        return False


def _data(recipe: Recipe | None, run: Run | None, history: History | None) -> tuple[DataRecord, ...] | None:
    if recipe is not None:
        if history is not None:
            return history.locate(recipe.data)
        return tuple(DataRecord(path=path, hash=digest) for path, digest in recipe.data)
    datasets = [entry.dataset for entry in run.inputs.dataset_inputs] if run else []
    if datasets:
        return tuple(DataRecord(path=dataset.name, hash=dataset.digest) for dataset in datasets)
    return None


def _environment(
    source: RecordSource, recipe: Recipe | None, run: Run | None, remarks: list[str]
) -> EnvironmentRecord | None:
    data = read_artifact(source, run.info.artifact_uri, ENVIRONMENT_FILE) if run else None
    digest = recipe.env if recipe else None
    if data is None:
        return EnvironmentRecord(digest=digest) if digest else None
    try:
        detail = msgspec.json.decode(data, type=Environment)
    except msgspec.MsgspecError as error:
        remarks.append(f"{ENVIRONMENT_FILE} of the run cannot be read: {error}.")
        return EnvironmentRecord(digest=digest)
    if digest is not None and detail.digest != digest:
        remarks.append(f"{ENVIRONMENT_FILE} of the run is not the environment in the recipe: it was changed.")
        return EnvironmentRecord(digest=digest)
    return EnvironmentRecord(digest=digest or detail.digest, detail=detail)


def _model(source: RecordSource, version: ModelVersion, run: Run | None, remarks: list[str]) -> ModelRecord:
    content_hash = version.tags.get("siglum.content_hash")
    if content_hash is None and run is not None:
        content_hash = run.data.tags.get("siglum.content_hash")
    files: tuple[FileDigest, ...] = ()
    requirements: tuple[str, ...] = ()
    try:
        location = source.registry.get_download_uri(version.name, version.version)
        entries = sorted(_files_below(source.artifacts_for(location)), key=lambda entry: entry.path)
        requirements = _requirements(read_artifact(source, location, "requirements.txt"))
        files = tuple(FileDigest(entry.path, entry.size or 0, entry.sha256 or "") for entry in entries)
    except UnavailableError:
        raise
    except SiglumError as error:
        remarks.append(f"The model's files cannot be listed: {error.message}")
    return ModelRecord(content_hash=content_hash, source=version.source, files=files, requirements=requirements)


def _requirements(data: bytes | None) -> tuple[str, ...]:
    lines = (data or b"").decode("utf-8", "replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _files_below(store: ArtifactStore, path: str = "") -> Iterator[ArtifactEntry]:
    for entry in store.list(path):
        if entry.is_dir:
            yield from _files_below(store, entry.path)
        else:
            yield entry


def _run_record(source: RecordSource, run: Run | None, recipe: Recipe | None) -> RunRecord | None:
    if run is None:
        return None
    command: Iterable[str] = recipe.command if recipe else ()
    if not command and (source_name := run.data.tags.get("mlflow.source.name")):
        command = [source_name]
    return RunRecord(
        run_id=run.info.run_id,
        name=run.info.run_name,
        status=str(run.info.status),
        user=run.info.user_id or run.data.tags.get("mlflow.user", ""),
        start_time=run.info.start_time,
        end_time=run.info.end_time,
        command=tuple(command),
        stage=run.data.tags.get("siglum.stage"),
        repro=_repro_around(source, run),
        artifact_uri=run.info.artifact_uri,
    )


def _repro_around(source: RecordSource, run: Run) -> str | None:
    """Return the `repro` that a run is a part of: nested in it, in the run of one of its stages, or deeper."""
    for _ in range(_MAX_DEPTH):
        parent = run.data.tags.get(PARENT_TAG)
        if parent is None:
            return None
        try:
            run = source.tracking.get_run(parent)
        except NotFoundError:
            return None
        if run.data.tags.get(KIND_TAG) == REPRO_KIND:
            return run.info.run_id
    return None
