"""MlflowClient: webhooks, which a server sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from siglum.client.mlflow_client.base import ClientBase
from siglum.client.paging import PagedList
from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.core.text import did_you_mean

if TYPE_CHECKING:
    from siglum.client.rest.webhooks import RestWebhooks
    from siglum.registry.webhook_wire import WebhookTestResult
    from siglum.registry.webhooks import Webhook, WebhookChange, WebhookEvent, WebhookStatus


class WebhookMethods(ClientBase):
    """Who hears of which changes of the registry. Each raises NotSupportedError where no server keeps it."""

    def create_webhook(
        self,
        name: str,
        url: str,
        events: Sequence[str | WebhookEvent],
        description: str | None = None,
        secret: str | None = None,
        status: str | WebhookStatus | None = None,
    ) -> Webhook:
        """Have a URL told of events, such as `model_version_alias.created`; `secret` signs what is sent."""
        return self._webhooks().create(_change(name, url, events, description, secret, status))

    def get_webhook(self, webhook_id: str) -> Webhook:
        """Return a webhook. Raises NotFoundError."""
        return self._webhooks().get(webhook_id)

    def list_webhooks(self, max_results: int | None = None, page_token: str | None = None) -> PagedList[Webhook]:
        """Return one page of webhooks."""
        return PagedList(self._webhooks().list(max_results, page_token))

    def update_webhook(
        self,
        webhook_id: str,
        name: str | None = None,
        description: str | None = None,
        url: str | None = None,
        events: Sequence[str | WebhookEvent] | None = None,
        secret: str | None = None,
        status: str | WebhookStatus | None = None,
    ) -> Webhook:
        """Replace what is given of a webhook."""
        return self._webhooks().update(webhook_id, _change(name, url, events, description, secret, status))

    def delete_webhook(self, webhook_id: str) -> None:
        """Forget a webhook."""
        self._webhooks().delete(webhook_id)

    def test_webhook(self, webhook_id: str, event: str | WebhookEvent | None = None) -> WebhookTestResult:
        """Have an example sent, of the first event that the webhook asks for when none is given."""
        return self._webhooks().test(webhook_id, None if event is None else _event(event))

    def _webhooks(self) -> RestWebhooks:
        # Only who keeps webhooks needs them, and what speaks to servers.
        from siglum.client.rest.registry import RestRegistryStore
        from siglum.client.rest.webhooks import RestWebhooks

        registry = self._registry
        if not isinstance(registry, RestRegistryStore):
            raise NotSupportedError(
                "Webhooks are sent by a server, and this registry is a database.",
                hint="Start 'siglum server', and give its URL as the tracking URI.",
            )
        return RestWebhooks(registry.session)


def _change(
    name: str | None,
    url: str | None,
    events: Sequence[str | WebhookEvent] | None,
    description: str | None,
    secret: str | None,
    status: str | WebhookStatus | None,
) -> WebhookChange:
    from siglum.registry.webhooks import WebhookChange, WebhookStatus

    try:
        parsed = None if status is None else WebhookStatus(status)
    except ValueError:
        raise InvalidInputError(f"{status!r} is not the status of a webhook.", hint="Use ACTIVE or DISABLED.") from None
    return WebhookChange(
        name=name,
        url=url,
        events=None if events is None else tuple(map(_event, events)),
        description=description,
        secret=secret,
        status=parsed,
    )


def _event(given: str | WebhookEvent) -> WebhookEvent:
    from siglum.registry.webhooks import SENT_EVENTS, WebhookAction, WebhookEntity, WebhookEvent

    if isinstance(given, WebhookEvent):
        entity, action = str(given.entity), str(given.action)
    else:
        entity, _, action = given.partition(".")
    try:
        return WebhookEvent(WebhookEntity(entity), WebhookAction(action))
    except ValueError:
        known = [f"{each.entity}.{each.action}" for each in SENT_EVENTS]
        hint = did_you_mean(str(given), known) or f"Use one of {', '.join(known)}."
        raise InvalidInputError(f"{given!r} is not an event.", hint=hint) from None
