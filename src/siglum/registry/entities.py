"""What the registry keeps, as frozen values with MLflow's attribute names. Times are milliseconds since the epoch."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from siglum.core.html import card, charts
from siglum.core.text import timestamp
from siglum.tracking.entities import Entity, Metric, Param, Tag, linked
from siglum.tracking.surroundings import surroundings

RegisteredModelTag = ModelVersionTag = Tag


class RegisteredModelAlias(Entity, frozen=True):
    """A name for one version of a registered model."""

    alias: str
    version: str


class Stage(enum.StrEnum):
    """MLflow's stages: deprecated there in favour of aliases, and still used."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


class ModelVersion(Entity, frozen=True, kw_only=True):
    """One version of a registered model. `version` is a number as a string, as MLflow's clients expect."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str = ""
    current_stage: Stage = Stage.NONE
    description: str = ""
    source: str
    run_id: str = ""
    run_link: str = ""
    status: str = "READY"
    status_message: str = ""
    tags: dict[str, str] = {}
    aliases: tuple[str, ...] = ()
    model_id: str | None = None

    @property
    def metrics(self) -> list[Metric] | None:
        """None, as MLflow's clients have it of every server: the logged model `model_id` has what was measured."""
        return None

    @property
    def params(self) -> list[Param] | None:
        """None, as `metrics`: the logged model `model_id` has its parameters."""
        return None

    def table_row(self) -> dict[str, Any]:
        """Return what a table of versions shows."""
        return {
            "model": self.name,
            "version": self.version,
            "aliases": ", ".join(self.aliases),
            "stage": self.current_stage,
            "run": self.run_id[:8],
            "registered": timestamp(self.creation_timestamp),
        }

    def _repr_html_(self) -> str:
        facts = {
            **self.table_row(),
            "uri": f"models:/{self.name}/{self.version}",
            "status": self.status,
            "source": self.source,
            "description": self.description,
            **linked("models", self.name, "versions", self.version),
        }
        series = surroundings().series_of(self.run_id) if self.run_id else {}
        drawing = charts({key: {key: points} for key, points in series.items()})
        return card(self.name, f"version {self.version}", {"version": facts, "tags": self.tags}, drawing)


class RegisteredModel(Entity, frozen=True, kw_only=True):
    """A named line of versions. `aliases` maps each alias to a version number as a string."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str = ""
    latest_versions: tuple[ModelVersion, ...] = ()
    tags: dict[str, str] = {}
    aliases: dict[str, str] = {}

    def table_row(self) -> dict[str, Any]:
        """Return what a table of registered models shows."""
        return {
            "model": self.name,
            "latest": max((int(version.version) for version in self.latest_versions), default=0),
            "aliases": ", ".join(f"{alias} → {version}" for alias, version in sorted(self.aliases.items())),
            "changed": timestamp(self.last_updated_timestamp),
        }

    def _repr_html_(self) -> str:
        facts = {
            **self.table_row(),
            "description": self.description,
            "created": timestamp(self.creation_timestamp),
            **linked("models", self.name),
        }
        return card(self.name, "registered model", {"model": facts, "tags": self.tags})


class Change(msgspec.Struct, frozen=True):
    """Who changes something, by what means and why; kept in the audit log."""

    actor: str
    source: str = "siglum"
    reason: str | None = None


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit log: `seq` grows by one; `before` and `after` hold the fields that changed."""

    seq: int
    time: int
    actor: str
    source: str
    action: str
    model: str
    version: str | None = None
    alias: str | None = None
    reason: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class AliasMove(msgspec.Struct, frozen=True):
    """An alias that moved; None means that it did not exist before, or does not exist now."""

    name: str
    alias: str
    from_version: str | None
    to_version: str | None
