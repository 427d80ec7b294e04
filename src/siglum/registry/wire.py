"""MLflow's REST messages for the model registry, Siglum's own calls beside them, and conversions from and to entities.

The facts of the format stand in `tracking.messages`. A version's `version` is a number as a string; clients that send
a JSON number are understood.
"""

from __future__ import annotations

from siglum.registry.entities import AliasMove, AuditEvent, ModelVersion, RegisteredModel, Stage
from siglum.tracking.messages import Int64, Message, TagMessage
from siglum.tracking.wire import read_tag_map, write_tag_map

VersionNumber = str | int


class AliasMessage(Message, kw_only=True):
    """An alias and the version that it points at."""

    alias: str
    version: VersionNumber


class ModelVersionMessage(Message, kw_only=True):
    """A model version. Empty texts are written, as MLflow does."""

    name: str
    version: VersionNumber
    creation_timestamp: Int64
    last_updated_timestamp: Int64 | None = None
    user_id: str | None = None
    current_stage: str | None = None
    description: str | None = None
    source: str | None = None
    run_id: str | None = None
    status: str | None = None
    status_message: str | None = None
    tags: list[TagMessage] = []
    run_link: str | None = None
    aliases: list[str] = []
    model_id: str | None = None


class RegisteredModelMessage(Message, kw_only=True):
    """A registered model."""

    name: str
    creation_timestamp: Int64
    last_updated_timestamp: Int64 | None = None
    description: str | None = None
    latest_versions: list[ModelVersionMessage] = []
    tags: list[TagMessage] = []
    aliases: list[AliasMessage] = []


# -- registered models ---------------------------------------------------------------------------------------------


class CreateRegisteredModel(Message, kw_only=True):
    """POST registered-models/create."""

    name: str
    tags: list[TagMessage] = []
    description: str | None = None


class RegisteredModelName(Message, kw_only=True):
    """A request that only names a registered model: get, delete."""

    name: str


class UpdateRegisteredModel(Message, kw_only=True):
    """PATCH registered-models/update. No description means an empty one."""

    name: str
    description: str | None = None


class RenameRegisteredModel(Message, kw_only=True):
    """POST registered-models/rename."""

    name: str
    new_name: str


class Search(Message, kw_only=True):
    """GET registered-models/search and model-versions/search."""

    filter: str | None = None
    max_results: Int64 | None = None
    order_by: list[str] = []
    page_token: str | None = None


class GetLatestVersions(Message, kw_only=True):
    """POST or GET registered-models/get-latest-versions."""

    name: str
    stages: list[str] = []


class SetRegisteredModelTag(Message, kw_only=True):
    """POST registered-models/set-tag."""

    name: str
    key: str
    value: str = ""


class DeleteRegisteredModelTag(Message, kw_only=True):
    """DELETE registered-models/delete-tag."""

    name: str
    key: str


class SetAlias(Message, kw_only=True):
    """POST registered-models/alias."""

    name: str
    alias: str
    version: VersionNumber


class AliasName(Message, kw_only=True):
    """GET or DELETE registered-models/alias."""

    name: str
    alias: str


class RegisteredModelAnswer(Message, kw_only=True):
    """One registered model."""

    registered_model: RegisteredModelMessage


class RegisteredModelsAnswer(Message, kw_only=True):
    """A page of registered models."""

    registered_models: list[RegisteredModelMessage] = []
    next_page_token: str | None = None


# -- versions ------------------------------------------------------------------------------------------------------


class CreateModelVersion(Message, kw_only=True):
    """POST model-versions/create. `storage_location` is Siglum's own: where the client believes the files to be."""

    name: str
    source: str
    run_id: str | None = None
    tags: list[TagMessage] = []
    run_link: str | None = None
    description: str | None = None
    model_id: str | None = None
    storage_location: str | None = None


class VersionName(Message, kw_only=True):
    """A request that only names a version: get, delete, get-download-uri."""

    name: str
    version: VersionNumber


class GetVersionArtifact(Message, kw_only=True):
    """GET /model-versions/get-artifact."""

    name: str
    version: VersionNumber
    path: str


class UpdateModelVersion(Message, kw_only=True):
    """PATCH model-versions/update."""

    name: str
    version: VersionNumber
    description: str | None = None


class TransitionStage(Message, kw_only=True):
    """POST model-versions/transition-stage."""

    name: str
    version: VersionNumber
    stage: str
    archive_existing_versions: bool = False


class SetModelVersionTag(Message, kw_only=True):
    """POST model-versions/set-tag."""

    name: str
    version: VersionNumber
    key: str
    value: str = ""


class DeleteModelVersionTag(Message, kw_only=True):
    """DELETE model-versions/delete-tag."""

    name: str
    version: VersionNumber
    key: str


class ModelVersionAnswer(Message, kw_only=True):
    """One version."""

    model_version: ModelVersionMessage


class ModelVersionsAnswer(Message, kw_only=True):
    """A page of versions."""

    model_versions: list[ModelVersionMessage] = []
    next_page_token: str | None = None


class DownloadUriAnswer(Message, kw_only=True):
    """Where a version's files are."""

    artifact_uri: str


# -- Siglum's own --------------------------------------------------------------------------------------------------


class Rollback(Message, kw_only=True):
    """POST /api/siglum/1/registered-models/rollback. `reason` goes before the header's."""

    name: str
    alias: str
    reason: str | None = None


class AliasMoveAnswer(Message, kw_only=True):
    """An alias that moved."""

    move: AliasMove


class GetAudit(Message, kw_only=True):
    """GET /api/siglum/1/audit."""

    name: str | None = None
    max_results: Int64 | None = None
    before: Int64 | None = None


class AuditAnswer(Message, kw_only=True):
    """Entries of the audit log, newest first."""

    events: list[AuditEvent] = []


# -- conversions ---------------------------------------------------------------------------------------------------


def write_model_version(version: ModelVersion) -> ModelVersionMessage:
    """Return a version as a message."""
    return ModelVersionMessage(
        name=version.name,
        version=version.version,
        creation_timestamp=version.creation_timestamp,
        last_updated_timestamp=version.last_updated_timestamp,
        user_id=version.user_id or None,
        current_stage=version.current_stage.value,
        description=version.description,
        source=version.source,
        run_id=version.run_id,
        status=version.status,
        status_message=version.status_message or None,
        tags=write_tag_map(version.tags),
        run_link=version.run_link,
        aliases=sorted(version.aliases),
        model_id=version.model_id,
    )


def read_model_version(message: ModelVersionMessage) -> ModelVersion:
    """Return a message as a version."""
    return ModelVersion(
        name=message.name,
        version=str(message.version),
        creation_timestamp=message.creation_timestamp,
        last_updated_timestamp=message.last_updated_timestamp or message.creation_timestamp,
        user_id=message.user_id or "",
        current_stage=Stage(message.current_stage or Stage.NONE),
        description=message.description or "",
        source=message.source or "",
        run_id=message.run_id or "",
        run_link=message.run_link or "",
        status=message.status or "READY",
        status_message=message.status_message or "",
        tags=read_tag_map(message.tags),
        aliases=tuple(message.aliases),
        model_id=message.model_id,
    )


def write_registered_model(model: RegisteredModel) -> RegisteredModelMessage:
    """Return a registered model as a message."""
    return RegisteredModelMessage(
        name=model.name,
        creation_timestamp=model.creation_timestamp,
        last_updated_timestamp=model.last_updated_timestamp,
        description=model.description or None,
        latest_versions=[write_model_version(version) for version in model.latest_versions],
        tags=write_tag_map(model.tags),
        aliases=[AliasMessage(alias=alias, version=model.aliases[alias]) for alias in sorted(model.aliases)],
    )


def read_registered_model(message: RegisteredModelMessage) -> RegisteredModel:
    """Return a message as a registered model."""
    return RegisteredModel(
        name=message.name,
        creation_timestamp=message.creation_timestamp,
        last_updated_timestamp=message.last_updated_timestamp or message.creation_timestamp,
        description=message.description or "",
        latest_versions=tuple(read_model_version(version) for version in message.latest_versions),
        tags=read_tag_map(message.tags),
        aliases={item.alias: str(item.version) for item in message.aliases},
    )
