"""MlflowClient: registered models, versions, aliases and stages. Every change takes a `reason` for the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from siglum.client.change import change_from_here
from siglum.client.mlflow_client.base import ClientBase
from siglum.client.paging import PagedList
from siglum.client.registration import await_ready, copy_version, create_version
from siglum.core.errors import InvalidInputError
from siglum.registry.entities import AliasMove, ModelVersion, RegisteredModel, Stage
from siglum.tracking.entities import Tag


class RegistryMethods(ClientBase):
    """The model registry. Versions may be given as numbers or strings."""

    # -- registered models -----------------------------------------------------------------------------------
    def create_registered_model(
        self,
        name: str,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        *,
        reason: str | None = None,
    ) -> RegisteredModel:
        """Create a registered model. Raises AlreadyExistsError."""
        return self._registry.create_registered_model(
            name, change=change_from_here(reason), tags=_tags(tags), description=description
        )

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Return a registered model. Raises NotFoundError."""
        return self._registry.get_registered_model(name)

    def rename_registered_model(self, name: str, new_name: str, *, reason: str | None = None) -> RegisteredModel:
        """Rename; versions, aliases and history go along."""
        return self._registry.rename_registered_model(name, new_name, change=change_from_here(reason))

    def update_registered_model(
        self, name: str, description: str | None = None, *, reason: str | None = None
    ) -> RegisteredModel:
        """Replace the description."""
        return self._registry.update_registered_model(name, description=description, change=change_from_here(reason))

    def delete_registered_model(self, name: str, *, reason: str | None = None) -> None:
        """Delete a registered model with its versions; the audit log keeps what there was."""
        self._registry.delete_registered_model(name, change=change_from_here(reason))

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = 100,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """Return one page of registered models that match, by default by name."""
        return PagedList(
            self._registry.search_registered_models(
                filter_string=filter_string or "",
                max_results=max_results,
                order_by=order_by or (),
                page_token=page_token,
            )
        )

    def set_registered_model_tag(self, name: str, key: str, value: Any, *, reason: str | None = None) -> None:
        """Set or replace a tag."""
        self._registry.set_registered_model_tag(name, Tag(key, str(value)), change=change_from_here(reason))

    def delete_registered_model_tag(self, name: str, key: str, *, reason: str | None = None) -> None:
        """Remove a tag; nothing happens when it is not there."""
        self._registry.delete_registered_model_tag(name, key, change=change_from_here(reason))

    # -- aliases ---------------------------------------------------------------------------------------------
    def set_registered_model_alias(
        self, name: str, alias: str, version: str | int, *, reason: str | None = None
    ) -> AliasMove:
        """Point an alias at a version; the result says where it pointed before."""
        return self._registry.set_alias(name, alias, str(version), change=change_from_here(reason))

    def delete_registered_model_alias(self, name: str, alias: str, *, reason: str | None = None) -> AliasMove:
        """Remove an alias; nothing happens when it is not there."""
        return self._registry.delete_alias(name, alias, change=change_from_here(reason))

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version an alias points at; `latest` is the highest one."""
        return self._registry.get_version_by_alias(name, alias)

    def rollback_registered_model_alias(self, name: str, alias: str, *, reason: str | None = None) -> AliasMove:
        """Move an alias back to where it pointed before. Raises ConflictError when that is not on record."""
        return self._registry.rollback(name, alias, change=change_from_here(reason))

    # -- versions --------------------------------------------------------------------------------------------
    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        await_creation_for: float = 300,
        model_id: str | None = None,
        *,
        reason: str | None = None,
    ) -> ModelVersion:
        """Create the next version of a registered model that exists.

        It is ready at once, but for servers that copy its files: `await_creation_for` is how many seconds to wait.
        """
        made = create_version(
            self._session.stores,
            name,
            source,
            run_id=run_id,
            tags=dict(tags or {}),
            run_link=run_link,
            description=description,
            model_id=model_id,
            reason=reason,
        )
        return await_ready(self._session.stores, made, await_creation_for)

    def copy_model_version(self, src_model_uri: str, dst_name: str, *, reason: str | None = None) -> ModelVersion:
        """Register the files of a version (`models:/<name>/<version>` or `@<alias>`) under another name too."""
        return copy_version(self._session.stores, src_model_uri, dst_name, reason=reason)

    def get_model_version(self, name: str, version: str | int) -> ModelVersion:
        """Return a version. Raises NotFoundError."""
        return self._registry.get_model_version(name, str(version))

    def update_model_version(
        self, name: str, version: str | int, description: str | None = None, *, reason: str | None = None
    ) -> ModelVersion:
        """Replace the description."""
        return self._registry.update_model_version(
            name, str(version), description=description, change=change_from_here(reason)
        )

    def delete_model_version(self, name: str, version: str | int, *, reason: str | None = None) -> None:
        """Delete a version and the aliases that point at it."""
        self._registry.delete_model_version(name, str(version), change=change_from_here(reason))

    def get_model_version_download_uri(self, name: str, version: str | int) -> str:
        """Return where the version's files are."""
        return self._registry.get_download_uri(name, str(version))

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = 10_000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """Return one page of versions that match, by default the last updated first."""
        return PagedList(
            self._registry.search_model_versions(
                filter_string=filter_string or "",
                max_results=max_results,
                order_by=order_by or (),
                page_token=page_token,
            )
        )

    def set_model_version_tag(
        self,
        name: str,
        version: str | int | None = None,
        key: str | None = None,
        value: Any = None,
        stage: str | None = None,
        *,
        reason: str | None = None,
    ) -> None:
        """Set or replace a tag of a version, or of the latest version in a stage."""
        tag = Tag(_required(key), str(value))
        self._registry.set_model_version_tag(
            name, self._version(name, version, stage), tag, change=change_from_here(reason)
        )

    def delete_model_version_tag(
        self,
        name: str,
        version: str | int | None = None,
        key: str | None = None,
        stage: str | None = None,
        *,
        reason: str | None = None,
    ) -> None:
        """Remove a tag of a version, or of the latest version in a stage; nothing happens when it is not there."""
        self._registry.delete_model_version_tag(
            name, self._version(name, version, stage), _required(key), change=change_from_here(reason)
        )

    # -- stages ----------------------------------------------------------------------------------------------
    def get_latest_versions(self, name: str, stages: Sequence[str] | None = None) -> list[ModelVersion]:
        """Return the highest version of each stage asked for, of every stage when none is."""
        return list(self._registry.get_latest_versions(name, stages or ()))

    def get_model_version_stages(self, name: str, version: str | int) -> list[str]:  # noqa: ARG002  -- MLflow's signature; the stages are fixed
        """Return the stages that there are."""
        return [str(stage) for stage in Stage]

    def transition_model_version_stage(
        self,
        name: str,
        version: str | int,
        stage: str,
        archive_existing_versions: bool = False,
        *,
        reason: str | None = None,
    ) -> ModelVersion:
        """Move a version to a stage; aliases do the same without a fixed list of names."""
        return self._registry.transition_stage(
            name,
            str(version),
            stage,
            change=change_from_here(reason),
            archive_existing=archive_existing_versions,
        )

    def _version(self, name: str, version: str | int | None, stage: str | None) -> str:
        if (version is None) == (stage is None):
            raise InvalidInputError("Give either a version or a stage.")
        if version is not None:
            return str(version)
        found = self._registry.get_latest_versions(name, [str(stage)])
        if not found:
            raise InvalidInputError(f"The registered model {name!r} has no version in stage {stage!r}.")
        return found[0].version


def _tags(tags: Mapping[str, Any] | None) -> list[Tag]:
    return [Tag(key, str(value)) for key, value in (tags or {}).items()]


def _required(key: str | None) -> str:
    if key is None:
        raise InvalidInputError("A tag has a key.")
    return key
