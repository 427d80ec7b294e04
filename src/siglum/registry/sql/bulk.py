"""Moving whole registries into the database: models and versions with their numbers, times, stages and aliases.

What is there already stays as it is. What is added goes to the audit log as any other change does; the audit log of
another registry can be taken over as it is, by an empty one only. Each function runs inside a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from siglum.core.names import parse_version
from siglum.registry.entities import ModelVersion, RegisteredModel, Stage
from siglum.registry.sql.audit import AuditLog, verify_chain
from siglum.registry.sql.foreign_audit import add_counters
from siglum.tracking.sql.port import Row, Sql, marks

AUDIT_COLUMNS = (
    "seq, time, actor, source, action, model_key, model, version, alias, reason, before, after, prev_hash, hash"
)

_WEBHOOK_COLUMNS = "webhook_id, name, description, url, secret, status, creation_timestamp, last_updated_timestamp"


class VersionRecord(msgspec.Struct, frozen=True):
    """A version and where its files are."""

    version: ModelVersion
    storage_location: str


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model with its versions. `next_version` counts deleted ones; `key` is what an audit log calls it."""

    model: RegisteredModel
    versions: tuple[VersionRecord, ...] = ()
    next_version: int
    key: int | None = None


def is_empty(sql: Sql) -> bool:
    """Whether no model was ever registered here."""
    return sql.one("SELECT 1 FROM audit LIMIT 1") is None


def has_version(sql: Sql, name: str, version: str) -> bool:
    """Whether a version is here."""
    row = sql.one(
        """SELECT 1 FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key
           WHERE m.name = ? AND v.version = ?""",
        (name, parse_version(version)),
    )
    return row is not None


def has_model(sql: Sql, name: str) -> bool:
    """Whether a registered model is here."""
    return sql.one("SELECT 1 FROM registered_models WHERE name = ?", (name,)) is not None


def add_model(sql: Sql, log: AuditLog | None, record: ModelRecord) -> int:
    """Insert a registered model, or what it lacks; returns how many versions were new. Without `log`, nothing is said.

    Aliases that are here stay where they point.
    """
    model = record.model
    row = sql.one("SELECT model_key FROM registered_models WHERE name = ?", (model.name,))
    key = _insert_model(sql, log, record) if row is None else int(row[0])
    sql.many(
        "INSERT INTO registered_model_tags (model_key, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(key, tag, value) for tag, value in model.tags.items()],
    )
    added = sum(_add_version(sql, log, key, each) for each in record.versions)
    for alias, version in sorted(model.aliases.items()):
        _add_alias(sql, log, model.name, key, alias, parse_version(version))
    add_counters(sql, {model.name: record.next_version})
    return added


def _insert_model(sql: Sql, log: AuditLog | None, record: ModelRecord) -> int:
    model = record.model
    values = (model.name, model.creation_timestamp, model.last_updated_timestamp, model.description)
    columns = "name, creation_timestamp, last_updated_timestamp, description"
    if record.key is None or log is not None:  # only a registry that is taken over as a whole keeps its keys
        row = sql.one(
            f"INSERT INTO registered_models ({columns}) VALUES (?, ?, ?, ?) RETURNING model_key",  # noqa: S608
            values,
        )
    else:
        row = sql.one(
            f"INSERT INTO registered_models ({columns}, model_key) VALUES (?, ?, ?, ?, ?) RETURNING model_key",  # noqa: S608
            (*values, record.key),
        )
    assert row is not None, "INSERT … RETURNING returns the row"
    key = int(row[0])
    if log is not None:
        after = {"description": model.description, "tags": model.tags}
        log.write("create_registered_model", key, model.name, after=after)
    return key


def _add_version(sql: Sql, log: AuditLog | None, key: int, record: VersionRecord) -> bool:
    version = record.version
    number = parse_version(version.version)
    if sql.one("SELECT 1 FROM model_versions WHERE model_key = ? AND version = ?", (key, number)):
        return False
    sql.run(
        f"""INSERT INTO model_versions (model_key, version, creation_timestamp, last_updated_timestamp, user_id,
               current_stage, description, source, storage_location, run_id, run_link, model_id, status, status_message)
           VALUES ({marks(14)})""",  # noqa: S608
        (
            *(key, number, version.creation_timestamp, version.last_updated_timestamp, version.user_id),
            *(version.current_stage.value, version.description, version.source, record.storage_location),
            *(version.run_id, version.run_link, version.model_id, version.status, version.status_message),
        ),
    )
    sql.many(
        "INSERT INTO model_version_tags (model_key, version, key, value) VALUES (?, ?, ?, ?)",
        [(key, number, tag, value) for tag, value in version.tags.items()],
    )
    if log is not None:
        _say_version(log, key, number, record)
    return True


def _say_version(log: AuditLog, key: int, number: int, record: VersionRecord) -> None:
    version = record.version
    after: dict[str, Any] = {
        "source": version.source,
        "storage_location": record.storage_location,
        "run_id": version.run_id,
        "model_id": version.model_id,
        "description": version.description,
        "tags": version.tags,
    }
    log.write("create_model_version", key, version.name, version=number, after=after)
    if version.current_stage is not Stage.NONE:
        stages = {"stage": Stage.NONE.value}, {"stage": version.current_stage.value}
        log.write("transition_stage", key, version.name, version=number, before=stages[0], after=stages[1])


def _add_alias(sql: Sql, log: AuditLog | None, name: str, key: int, alias: str, number: int) -> None:
    if sql.one("SELECT 1 FROM registered_model_aliases WHERE model_key = ? AND alias = ?", (key, alias)):
        return
    if sql.one("SELECT 1 FROM model_versions WHERE model_key = ? AND version = ?", (key, number)) is None:
        return  # it would point at nothing
    sql.run("INSERT INTO registered_model_aliases (model_key, alias, version) VALUES (?, ?, ?)", (key, alias, number))
    if log is not None:
        log.write("set_alias", key, name, version=number, alias=alias, after={"version": str(number)})


# -- whole registries, with their history ------------------------------------------------------------------------------
def audit_rows(sql: Sql) -> list[Row]:
    """Return the audit log as it is, in AUDIT_COLUMNS."""
    return sql.all(f"SELECT {AUDIT_COLUMNS} FROM audit ORDER BY seq")  # noqa: S608


def keys_and_counters(sql: Sql) -> tuple[dict[str, int], dict[str, int]]:
    """Return the keys of models, and the next version number of every name that was ever used."""
    keys: dict[str, int] = dict(sql.all("SELECT name, model_key FROM registered_models"))
    counters: dict[str, int] = dict(sql.all("SELECT name, next_version FROM version_counters"))
    return keys, counters


def webhook_rows(sql: Sql) -> tuple[list[Row], list[Row]]:
    """Return the webhooks with their secrets, and the events of each."""
    return (
        sql.all(f"SELECT {_WEBHOOK_COLUMNS} FROM webhooks ORDER BY creation_timestamp, webhook_id"),  # noqa: S608
        sql.all("SELECT webhook_id, entity, action FROM webhook_events ORDER BY webhook_id, entity, action"),
    )


def restore_webhooks(sql: Sql, webhooks: Sequence[Sequence[Any]], events: Sequence[Sequence[Any]]) -> int:
    """Store webhooks with their secrets as they are; return how many are new. Those that are here stay."""
    here = {webhook_id for (webhook_id,) in sql.all("SELECT webhook_id FROM webhooks")}
    new = [row for row in webhooks if row[0] not in here]
    for row in new:
        sql.run(
            f"INSERT INTO webhooks ({_WEBHOOK_COLUMNS}) VALUES ({marks(8)})",  # noqa: S608
            row,
        )
    sql.many(
        "INSERT INTO webhook_events (webhook_id, entity, action) VALUES (?, ?, ?)",
        [row for row in events if row[0] not in here],
    )
    return len(new)


def restore(sql: Sql, records: Sequence[ModelRecord], audit: Sequence[Sequence[Any]], counters: dict[str, int]) -> int:
    """Fill an empty registry with models, and with the audit log as it was. Returns the number of versions.

    Raises IntegrityError when the log is not as it was written.
    """
    added = sum(add_model(sql, None, record) for record in records)
    sql.continue_numbers("registered_models", "model_key")
    for name, number in counters.items():
        sql.run(
            "INSERT INTO version_counters (name, next_version) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, number)
        )
    for row in audit:
        sql.run(f"INSERT INTO audit ({AUDIT_COLUMNS}) VALUES ({marks(14)})", row)  # noqa: S608
    verify_chain(sql)
    return added
