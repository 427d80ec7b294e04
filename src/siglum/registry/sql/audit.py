"""The audit log: one entry for each change, in the transaction that makes it, chained by hashes.

Each entry holds the SHA-256 of itself and of the entry before it, so that a changed, removed or inserted entry shows.
Triggers of the database refuse to change or remove entries. What an owner of the file could still do is to write the
whole chain anew, or to cut its end: that shows only against a copy of a hash kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from siglum.core.errors import IntegrityError
from siglum.core.hashes import canonical_json, sha256_hex
from siglum.registry.entities import AuditEvent, Change
from siglum.tracking.sql.port import Sql, marks

GENESIS: Final = "0" * 64
"""What stands for the hash of the entry before the first."""

_COLUMNS: Final = "seq, time, actor, source, action, model, version, alias, reason, before, after"


class AuditLog:
    """Writes entries of one change, all with its time, actor, source and reason."""

    def __init__(self, sql: Sql, change: Change, now: int) -> None:
        self._sql = sql
        self._change = change
        self._now = now

    def write(
        self,
        action: str,
        model_key: int,
        model: str,
        *,
        version: int | None = None,
        alias: str | None = None,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Append one entry. `before` and `after` hold the fields that changed."""
        row = self._sql.one("SELECT seq, time, hash FROM audit ORDER BY seq DESC LIMIT 1")
        seq, last_time, prev_hash = row or (0, 0, GENESIS)
        event = AuditEvent(
            seq=seq + 1,
            time=max(self._now, last_time),  # a clock that is set back does not disorder the log
            actor=self._change.actor,
            source=self._change.source,
            action=action,
            model=model,
            version=None if version is None else str(version),
            alias=alias,
            reason=self._change.reason,
            before=before,
            after=after,
        )
        self._sql.run(
            f"INSERT INTO audit ({_COLUMNS}, model_key, prev_hash, hash) VALUES ({marks(14)})",  # noqa: S608
            (
                *(event.seq, event.time, event.actor, event.source, event.action, event.model, event.version),
                *(event.alias, event.reason, _json(before), _json(after)),
                *(model_key, prev_hash, entry_hash(event, model_key, prev_hash)),
            ),
        )


def _json(fields: dict[str, Any] | None) -> str | None:
    return None if fields is None else canonical_json(fields).decode()


def entry_hash(event: AuditEvent, model_key: int, prev_hash: str) -> str:
    """Return the SHA-256 of an entry: of its canonical JSON, the hash before it included."""
    record = {"type": "siglum.audit.v1", "model_key": model_key, "prev": prev_hash} | msgspec.to_builtins(event)
    return sha256_hex(canonical_json(record))


def read_event(row: Sequence[Any]) -> AuditEvent:
    """Return a row of the log, without what chains it, as an event."""
    seq, time, actor, source, action, model, version, alias, reason, before, after = row
    return AuditEvent(
        seq=seq,
        time=time,
        actor=actor,
        source=source,
        action=action,
        model=model,
        version=version,
        alias=alias,
        reason=reason,
        before=None if before is None else msgspec.json.decode(before),
        after=None if after is None else msgspec.json.decode(after),
    )


def read(sql: Sql, *, name: str | None, max_results: int, before: int | None) -> tuple[AuditEvent, ...]:
    """Return entries, newest first. A model's include those from before it was renamed, and those of its name."""
    conditions, values = ["1 = 1"], []
    if name is not None:
        conditions.append("(model = ? OR model_key = (SELECT model_key FROM registered_models WHERE name = ?))")
        values += [name, name]
    if before is not None:
        conditions.append("seq < ?")
        values.append(before)  # type: ignore[arg-type]  # texts and numbers alike
    rows = sql.all(
        f"SELECT {_COLUMNS} FROM audit WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?",  # noqa: S608
        (*values, max_results),
    )
    return tuple(read_event(row) for row in rows)


def alias_moves(sql: Sql, model_key: int, alias: str) -> list[tuple[str | None, str | None]]:
    """Return the moves of an alias that were not undone, oldest first, each (from version, to version)."""
    rows = sql.all(
        "SELECT action, before, after FROM audit WHERE model_key = ? AND alias = ? ORDER BY seq", (model_key, alias)
    )
    moves: list[tuple[str | None, str | None]] = []
    for action, before, after in rows:
        if action == "rollback":
            moves.pop()
        else:
            moves.append((_version(before), _version(after)))
    return moves


def _version(fields: str | None) -> str | None:
    version = msgspec.json.decode(fields)["version"] if fields is not None else None
    return None if version is None else str(version)


def verify_chain(sql: Sql) -> int:
    """Return the number of entries. Raises IntegrityError at the first that is not as it was written."""
    prev_hash, count = GENESIS, 0
    for *columns, model_key, stored_prev, stored_hash in sql.all(
        f"SELECT {_COLUMNS}, model_key, prev_hash, hash FROM audit ORDER BY seq"  # noqa: S608
    ):
        count += 1
        event = read_event(tuple(columns))
        if event.seq != count or stored_prev != prev_hash or entry_hash(event, model_key, prev_hash) != stored_hash:
            raise IntegrityError(
                f"The audit log is not as it was written: entry {count} does not match its hash.",
                hint="Compare it with a backup to see what was changed.",
            )
        prev_hash = stored_hash
    return count
