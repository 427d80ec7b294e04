"""The port to the model registry. `registry.sql` implements it on a database, `client.rest` over HTTP.

Contract, checked by `siglum.testing.RegistryStoreContract`: as for `tracking.store`, and each change writes one entry
(or more) to the audit log in the transaction that makes it, so that neither is ever there without the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from siglum.registry.entities import AliasMove, AuditEvent, Change, ModelVersion, RegisteredModel
from siglum.tracking.entities import Tag
from siglum.tracking.store import Page


class RegistryStore(Protocol):
    """Registered models, versions, aliases and their history. Versions are numbers as strings."""

    # -- registered models -----------------------------------------------------------------------------------
    def create_registered_model(
        self, name: str, *, change: Change, tags: Sequence[Tag] = (), description: str | None = None
    ) -> RegisteredModel:
        """Create a registered model. Raises AlreadyExistsError."""
        ...

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Return a registered model with the latest version of each stage. Raises NotFoundError naming near names."""
        ...

    def update_registered_model(self, name: str, *, description: str | None, change: Change) -> RegisteredModel:
        """Replace the description."""
        ...

    def rename_registered_model(self, name: str, new_name: str, *, change: Change) -> RegisteredModel:
        """Rename; versions, aliases and history go along."""
        ...

    def delete_registered_model(self, name: str, *, change: Change) -> None:
        """Delete a registered model with its versions. The audit log keeps what there was."""
        ...

    def search_registered_models(
        self,
        *,
        filter_string: str = "",
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        """Return registered models that match; by default by name."""
        ...

    def get_latest_versions(self, name: str, stages: Sequence[str] = ()) -> tuple[ModelVersion, ...]:
        """Return the highest version of each stage asked for, of every stage when none is named."""
        ...

    def set_registered_model_tag(self, name: str, tag: Tag, *, change: Change) -> None:
        """Set or replace one tag."""
        ...

    def delete_registered_model_tag(self, name: str, key: str, *, change: Change) -> None:
        """Remove one tag; nothing happens when it is not there."""
        ...

    # -- aliases ---------------------------------------------------------------------------------------------
    def set_alias(self, name: str, alias: str, version: str, *, change: Change) -> AliasMove:
        """Point an alias at a version. The move says where it pointed before."""
        ...

    def delete_alias(self, name: str, alias: str, *, change: Change) -> AliasMove:
        """Remove an alias; nothing happens when it is not there."""
        ...

    def get_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version an alias points at; `latest` is the highest version."""
        ...

    def rollback(self, name: str, alias: str, *, change: Change) -> AliasMove:
        """Move an alias back to where it pointed before its last move that was not itself undone.

        Raises ConflictError when there is no earlier version on record, or it has been deleted.
        """
        ...

    # -- versions --------------------------------------------------------------------------------------------
    def create_model_version(
        self,
        name: str,
        source: str,
        *,
        change: Change,
        run_id: str | None = None,
        tags: Sequence[Tag] = (),
        run_link: str | None = None,
        description: str | None = None,
        model_id: str | None = None,
        storage_location: str | None = None,
    ) -> ModelVersion:
        """Create the next version of a registered model. Numbers are never used twice.

        `storage_location` is where the files are once `source` has been resolved; `source` when None.
        """
        ...

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        """Return a version."""
        ...

    def update_model_version(self, name: str, version: str, *, description: str | None, change: Change) -> ModelVersion:
        """Replace the description."""
        ...

    def transition_stage(
        self, name: str, version: str, stage: str, *, change: Change, archive_existing: bool = False
    ) -> ModelVersion:
        """Move a version to a stage (any case); with `archive_existing`, archive the others that are in it."""
        ...

    def delete_model_version(self, name: str, version: str, *, change: Change) -> None:
        """Delete a version and the aliases that point at it."""
        ...

    def search_model_versions(
        self,
        *,
        filter_string: str = "",
        max_results: int = 10_000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        """Return versions that match; by default the last updated first."""
        ...

    def set_model_version_tag(self, name: str, version: str, tag: Tag, *, change: Change) -> None:
        """Set or replace one tag."""
        ...

    def delete_model_version_tag(self, name: str, version: str, key: str, *, change: Change) -> None:
        """Remove one tag; nothing happens when it is not there."""
        ...

    def get_download_uri(self, name: str, version: str) -> str:
        """Return where the version's files are."""
        ...

    # -- history ---------------------------------------------------------------------------------------------
    def audit_log(
        self, *, name: str | None = None, max_results: int = 1000, before: int | None = None
    ) -> tuple[AuditEvent, ...]:
        """Return audit events, newest first, of one model or of all, those with `seq` below `before`."""
        ...

    def close(self) -> None:
        """Release files and threads. Repeating it changes nothing."""
        ...
