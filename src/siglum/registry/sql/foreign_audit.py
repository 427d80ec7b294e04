"""Entries of another store's audit log, kept in this one's: each as what an entry of its own says came over.

So both hold: this log's chain of hashes is its own, and each entry of the other one is there in full, with its hash.
An entry comes but once, also when it was written here before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from siglum.core.errors import IntegrityError
from siglum.core.names import parse_version
from siglum.registry.entities import AuditEvent
from siglum.registry.sql.audit import AuditLog, entry_hash, read_event
from siglum.tracking.sql.port import Sql

ACTION: Final = "import_audit_entry"


class ForeignEntry(msgspec.Struct, frozen=True):
    """An entry as another store has it, with what its hash is of."""

    event: AuditEvent
    model_key: int
    prev_hash: str
    hash: str


def read_rows(rows: Sequence[Sequence[Any]]) -> list[ForeignEntry]:
    """Return rows in `bulk.AUDIT_COLUMNS` as entries."""
    found = []
    for *before_key, model_key, model, version, alias, reason, before, after, prev_hash, own in rows:
        event = read_event((*before_key, model, version, alias, reason, before, after))
        found.append(ForeignEntry(event, model_key, prev_hash, own))
    return found


def add_entries(sql: Sql, log: AuditLog, entries: Sequence[ForeignEntry]) -> int:
    """Append entries that follow each other; return how many are new.

    Raises IntegrityError when they are not as they were written.
    """
    _check(entries)
    known = {own for (own,) in sql.all("SELECT hash FROM audit")}
    for (after,) in sql.all("SELECT after FROM audit WHERE action = ?", (ACTION,)):
        known.add(msgspec.json.decode(after)["hash"])
    keys: dict[str, int] = dict(sql.all("SELECT name, model_key FROM registered_models"))
    new = [entry for entry in entries if entry.hash not in known]
    for entry in new:
        event = entry.event
        log.write(
            ACTION,
            keys.get(event.model, 0),
            event.model,
            version=None if event.version is None else parse_version(event.version),
            after=msgspec.to_builtins(event) | {"prev_hash": entry.prev_hash, "hash": entry.hash},
        )
    return len(new)


def add_counters(sql: Sql, counters: Mapping[str, int]) -> None:
    """Have the versions of names go on above those of another store, also of models that are gone there."""
    sql.many(
        """INSERT INTO version_counters (name, next_version) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET
               next_version = CASE WHEN excluded.next_version > version_counters.next_version
                                   THEN excluded.next_version ELSE version_counters.next_version END""",
        sorted(counters.items()),
    )


def _check(entries: Sequence[ForeignEntry]) -> None:
    before = entries[0].prev_hash if entries else ""
    for entry in entries:
        if entry.prev_hash != before or entry_hash(entry.event, entry.model_key, entry.prev_hash) != entry.hash:
            raise IntegrityError(
                f"The source's audit log is not as it was written: entry {entry.event.seq} does not match its hash.",
                hint="Compare it with a backup to see what was changed.",
            )
        before = entry.hash
