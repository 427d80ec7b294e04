"""The history of a registry as a server takes it: rows of the audit log and of webhooks as messages."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from siglum.migration.reader import RegistryHistory
from siglum.registry.import_wire import ImportAuditEntry, ImportHistory
from siglum.registry.sql.foreign_audit import read_rows
from siglum.registry.webhook_wire import WebhookEventMessage, WebhookMessage
from siglum.registry.webhooks import WebhookAction, WebhookEntity


def write_history(history: RegistryHistory) -> ImportHistory:
    """Return the audit log, and the next numbers of versions."""
    entries = [
        ImportAuditEntry(
            **msgspec.structs.asdict(entry.event),
            model_key=entry.model_key,
            prev_hash=entry.prev_hash,
            hash=entry.hash,
        )
        for entry in read_rows(history.audit)
    ]
    return ImportHistory(entries=entries, counters=history.counters)


def webhooks_of(history: RegistryHistory) -> Iterator[tuple[WebhookMessage, str | None]]:
    """Yield each webhook, and its secret as it is kept."""
    for webhook_id, name, description, url, secret, status, created, updated in history.webhooks:
        events = [
            WebhookEventMessage(entity=WebhookEntity(entity).name, action=WebhookAction(action).name)
            for of, entity, action in history.webhook_events
            if of == webhook_id
        ]
        webhook = WebhookMessage(
            webhook_id=webhook_id,
            name=name,
            description=description,
            url=url,
            events=events,
            status=status,
            creation_timestamp=created,
            last_updated_timestamp=updated,
        )
        yield webhook, secret
