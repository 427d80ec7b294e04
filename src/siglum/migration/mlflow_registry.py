"""Registered models in MLflow's database, with their versions, stages and aliases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from siglum.migration.mlflow_records import DELETED_VERSION, logged_model_of
from siglum.migration.mlflow_rows import by_first, texts
from siglum.migration.mlflow_tables import MlflowTables
from siglum.migration.source_database import SourceDatabase
from siglum.registry.entities import ModelVersion, RegisteredModel, Stage
from siglum.registry.sql.bulk import ModelRecord, VersionRecord


class MlflowRegistry:
    """Reads the tables of the registry."""

    def __init__(self, database: SourceDatabase, tables: MlflowTables) -> None:
        self._database = database
        self._tables = tables

    def _all(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._database.all(statement, values)

    def read(self) -> Iterator[ModelRecord]:
        """Yield all registered models, by name."""
        tags = by_first(self._all("SELECT name, key, value FROM registered_model_tags"))
        aliases: defaultdict[str, dict[str, str]] = defaultdict(dict)
        if self._tables.has("registered_model_aliases"):
            for name, alias, number in self._all("SELECT name, alias, version FROM registered_model_aliases"):
                aliases[name][alias] = str(number)
        for name, created, updated, description in self._all(
            "SELECT name, creation_time, last_updated_time, description FROM registered_models ORDER BY name"
        ):
            versions, highest = self._versions(name)
            model = RegisteredModel(
                name=name,
                creation_timestamp=created or 0,
                last_updated_timestamp=updated or 0,
                description=description or "",
                tags=texts(tags[name]),
                aliases=aliases[name],
            )
            yield ModelRecord(model=model, versions=versions, next_version=highest + 1)

    def _versions(self, name: str) -> tuple[tuple[VersionRecord, ...], int]:
        tags: defaultdict[int, dict[str, Any]] = by_first(
            self._all("SELECT version, key, value FROM model_version_tags WHERE name = ?", (name,))
        )
        run_link = self._tables.optional("model_versions", "run_link")
        location = self._tables.optional("model_versions", "storage_location")
        found: list[VersionRecord] = []
        highest = 0
        for (
            number,
            created,
            updated,
            text,
            user,
            stage,
            source,
            run_id,
            status,
            message,
            link,
            place,
        ) in self._all(
            f"""SELECT version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id,
                    status, status_message, {run_link}, {location}
                FROM model_versions WHERE name = ? ORDER BY version""",  # noqa: S608
            (name,),
        ):
            highest = max(highest, number)
            if stage == DELETED_VERSION:
                continue
            version = ModelVersion(
                name=name,
                version=str(number),
                creation_timestamp=created or 0,
                last_updated_timestamp=updated or 0,
                user_id=user or "",
                current_stage=Stage(stage or "None"),
                description=text or "",
                source=source or "",
                run_id=run_id or "",
                run_link=link or "",
                status=status or "READY",
                status_message=message or "",
                tags=texts(tags[number]),
                model_id=logged_model_of(source or ""),
            )
            found.append(VersionRecord(version, place or source or ""))
        return tuple(found), highest
