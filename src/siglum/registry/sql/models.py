"""Registered models in the database. Each function runs inside a transaction that its caller holds."""

from __future__ import annotations

from typing import Any

import msgspec

from siglum.core.errors import AlreadyExistsError
from siglum.registry.entities import RegisteredModel
from siglum.registry.sql.audit import AuditLog
from siglum.registry.sql.rows import get_model, require_model
from siglum.tracking.entities import Tag
from siglum.tracking.sql.port import Sql


def create(sql: Sql, log: AuditLog, name: str, tags: dict[str, str], description: str, now: int) -> RegisteredModel:
    """Insert a registered model."""
    _require_free(sql, name)
    row = sql.one(
        """INSERT INTO registered_models (name, creation_timestamp, last_updated_timestamp, description)
           VALUES (?, ?, ?, ?) RETURNING model_key""",
        (name, now, now, description),
    )
    assert row is not None, "INSERT … RETURNING returns the row"
    key = row[0]
    sql.many(
        "INSERT INTO registered_model_tags (model_key, key, value) VALUES (?, ?, ?)",
        [(key, tag, value) for tag, value in tags.items()],
    )
    sql.run("INSERT INTO version_counters (name, next_version) VALUES (?, 1) ON CONFLICT DO NOTHING", (name,))
    log.write("create_registered_model", key, name, after={"description": description, "tags": tags})
    return get_model(sql, key)


def _require_free(sql: Sql, name: str) -> None:
    if sql.one("SELECT 1 FROM registered_models WHERE name = ?", (name,)):
        raise AlreadyExistsError(f"Registered Model (name={name}) already exists.")


def touch(sql: Sql, key: int, now: int) -> None:
    """Set the time of the last change."""
    sql.run("UPDATE registered_models SET last_updated_timestamp = ? WHERE model_key = ?", (now, key))


def update(sql: Sql, log: AuditLog, name: str, description: str, now: int) -> RegisteredModel:
    """Replace the description."""
    key = require_model(sql, name)
    before = get_model(sql, key).description
    sql.run("UPDATE registered_models SET description = ? WHERE model_key = ?", (description, key))
    touch(sql, key, now)
    log.write("update_registered_model", key, name, before={"description": before}, after={"description": description})
    return get_model(sql, key)


def rename(sql: Sql, log: AuditLog, name: str, new_name: str, now: int) -> RegisteredModel:
    """Rename; the numbers of versions go on from the higher counter of both names."""
    key = require_model(sql, name)
    if new_name != name:
        _require_free(sql, new_name)
    sql.run("UPDATE registered_models SET name = ? WHERE model_key = ?", (new_name, key))
    sql.run(
        """INSERT INTO version_counters (name, next_version) SELECT ?, next_version FROM version_counters WHERE name = ?
           ON CONFLICT (name) DO UPDATE SET next_version = CASE
               WHEN excluded.next_version > version_counters.next_version THEN excluded.next_version
               ELSE version_counters.next_version END""",
        (new_name, name),
    )
    touch(sql, key, now)
    log.write("rename_registered_model", key, new_name, before={"name": name}, after={"name": new_name})
    return get_model(sql, key)


def delete(sql: Sql, log: AuditLog, name: str) -> None:
    """Remove a registered model with its versions; the audit entry says what there was."""
    key = require_model(sql, name)
    model = get_model(sql, key)
    versions = sql.all(
        "SELECT version, source, run_id, current_stage FROM model_versions WHERE model_key = ? ORDER BY version", (key,)
    )
    before: dict[str, Any] = {
        "description": model.description,
        "tags": model.tags,
        "aliases": model.aliases,
        "versions": [
            {"version": str(version), "source": source, "run_id": run_id, "stage": stage}
            for version, source, run_id, stage in versions
        ],
    }
    for table in (
        "registered_model_aliases",
        "model_version_tags",
        "model_versions",
        "registered_model_tags",
        "registered_models",
    ):
        sql.run(f"DELETE FROM {table} WHERE model_key = ?", (key,))  # noqa: S608
    log.write("delete_registered_model", key, name, before=msgspec.to_builtins(before))


def set_tag(sql: Sql, log: AuditLog, name: str, tag: Tag, now: int) -> None:
    """Set or replace one tag."""
    key = require_model(sql, name)
    row = sql.one("SELECT value FROM registered_model_tags WHERE model_key = ? AND key = ?", (key, tag.key))
    sql.run(
        """INSERT INTO registered_model_tags (model_key, key, value) VALUES (?, ?, ?)
           ON CONFLICT (model_key, key) DO UPDATE SET value = excluded.value""",
        (key, tag.key, tag.value),
    )
    touch(sql, key, now)
    log.write(
        "set_registered_model_tag",
        key,
        name,
        before={tag.key: row[0]} if row else None,
        after={tag.key: tag.value},
    )


def delete_tag(sql: Sql, log: AuditLog, name: str, tag: str, now: int) -> None:
    """Remove one tag; nothing happens when it is not there."""
    key = require_model(sql, name)
    row = sql.one("DELETE FROM registered_model_tags WHERE model_key = ? AND key = ? RETURNING value", (key, tag))
    if row is not None:
        touch(sql, key, now)
        log.write("delete_registered_model_tag", key, name, before={tag: row[0]})
