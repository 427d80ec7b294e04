"""Model versions in the database. Each function runs inside a transaction that its caller holds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.registry.entities import ModelVersion, Stage
from siglum.registry.sql import aliases
from siglum.registry.sql.audit import AuditLog
from siglum.registry.sql.models import touch as touch_model
from siglum.registry.sql.rows import (
    VERSION_COLUMNS,
    VERSIONS,
    get_version,
    load_versions,
    require_model,
    require_version,
)
from siglum.tracking.entities import Tag
from siglum.tracking.sql.port import Sql


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version to be made, checked and complete but for its number."""

    name: str
    source: str
    storage_location: str
    user_id: str
    run_id: str
    run_link: str
    description: str
    model_id: str | None
    tags: dict[str, str]


def create(sql: Sql, log: AuditLog, new: NewVersion, now: int) -> ModelVersion:
    """Insert the next version."""
    key = require_model(sql, new.name)
    row = sql.one(
        "UPDATE version_counters SET next_version = next_version + 1 WHERE name = ? RETURNING next_version - 1",
        (new.name,),
    )
    assert row is not None, "the counter is made with the model"
    number = row[0]
    sql.run(
        """INSERT INTO model_versions (model_key, version, creation_timestamp, last_updated_timestamp, user_id,
               current_stage, description, source, storage_location, run_id, run_link, model_id, status, status_message)
           VALUES (?, ?, ?, ?, ?, 'None', ?, ?, ?, ?, ?, ?, 'READY', '')""",
        (
            *(key, number, now, now, new.user_id, new.description, new.source, new.storage_location),
            *(new.run_id, new.run_link, new.model_id),
        ),
    )
    sql.many(
        "INSERT INTO model_version_tags (model_key, version, key, value) VALUES (?, ?, ?, ?)",
        [(key, number, tag, value) for tag, value in new.tags.items()],
    )
    touch_model(sql, key, now)
    after = {
        "source": new.source,
        "storage_location": new.storage_location,
        "run_id": new.run_id,
        "model_id": new.model_id,
        "description": new.description,
        "tags": new.tags,
    }
    log.write("create_model_version", key, new.name, version=number, after=after)
    return get_version(sql, key, number)


def _touch(sql: Sql, key: int, number: int, now: int) -> None:
    sql.run(
        "UPDATE model_versions SET last_updated_timestamp = ? WHERE model_key = ? AND version = ?", (now, key, number)
    )
    touch_model(sql, key, now)


def update(sql: Sql, log: AuditLog, name: str, version: str, description: str, now: int) -> ModelVersion:
    """Replace the description."""
    key, number = require_version(sql, name, version)
    before = get_version(sql, key, number).description
    sql.run("UPDATE model_versions SET description = ? WHERE model_key = ? AND version = ?", (description, key, number))
    _touch(sql, key, number, now)
    log.write(
        "update_model_version",
        key,
        name,
        version=number,
        before={"description": before},
        after={"description": description},
    )
    return get_version(sql, key, number)


def transition(
    sql: Sql, log: AuditLog, name: str, version: str, stage: Stage, now: int, *, archive_existing: bool
) -> ModelVersion:
    """Move a version to a stage; with `archive_existing`, archive the others that are in it."""
    key, number = require_version(sql, name, version)
    if archive_existing and stage not in (Stage.STAGING, Stage.PRODUCTION):
        raise InvalidInputError(
            f"Existing versions cannot be archived in a transition to stage {stage.value}.",
            hint="That is for transitions to Staging or Production.",
        )
    if archive_existing:
        for (other,) in sql.all(
            "SELECT version FROM model_versions WHERE model_key = ? AND current_stage = ? AND version <> ?",
            (key, stage.value, number),
        ):
            _set_stage(sql, log, name, key, other, Stage.ARCHIVED, now)
    _set_stage(sql, log, name, key, number, stage, now)
    return get_version(sql, key, number)


def _set_stage(sql: Sql, log: AuditLog, name: str, key: int, number: int, stage: Stage, now: int) -> None:
    before = get_version(sql, key, number).current_stage
    sql.run(
        "UPDATE model_versions SET current_stage = ? WHERE model_key = ? AND version = ?", (stage.value, key, number)
    )
    _touch(sql, key, number, now)
    log.write(
        "transition_stage",
        key,
        name,
        version=number,
        before={"stage": before.value},
        after={"stage": stage.value},
    )


def parse_stage(stage: str) -> Stage:
    """Return a stage by its name in any case."""
    for known in Stage:
        if known.value.lower() == stage.lower():
            return known
    names = ", ".join(known.value for known in Stage)
    raise InvalidInputError(f"Invalid Model Version stage: {stage!r}.", hint=f"Use one of {names}.")


def delete(sql: Sql, log: AuditLog, name: str, version: str, now: int) -> None:
    """Remove a version and the aliases that point at it; the audit entries say what there was."""
    key, number = require_version(sql, name, version)
    gone = get_version(sql, key, number)
    for alias in gone.aliases:
        aliases.delete(sql, log, name, alias, now)
    sql.run("DELETE FROM model_version_tags WHERE model_key = ? AND version = ?", (key, number))
    sql.run("DELETE FROM model_versions WHERE model_key = ? AND version = ?", (key, number))
    touch_model(sql, key, now)
    before = {
        "source": gone.source,
        "run_id": gone.run_id,
        "model_id": gone.model_id,
        "stage": gone.current_stage.value,
        "description": gone.description,
        "tags": gone.tags,
    }
    log.write("delete_model_version", key, name, version=number, before=before)


def set_tag(sql: Sql, log: AuditLog, name: str, version: str, tag: Tag, now: int) -> None:
    """Set or replace one tag."""
    key, number = require_version(sql, name, version)
    row = sql.one(
        "SELECT value FROM model_version_tags WHERE model_key = ? AND version = ? AND key = ?", (key, number, tag.key)
    )
    sql.run(
        """INSERT INTO model_version_tags (model_key, version, key, value) VALUES (?, ?, ?, ?)
           ON CONFLICT (model_key, version, key) DO UPDATE SET value = excluded.value""",
        (key, number, tag.key, tag.value),
    )
    _touch(sql, key, number, now)
    log.write(
        "set_model_version_tag",
        key,
        name,
        version=number,
        before={tag.key: row[0]} if row else None,
        after={tag.key: tag.value},
    )


def delete_tag(sql: Sql, log: AuditLog, name: str, version: str, tag: str, now: int) -> None:
    """Remove one tag; nothing happens when it is not there."""
    key, number = require_version(sql, name, version)
    row = sql.one(
        "DELETE FROM model_version_tags WHERE model_key = ? AND version = ? AND key = ? RETURNING value",
        (key, number, tag),
    )
    if row is not None:
        _touch(sql, key, number, now)
        log.write("delete_model_version_tag", key, name, version=number, before={tag: row[0]})


def latest(sql: Sql, name: str, stages: Sequence[Stage]) -> tuple[ModelVersion, ...]:
    """Return the highest version of each of the stages, of every stage when none is named."""
    key = require_model(sql, name)
    rows = sql.all(
        f"""SELECT {VERSION_COLUMNS} FROM {VERSIONS} WHERE v.model_key = ? AND v.version IN
            (SELECT max(version) FROM model_versions WHERE model_key = ? GROUP BY current_stage)
            ORDER BY v.version""",  # noqa: S608
        (key, key),
    )
    wanted = set(stages) or set(Stage)
    return tuple(version for version in load_versions(sql, rows) if version.current_stage in wanted)


def download_uri(sql: Sql, name: str, version: str) -> str:
    """Return where the version's files are."""
    key, number = require_version(sql, name, version)
    row = sql.one("SELECT storage_location FROM model_versions WHERE model_key = ? AND version = ?", (key, number))
    assert row is not None, "it was there a moment ago, in this transaction"
    return str(row[0])
