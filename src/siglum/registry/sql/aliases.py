"""Aliases: moving them, and moving them back by what the audit log says."""

from __future__ import annotations

from siglum.core.errors import ConflictError
from siglum.registry.entities import AliasMove
from siglum.registry.sql.audit import AuditLog, alias_moves
from siglum.registry.sql.models import touch
from siglum.registry.sql.rows import require_model, require_version
from siglum.tracking.sql.port import Sql


def _target(sql: Sql, key: int, alias: str) -> str | None:
    row = sql.one("SELECT version FROM registered_model_aliases WHERE model_key = ? AND alias = ?", (key, alias))
    return str(row[0]) if row else None


def _move(
    sql: Sql, log: AuditLog, action: str, name: str, key: int, alias: str, to_version: str, now: int
) -> AliasMove:
    before = _target(sql, key, alias)
    sql.run(
        """INSERT INTO registered_model_aliases (model_key, alias, version) VALUES (?, ?, ?)
           ON CONFLICT (model_key, alias) DO UPDATE SET version = excluded.version""",
        (key, alias, int(to_version)),
    )
    touch(sql, key, now)
    log.write(
        action,
        key,
        name,
        version=int(to_version),
        alias=alias,
        before=None if before is None else {"version": before},
        after={"version": to_version},
    )
    return AliasMove(name, alias, before, to_version)


def set_(sql: Sql, log: AuditLog, name: str, alias: str, version: str, now: int) -> AliasMove:
    """Point an alias at a version. Where it points there already nothing changes, and nothing is logged."""
    key, number = require_version(sql, name, version)
    if _target(sql, key, alias) == str(number):
        return AliasMove(name, alias, str(number), str(number))
    return _move(sql, log, "set_alias", name, key, alias, str(number), now)


def delete(sql: Sql, log: AuditLog, name: str, alias: str, now: int) -> AliasMove:
    """Remove an alias; nothing happens when it is not there."""
    key = require_model(sql, name)
    before = _target(sql, key, alias)
    if before is not None:
        sql.run("DELETE FROM registered_model_aliases WHERE model_key = ? AND alias = ?", (key, alias))
        touch(sql, key, now)
        log.write("delete_alias", key, name, version=int(before), alias=alias, before={"version": before})
    return AliasMove(name, alias, before, None)


def rollback(sql: Sql, log: AuditLog, name: str, alias: str, now: int) -> AliasMove:
    """Undo the last move of an alias that was not undone."""
    key = require_model(sql, name)
    moves = alias_moves(sql, key, alias)
    target = moves[-1][0] if moves else None
    if target is None:
        raise ConflictError(
            f"Alias {alias!r} of {name!r} has no earlier version on record to go back to.",
            hint=f"It pointed nowhere before it was set to version {moves[-1][1]}." if moves else None,
        )
    if sql.one("SELECT 1 FROM model_versions WHERE model_key = ? AND version = ?", (key, int(target))) is None:
        raise ConflictError(
            f"Alias {alias!r} of {name!r} pointed at version {target} before, which has been deleted.",
            hint="Point the alias at another version.",
        )
    return _move(sql, log, "rollback", name, key, alias, target, now)
