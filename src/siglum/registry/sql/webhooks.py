"""`WebhookStore` on a database, which it shares with the stores of runs and models and does not own."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from typing import Final

from siglum.core import limits
from siglum.core.errors import NotFoundError, SiglumError
from siglum.core.names import check_page_size
from siglum.registry.webhook_secrets import SEALED, SecretBox
from siglum.registry.webhooks import (
    Receiver,
    Webhook,
    WebhookAction,
    WebhookChange,
    WebhookEntity,
    WebhookEvent,
    WebhookStatus,
)
from siglum.tracking.search.compile import SortKey
from siglum.tracking.search.paging import query_digest
from siglum.tracking.sql.database import Database
from siglum.tracking.sql.pages import PageQuery, grouped
from siglum.tracking.sql.port import Row, Sql, marks
from siglum.tracking.store import Page

_log = logging.getLogger(__name__)
_COLUMNS: Final = "webhook_id, name, description, url, status, creation_timestamp, last_updated_timestamp"


class SqlWebhookStore:
    """Webhooks in a database."""

    def __init__(self, database: Database, secrets: SecretBox) -> None:
        self.database = database
        self._secrets = secrets

    def seal_secrets(self) -> int:
        """Encrypt the secrets that are kept in the clear; return how many there were."""
        unsealed = "SELECT webhook_id, secret FROM webhooks WHERE secret <> '' AND secret NOT LIKE ?"
        if not self.database.read(lambda sql: sql.one(unsealed, (f"{SEALED}%",))):
            return 0
        self._secrets.seal("")  # makes the key, or says why not, before a transaction begins

        def work(sql: Sql) -> int:
            rows = sql.all(unsealed, (f"{SEALED}%",))
            sql.many(
                "UPDATE webhooks SET secret = ? WHERE webhook_id = ?",
                [(self._secrets.seal(secret), webhook_id) for webhook_id, secret in rows],
            )
            return len(rows)

        return self.database.write(work)

    def create_webhook(self, change: WebhookChange) -> Webhook:
        change.check()
        assert change.name is not None, "a new webhook has one"
        assert change.url is not None, "a new webhook has one"
        now = self.database.clock()
        webhook = Webhook(
            webhook_id=str(uuid.uuid4()),
            name=change.name,
            url=change.url,
            events=change.events or (),
            status=change.status or WebhookStatus.ACTIVE,
            creation_timestamp=now,
            last_updated_timestamp=now,
            description=change.description,
        )
        self.take_webhook(webhook, change.secret)
        return self.get_webhook(webhook.webhook_id)

    def take_webhook(self, webhook: Webhook, secret: str | None) -> bool:
        sealed = self._secrets.seal(secret) if secret else None

        def work(sql: Sql) -> bool:
            if sql.one("SELECT 1 FROM webhooks WHERE webhook_id = ?", (webhook.webhook_id,)):
                return False
            sql.run(
                f"INSERT INTO webhooks ({_COLUMNS}, secret) VALUES ({marks(8)})",  # noqa: S608
                (
                    *(webhook.webhook_id, webhook.name, webhook.description, webhook.url, webhook.status.value),
                    *(webhook.creation_timestamp, webhook.last_updated_timestamp, sealed),
                ),
            )
            _put_events(sql, webhook.webhook_id, webhook.events)
            return True

        return self.database.write(work)

    def get_webhook(self, webhook_id: str) -> Webhook:
        return self.database.read(lambda sql: _get(sql, webhook_id))

    def list_webhooks(self, *, max_results: int = 100, page_token: str | None = None) -> Page[Webhook]:
        check_page_size(max_results, limits.WEBHOOKS_PAGE)
        query = PageQuery(
            columns=_COLUMNS,
            source="webhooks",
            conditions=(),
            keys=(SortKey("creation_timestamp", descending=True), SortKey("webhook_id")),
            digest=query_digest("webhooks"),
            max_results=max_results,
            page_token=page_token,
        )

        def work(sql: Sql) -> Page[Webhook]:
            rows, token = query.run(sql)
            return Page(tuple(_load(sql, rows)), token)

        return self.database.read(work)

    def update_webhook(self, webhook_id: str, change: WebhookChange) -> Webhook:
        change.check()
        now = self.database.clock()
        secret = self._secrets.seal(change.secret) if change.secret else change.secret

        def work(sql: Sql) -> Webhook:
            _get(sql, webhook_id)
            new = {
                "name": change.name,
                "description": change.description,
                "url": change.url,
                "secret": secret,
                "status": change.status and change.status.value,
            }
            changed = {column: value for column, value in new.items() if value is not None}
            assignments = "".join(f"{column} = ?, " for column in changed)
            sql.run(
                f"UPDATE webhooks SET {assignments}last_updated_timestamp = ? WHERE webhook_id = ?",  # noqa: S608
                (*changed.values(), now, webhook_id),
            )
            if change.events is not None:
                sql.run("DELETE FROM webhook_events WHERE webhook_id = ?", (webhook_id,))
                _put_events(sql, webhook_id, change.events)
            return _get(sql, webhook_id)

        return self.database.write(work)

    def delete_webhook(self, webhook_id: str) -> None:
        def work(sql: Sql) -> None:
            _get(sql, webhook_id)
            sql.run("DELETE FROM webhook_events WHERE webhook_id = ?", (webhook_id,))
            sql.run("DELETE FROM webhooks WHERE webhook_id = ?", (webhook_id,))

        self.database.write(work)

    def webhook_receiver(self, webhook_id: str) -> Receiver:
        row = self.database.read(
            lambda sql: sql.one("SELECT url, secret FROM webhooks WHERE webhook_id = ?", (webhook_id,))
        )
        if row is None:
            raise _not_found(webhook_id)
        return self._receiver(*row)

    def webhook_receivers(self, event: WebhookEvent) -> Sequence[Receiver]:
        rows = self.database.read(
            lambda sql: sql.all(
                """SELECT w.url, w.secret FROM webhooks w JOIN webhook_events e ON e.webhook_id = w.webhook_id
                   WHERE e.entity = ? AND e.action = ? AND w.status = ? ORDER BY w.creation_timestamp, w.webhook_id""",
                (event.entity.value, event.action.value, WebhookStatus.ACTIVE.value),
            )
        )
        receivers = []
        for row in rows:
            try:
                receivers.append(self._receiver(*row))
            except SiglumError as error:  # the others still hear of it; nothing is ever sent without its signature
                _log.warning("A webhook gets no deliveries. %s", error)
        return receivers

    def _receiver(self, url: str, secret: str | None) -> Receiver:
        return Receiver(url, self._secrets.open(secret) if secret else secret)


def _put_events(sql: Sql, webhook_id: str, events: Sequence[WebhookEvent]) -> None:
    sql.many(
        "INSERT INTO webhook_events (webhook_id, entity, action) VALUES (?, ?, ?)",
        [(webhook_id, event.entity.value, event.action.value) for event in dict.fromkeys(events)],
    )


def _get(sql: Sql, webhook_id: str) -> Webhook:
    row = sql.one(f"SELECT {_COLUMNS} FROM webhooks WHERE webhook_id = ?", (webhook_id,))  # noqa: S608
    if row is None:
        raise _not_found(webhook_id)
    return _load(sql, [row])[0]


def _load(sql: Sql, rows: Sequence[Row]) -> list[Webhook]:
    ids = [row[0] for row in rows]
    events = grouped(
        sql.all(
            f"""SELECT webhook_id, entity, action FROM webhook_events WHERE webhook_id IN ({marks(len(ids))})
                ORDER BY entity, action""",  # noqa: S608
            ids,
        ),
        lambda entity, action: WebhookEvent(WebhookEntity(entity), WebhookAction(action)),
    )
    return [
        Webhook(
            webhook_id=row[0],
            name=row[1],
            description=row[2],
            url=row[3],
            events=tuple(events.get(row[0], ())),
            status=WebhookStatus(row[4]),
            creation_timestamp=row[5],
            last_updated_timestamp=row[6],
        )
        for row in rows
    ]


def _not_found(webhook_id: str) -> NotFoundError:
    return NotFoundError(f"Webhook with ID {webhook_id} not found.")
