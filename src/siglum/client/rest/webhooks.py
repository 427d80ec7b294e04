"""Webhooks at a server, over MLflow's REST API."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from siglum.client.rest.session import MLFLOW, RestSession
from siglum.registry import webhook_wire
from siglum.registry.webhooks import Webhook, WebhookChange, WebhookEvent
from siglum.tracking.calls import Empty
from siglum.tracking.store import Page

_W = f"{MLFLOW}webhooks"


class RestWebhooks:
    """Who hears of which changes of a server's registry."""

    def __init__(self, session: RestSession) -> None:
        self._session = session

    def create(self, change: WebhookChange) -> Webhook:
        """Make a webhook of what `change` says."""
        request = webhook_wire.CreateWebhook(
            name=change.name or "",
            url=change.url or "",
            events=_events(change.events or ()),
            description=change.description,
            secret=change.secret,
            status=None if change.status is None else change.status.value,
        )
        answer = self._session.call("POST", _W, request, webhook_wire.WebhookAnswer, idempotent=False)
        return webhook_wire.read_webhook(answer.webhook)

    def get(self, webhook_id: str) -> Webhook:
        """Return a webhook. Raises NotFoundError."""
        answer = self._session.call("GET", _path(webhook_id), Empty(), webhook_wire.WebhookAnswer)
        return webhook_wire.read_webhook(answer.webhook)

    def list(self, max_results: int | None, page_token: str | None) -> Page[Webhook]:
        """Return a page of webhooks."""
        request = webhook_wire.ListWebhooks(max_results=max_results, page_token=page_token)
        answer = self._session.call("GET", _W, request, webhook_wire.WebhooksAnswer)
        return Page(tuple(map(webhook_wire.read_webhook, answer.webhooks)), answer.next_page_token or None)

    def update(self, webhook_id: str, change: WebhookChange) -> Webhook:
        """Replace what `change` says."""
        request = webhook_wire.UpdateWebhook(
            webhook_id=webhook_id,
            name=change.name,
            url=change.url,
            events=_events(change.events or ()),
            description=change.description,
            secret=change.secret,
            status=None if change.status is None else change.status.value,
        )
        answer = self._session.call("PATCH", _path(webhook_id), request, webhook_wire.WebhookAnswer)
        return webhook_wire.read_webhook(answer.webhook)

    def delete(self, webhook_id: str) -> None:
        """Forget a webhook."""
        request = webhook_wire.WebhookId(webhook_id=webhook_id)
        self._session.call("DELETE", _path(webhook_id), request, Empty, idempotent=False)

    def test(self, webhook_id: str, event: WebhookEvent | None) -> webhook_wire.WebhookTestResult:
        """Have the server send an example, and return how that went."""
        (message,) = _events([event]) if event is not None else (None,)
        request = webhook_wire.TestWebhook(webhook_id=webhook_id, event=message)
        path = f"{_path(webhook_id)}/test"
        return self._session.call("POST", path, request, webhook_wire.TestWebhookAnswer, idempotent=False).result


def _events(events: Sequence[WebhookEvent]) -> list[webhook_wire.WebhookEventMessage]:
    return [webhook_wire.write_event(event) for event in events]


def _path(webhook_id: str) -> str:
    return f"{_W}/{quote(webhook_id, safe='')}"
