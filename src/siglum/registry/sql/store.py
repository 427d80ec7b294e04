"""`RegistryStore` on a database: checks what comes in, then runs one transaction a call, audit entry included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from siglum.core import limits
from siglum.core.errors import InvalidInputError
from siglum.core.names import check_alias, check_page_size, check_registered_model_name, check_text
from siglum.registry.entities import AliasMove, AuditEvent, Change, ModelVersion, RegisteredModel
from siglum.registry.sql import aliases, audit, models, rows, search, versions
from siglum.registry.sql.audit import AuditLog
from siglum.tracking.entities import Tag
from siglum.tracking.sql.database import Database
from siglum.tracking.sql.port import Sql
from siglum.tracking.store import Page
from siglum.tracking.validation import check_tag, check_tags

T = TypeVar("T")


class SqlRegistryStore:
    """The registry in a database, which it shares with others. Closing the store closes the database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def _change(self, change: Change, work: Callable[[Sql, AuditLog, int], T]) -> T:
        """Run `work` and what it writes to the audit log in one transaction."""
        if not change.actor:
            raise InvalidInputError("A change of the registry must say who makes it.")
        for field, text in (("actor", change.actor), ("source", change.source), ("reason", change.reason or "")):
            check_text(text, field, limits.DESCRIPTION)
        now = self.database.clock()
        return self.database.write(lambda sql: work(sql, AuditLog(sql, change, now), now))

    # -- registered models -------------------------------------------------------------------------------------
    def create_registered_model(
        self, name: str, *, change: Change, tags: Sequence[Tag] = (), description: str | None = None
    ) -> RegisteredModel:
        check_registered_model_name(name)
        by_key = check_tags(tags, limits.REGISTRY_TAG_VALUE)
        text = _description(description)
        return self._change(change, lambda sql, log, now: models.create(sql, log, name, by_key, text, now))

    def get_registered_model(self, name: str) -> RegisteredModel:
        return self.database.read(lambda sql: rows.get_model(sql, rows.require_model(sql, name)))

    def update_registered_model(self, name: str, *, description: str | None, change: Change) -> RegisteredModel:
        text = _description(description)
        return self._change(change, lambda sql, log, now: models.update(sql, log, name, text, now))

    def rename_registered_model(self, name: str, new_name: str, *, change: Change) -> RegisteredModel:
        check_registered_model_name(new_name)
        return self._change(change, lambda sql, log, now: models.rename(sql, log, name, new_name, now))

    def delete_registered_model(self, name: str, *, change: Change) -> None:
        self._change(change, lambda sql, log, _now: models.delete(sql, log, name))

    def search_registered_models(
        self,
        *,
        filter_string: str = "",
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        check_page_size(max_results, limits.REGISTERED_MODELS_PAGE)
        return self.database.read(
            lambda sql: search.registered_models(
                sql, filter_string=filter_string, max_results=max_results, order_by=order_by, page_token=page_token
            )
        )

    def get_latest_versions(self, name: str, stages: Sequence[str] = ()) -> tuple[ModelVersion, ...]:
        wanted = [versions.parse_stage(stage) for stage in stages]
        return self.database.read(lambda sql: versions.latest(sql, name, wanted))

    def set_registered_model_tag(self, name: str, tag: Tag, *, change: Change) -> None:
        check_tag(tag, limits.REGISTRY_TAG_VALUE)
        self._change(change, lambda sql, log, now: models.set_tag(sql, log, name, tag, now))

    def delete_registered_model_tag(self, name: str, key: str, *, change: Change) -> None:
        self._change(change, lambda sql, log, now: models.delete_tag(sql, log, name, key, now))

    # -- aliases -----------------------------------------------------------------------------------------------
    def set_alias(self, name: str, alias: str, version: str, *, change: Change) -> AliasMove:
        check_alias(alias)
        return self._change(change, lambda sql, log, now: aliases.set_(sql, log, name, alias, version, now))

    def delete_alias(self, name: str, alias: str, *, change: Change) -> AliasMove:
        return self._change(change, lambda sql, log, now: aliases.delete(sql, log, name, alias, now))

    def get_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        return self.database.read(lambda sql: rows.get_version(sql, *rows.require_alias(sql, name, alias)))

    def rollback(self, name: str, alias: str, *, change: Change) -> AliasMove:
        return self._change(change, lambda sql, log, now: aliases.rollback(sql, log, name, alias, now))

    # -- versions ----------------------------------------------------------------------------------------------
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
        if not source:
            raise InvalidInputError("Missing value for required parameter 'source'.")
        new = versions.NewVersion(
            name=name,
            source=check_text(source, "source", limits.ARTIFACT_LOCATION),
            storage_location=check_text(storage_location or source, "storage_location", limits.ARTIFACT_LOCATION),
            user_id=change.actor,
            run_id=run_id or "",
            run_link=check_text(run_link or "", "run_link", limits.ARTIFACT_LOCATION),
            description=_description(description),
            model_id=model_id or None,
            tags=check_tags(tags, limits.REGISTRY_TAG_VALUE),
        )
        return self._change(change, lambda sql, log, now: versions.create(sql, log, new, now))

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        return self.database.read(lambda sql: rows.get_version(sql, *rows.require_version(sql, name, version)))

    def update_model_version(self, name: str, version: str, *, description: str | None, change: Change) -> ModelVersion:
        text = _description(description)
        return self._change(change, lambda sql, log, now: versions.update(sql, log, name, version, text, now))

    def transition_stage(
        self, name: str, version: str, stage: str, *, change: Change, archive_existing: bool = False
    ) -> ModelVersion:
        to = versions.parse_stage(stage)
        return self._change(
            change,
            lambda sql, log, now: versions.transition(
                sql, log, name, version, to, now, archive_existing=archive_existing
            ),
        )

    def delete_model_version(self, name: str, version: str, *, change: Change) -> None:
        self._change(change, lambda sql, log, now: versions.delete(sql, log, name, version, now))

    def search_model_versions(
        self,
        *,
        filter_string: str = "",
        max_results: int = 10_000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        check_page_size(max_results, limits.MODEL_VERSIONS_PAGE)
        return self.database.read(
            lambda sql: search.model_versions(
                sql, filter_string=filter_string, max_results=max_results, order_by=order_by, page_token=page_token
            )
        )

    def set_model_version_tag(self, name: str, version: str, tag: Tag, *, change: Change) -> None:
        check_tag(tag, limits.REGISTRY_TAG_VALUE)
        self._change(change, lambda sql, log, now: versions.set_tag(sql, log, name, version, tag, now))

    def delete_model_version_tag(self, name: str, version: str, key: str, *, change: Change) -> None:
        self._change(change, lambda sql, log, now: versions.delete_tag(sql, log, name, version, key, now))

    def get_download_uri(self, name: str, version: str) -> str:
        return self.database.read(lambda sql: versions.download_uri(sql, name, version))

    # -- history -----------------------------------------------------------------------------------------------
    def audit_log(
        self, *, name: str | None = None, max_results: int = 1000, before: int | None = None
    ) -> tuple[AuditEvent, ...]:
        return self.database.read(lambda sql: audit.read(sql, name=name, max_results=max_results, before=before))

    def verify_audit_log(self) -> int:
        """Return the number of audit events. Raises IntegrityError at the first that is not as it was written."""
        return self.database.read(audit.verify_chain)

    def close(self) -> None:
        self.database.close()


def _description(description: str | None) -> str:
    return check_text(description or "", "description", limits.DESCRIPTION)
