"""`RegistryStore` over MLflow's REST API, and Siglum's own calls for what that lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from siglum.client.rest.session import MLFLOW, SIGLUM, RestSession
from siglum.core.errors import NotFoundError, NotSupportedError, SiglumError
from siglum.core.text import did_you_mean
from siglum.registry import wire
from siglum.registry.entities import AliasMove, AuditEvent, Change, ModelVersion, RegisteredModel
from siglum.tracking.calls import Empty
from siglum.tracking.entities import Tag
from siglum.tracking.store import Page
from siglum.tracking.wire import write_tags

_M, _V = f"{MLFLOW}registered-models/", f"{MLFLOW}model-versions/"


class RestRegistryStore:
    """The model registry at a server. Several stores may share one session; closing one closes it.

    Who changes something and why goes with each change as headers; the server notes `rest` as the means. At a server
    of MLflow, `rollback` and `audit_log` raise NotSupportedError, and a `storage_location` is not compared.
    """

    def __init__(self, session: RestSession) -> None:
        self._session = session

    @property
    def session(self) -> RestSession:
        """The connection to the server."""
        return self._session

    # -- registered models -----------------------------------------------------------------------------------
    def create_registered_model(
        self, name: str, *, change: Change, tags: Sequence[Tag] = (), description: str | None = None
    ) -> RegisteredModel:
        request = wire.CreateRegisteredModel(name=name, tags=write_tags(tags), description=description)
        answer = self._session.call(
            "POST", f"{_M}create", request, wire.RegisteredModelAnswer, idempotent=False, change=change
        )
        return wire.read_registered_model(answer.registered_model)

    def get_registered_model(self, name: str) -> RegisteredModel:
        request = wire.RegisteredModelName(name=name)
        with self._naming(name):
            answer = self._session.call("GET", f"{_M}get", request, wire.RegisteredModelAnswer)
        return wire.read_registered_model(answer.registered_model)

    def update_registered_model(self, name: str, *, description: str | None, change: Change) -> RegisteredModel:
        request = wire.UpdateRegisteredModel(name=name, description=description)
        answer = self._session.call("PATCH", f"{_M}update", request, wire.RegisteredModelAnswer, change=change)
        return wire.read_registered_model(answer.registered_model)

    def rename_registered_model(self, name: str, new_name: str, *, change: Change) -> RegisteredModel:
        request = wire.RenameRegisteredModel(name=name, new_name=new_name)
        answer = self._session.call(
            "POST", f"{_M}rename", request, wire.RegisteredModelAnswer, idempotent=False, change=change
        )
        return wire.read_registered_model(answer.registered_model)

    def delete_registered_model(self, name: str, *, change: Change) -> None:
        request = wire.RegisteredModelName(name=name)
        self._session.call("DELETE", f"{_M}delete", request, Empty, idempotent=False, change=change)

    def search_registered_models(
        self,
        *,
        filter_string: str = "",
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        request = _search(filter_string, max_results, order_by, page_token)
        answer = self._session.call("GET", f"{_M}search", request, wire.RegisteredModelsAnswer)
        return Page(tuple(map(wire.read_registered_model, answer.registered_models)), answer.next_page_token or None)

    def get_latest_versions(self, name: str, stages: Sequence[str] = ()) -> tuple[ModelVersion, ...]:
        request = wire.GetLatestVersions(name=name, stages=list(stages))
        with self._naming(name):
            answer = self._session.call("POST", f"{_M}get-latest-versions", request, wire.ModelVersionsAnswer)
        return tuple(map(wire.read_model_version, answer.model_versions))

    def set_registered_model_tag(self, name: str, tag: Tag, *, change: Change) -> None:
        request = wire.SetRegisteredModelTag(name=name, key=tag.key, value=tag.value)
        self._session.call("POST", f"{_M}set-tag", request, Empty, change=change)

    def delete_registered_model_tag(self, name: str, key: str, *, change: Change) -> None:
        request = wire.DeleteRegisteredModelTag(name=name, key=key)
        self._session.call("DELETE", f"{_M}delete-tag", request, Empty, change=change)

    # -- aliases ---------------------------------------------------------------------------------------------
    def set_alias(self, name: str, alias: str, version: str, *, change: Change) -> AliasMove:
        """Point an alias at a version. At a server of MLflow, where it pointed before is asked first."""
        request = wire.SetAlias(name=name, alias=alias, version=version)
        try:
            return self._own("POST", "registered-models/alias", request, change)
        except NotSupportedError:
            before = self.get_registered_model(name).aliases.get(alias)
            self._session.call("POST", f"{_M}alias", request, Empty, change=change)
            return AliasMove(name, alias, before, version)

    def delete_alias(self, name: str, alias: str, *, change: Change) -> AliasMove:
        """Remove an alias. At a server of MLflow, where it pointed is asked first."""
        request = wire.AliasName(name=name, alias=alias)
        try:
            return self._own("DELETE", "registered-models/alias", request, change)
        except NotSupportedError:
            before = self.get_registered_model(name).aliases.get(alias)
            self._session.call("DELETE", f"{_M}alias", request, Empty, change=change)
            return AliasMove(name, alias, before, None)

    def get_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        request = wire.AliasName(name=name, alias=alias)
        answer = self._session.call("GET", f"{_M}alias", request, wire.ModelVersionAnswer)
        return wire.read_model_version(answer.model_version)

    def rollback(self, name: str, alias: str, *, change: Change) -> AliasMove:
        request = wire.Rollback(name=name, alias=alias)
        try:
            return self._own("POST", "registered-models/rollback", request, change)
        except NotSupportedError:
            raise NotSupportedError(
                f"The server at {self._session.url} keeps no history of aliases, so nothing can be rolled back.",
                hint="Point the alias at the version you want instead.",
            ) from None

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
        """Create the next version. Where its files are, the server finds out from `source` by itself.

        Raises InvalidInputError when it finds another place than `storage_location`.
        """
        request = wire.CreateModelVersion(
            name=name,
            source=source,
            run_id=run_id,
            tags=write_tags(tags),
            run_link=run_link,
            description=description,
            model_id=model_id,
            storage_location=storage_location,
        )
        answer = self._session.call(
            "POST", f"{_V}create", request, wire.ModelVersionAnswer, idempotent=False, change=change
        )
        return wire.read_model_version(answer.model_version)

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        request = wire.VersionName(name=name, version=version)
        with self._naming(name):
            answer = self._session.call("GET", f"{_V}get", request, wire.ModelVersionAnswer)
        return wire.read_model_version(answer.model_version)

    def update_model_version(self, name: str, version: str, *, description: str | None, change: Change) -> ModelVersion:
        request = wire.UpdateModelVersion(name=name, version=version, description=description)
        answer = self._session.call("PATCH", f"{_V}update", request, wire.ModelVersionAnswer, change=change)
        return wire.read_model_version(answer.model_version)

    def transition_stage(
        self, name: str, version: str, stage: str, *, change: Change, archive_existing: bool = False
    ) -> ModelVersion:
        request = wire.TransitionStage(
            name=name, version=version, stage=stage, archive_existing_versions=archive_existing
        )
        answer = self._session.call("POST", f"{_V}transition-stage", request, wire.ModelVersionAnswer, change=change)
        return wire.read_model_version(answer.model_version)

    def delete_model_version(self, name: str, version: str, *, change: Change) -> None:
        request = wire.VersionName(name=name, version=version)
        self._session.call("DELETE", f"{_V}delete", request, Empty, idempotent=False, change=change)

    def search_model_versions(
        self,
        *,
        filter_string: str = "",
        max_results: int = 10_000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        request = _search(filter_string, max_results, order_by, page_token)
        answer = self._session.call("GET", f"{_V}search", request, wire.ModelVersionsAnswer)
        return Page(tuple(map(wire.read_model_version, answer.model_versions)), answer.next_page_token or None)

    def set_model_version_tag(self, name: str, version: str, tag: Tag, *, change: Change) -> None:
        request = wire.SetModelVersionTag(name=name, version=version, key=tag.key, value=tag.value)
        self._session.call("POST", f"{_V}set-tag", request, Empty, change=change)

    def delete_model_version_tag(self, name: str, version: str, key: str, *, change: Change) -> None:
        request = wire.DeleteModelVersionTag(name=name, version=version, key=key)
        self._session.call("DELETE", f"{_V}delete-tag", request, Empty, change=change)

    def get_download_uri(self, name: str, version: str) -> str:
        request = wire.VersionName(name=name, version=version)
        with self._naming(name):
            return self._session.call("GET", f"{_V}get-download-uri", request, wire.DownloadUriAnswer).artifact_uri

    # -- history ---------------------------------------------------------------------------------------------
    def audit_log(
        self, *, name: str | None = None, max_results: int = 1000, before: int | None = None
    ) -> tuple[AuditEvent, ...]:
        request = wire.GetAudit(name=name, max_results=max_results, before=before)
        try:
            return tuple(self._session.call("GET", f"{SIGLUM}audit", request, wire.AuditAnswer).events)
        except NotSupportedError:
            raise NotSupportedError(f"The server at {self._session.url} keeps no audit log.") from None

    def close(self) -> None:
        self._session.close()

    def _own(
        self, method: str, path: str, request: wire.SetAlias | wire.AliasName | wire.Rollback, change: Change
    ) -> AliasMove:
        return self._session.call(
            method, SIGLUM + path, request, wire.AliasMoveAnswer, idempotent=False, change=change
        ).move

    @contextlib.contextmanager
    def _naming(self, name: str) -> Iterator[None]:
        """Have an error that a model is not there say what is near; a server of MLflow does not say it itself."""
        try:
            yield
        except NotFoundError as error:
            if self._session.url in (error.hint or ""):  # it says nothing but who says it
                with contextlib.suppress(SiglumError):
                    known = [each.name for each in self.search_registered_models(max_results=1000).items]
                    error.hint = (did_you_mean(name, known) if name not in known else None) or error.hint
            raise


def _search(filter_string: str, max_results: int, order_by: Sequence[str], page_token: str | None) -> wire.Search:
    return wire.Search(
        filter=filter_string or None, max_results=max_results, order_by=list(order_by), page_token=page_token
    )
