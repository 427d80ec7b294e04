"""MLflow's REST messages for webhooks, and conversions from and to entities. A secret goes in and never comes out."""

from __future__ import annotations

import enum
from typing import TypeVar

from siglum.core.errors import InvalidInputError
from siglum.registry.webhooks import (
    Webhook,
    WebhookAction,
    WebhookChange,
    WebhookEntity,
    WebhookEvent,
    WebhookStatus,
)
from siglum.tracking.messages import Int64, Message, Named

E = TypeVar("E", bound=enum.StrEnum)


class WebhookEventMessage(Message, kw_only=True):
    """A kind of change, by the names or numbers of its parts."""

    entity: Named
    action: Named


class WebhookMessage(Message, kw_only=True):
    """A webhook."""

    webhook_id: str
    name: str
    description: str | None = None
    url: str
    events: list[WebhookEventMessage] = []
    status: str
    creation_timestamp: Int64
    last_updated_timestamp: Int64


class CreateWebhook(Message, kw_only=True):
    """POST webhooks."""

    name: str
    url: str
    events: list[WebhookEventMessage]
    description: str | None = None
    secret: str | None = None
    status: Named | None = None


class WebhookId(Message, kw_only=True):
    """A request whose path names the webhook: get, delete."""

    webhook_id: str = ""


class ListWebhooks(Message, kw_only=True):
    """GET webhooks. 0 results means the server's default."""

    max_results: Int64 | None = None
    page_token: str | None = None


class UpdateWebhook(WebhookId, kw_only=True):
    """PATCH webhooks/{webhook_id}. No events means that they stay."""

    name: str | None = None
    description: str | None = None
    url: str | None = None
    events: list[WebhookEventMessage] = []
    secret: str | None = None
    status: Named | None = None


class TestWebhook(WebhookId, kw_only=True):
    """POST webhooks/{webhook_id}/test. Without an event, it is the first that the webhook asks for."""

    event: WebhookEventMessage | None = None


class WebhookAnswer(Message, kw_only=True):
    """One webhook."""

    webhook: WebhookMessage


class WebhooksAnswer(Message, kw_only=True):
    """A page of webhooks."""

    webhooks: list[WebhookMessage] = []
    next_page_token: str | None = None


class WebhookTestResult(Message, kw_only=True, omit_defaults=False):
    """How a delivery went. What the receiver said is not told: a webhook is no way to read from its host."""

    success: bool
    response_status: int | None = None
    error_message: str | None = None


class TestWebhookAnswer(Message, kw_only=True):
    """How the delivery of a test went."""

    result: WebhookTestResult


def _member(kind: type[E], field: str, value: Named, first: int) -> E:
    for number, member in enumerate(kind, start=first):
        if value in (member.name, number):
            return member
    raise InvalidInputError(
        f"Invalid value for parameter '{field}' supplied.", hint=f"Use one of {', '.join(kind.__members__)}."
    )


def read_event(message: WebhookEventMessage) -> WebhookEvent:
    """Return a message as an event. Raises InvalidInputError for unknown names."""
    return WebhookEvent(
        _member(WebhookEntity, "entity", message.entity, 1), _member(WebhookAction, "action", message.action, 1)
    )


def write_event(event: WebhookEvent) -> WebhookEventMessage:
    """Return an event as a message."""
    return WebhookEventMessage(entity=event.entity.name, action=event.action.name)


def read_change(message: CreateWebhook | UpdateWebhook) -> WebhookChange:
    """Return what a message sets. A new webhook has events in any case, if only none."""
    events = tuple(read_event(event) for event in message.events)
    return WebhookChange(
        name=message.name or None,
        url=message.url or None,
        events=events if events or isinstance(message, CreateWebhook) else None,
        description=message.description,
        secret=message.secret,
        status=None if message.status is None else _member(WebhookStatus, "status", message.status, 1),
    )


def write_webhook(webhook: Webhook) -> WebhookMessage:
    """Return a webhook as a message."""
    return WebhookMessage(
        webhook_id=webhook.webhook_id,
        name=webhook.name,
        description=webhook.description,
        url=webhook.url,
        events=list(map(write_event, webhook.events)),
        status=webhook.status.value,
        creation_timestamp=webhook.creation_timestamp,
        last_updated_timestamp=webhook.last_updated_timestamp,
    )


def read_webhook(message: WebhookMessage) -> Webhook:
    """Return a message as a webhook."""
    return Webhook(
        webhook_id=message.webhook_id,
        name=message.name,
        url=message.url,
        events=tuple(map(read_event, message.events)),
        status=_member(WebhookStatus, "status", message.status, 1),
        creation_timestamp=int(message.creation_timestamp),
        last_updated_timestamp=int(message.last_updated_timestamp),
        description=message.description,
    )
