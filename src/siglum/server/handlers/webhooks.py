"""Webhooks."""

from __future__ import annotations

from siglum.core.errors import InvalidInputError
from siglum.registry import webhook_wire
from siglum.registry.webhooks import check_events
from siglum.server.route import Call, Services
from siglum.tracking.calls import Empty

DEFAULT_PAGE = 100


def create(services: Services, request: webhook_wire.CreateWebhook, _call: Call) -> webhook_wire.WebhookAnswer:
    """Keep a webhook, once its URL has been judged."""
    change = webhook_wire.read_change(request)
    if change.name is None or change.url is None:
        missing = "url" if change.name else "name"
        raise InvalidInputError(f"Missing value for required parameter '{missing}'.")
    change.check()
    services.sender.rules.check(change.url)
    return webhook_wire.WebhookAnswer(webhook=webhook_wire.write_webhook(services.webhooks.create_webhook(change)))


def get(services: Services, request: webhook_wire.WebhookId, _call: Call) -> webhook_wire.WebhookAnswer:
    """Return a webhook."""
    found = services.webhooks.get_webhook(request.webhook_id)
    return webhook_wire.WebhookAnswer(webhook=webhook_wire.write_webhook(found))


def list_all(services: Services, request: webhook_wire.ListWebhooks, _call: Call) -> webhook_wire.WebhooksAnswer:
    """Return a page of webhooks."""
    page = services.webhooks.list_webhooks(
        max_results=request.max_results or DEFAULT_PAGE, page_token=request.page_token or None
    )
    return webhook_wire.WebhooksAnswer(
        webhooks=[webhook_wire.write_webhook(item) for item in page.items], next_page_token=page.next_token
    )


def update(services: Services, request: webhook_wire.UpdateWebhook, _call: Call) -> webhook_wire.WebhookAnswer:
    """Change a webhook."""
    change = webhook_wire.read_change(request)
    change.check()
    if change.url is not None:
        services.sender.rules.check(change.url)
    changed = services.webhooks.update_webhook(request.webhook_id, change)
    return webhook_wire.WebhookAnswer(webhook=webhook_wire.write_webhook(changed))


def delete(services: Services, request: webhook_wire.WebhookId, _call: Call) -> Empty:
    """Forget a webhook."""
    services.webhooks.delete_webhook(request.webhook_id)
    return Empty()


def test(services: Services, request: webhook_wire.TestWebhook, _call: Call) -> webhook_wire.TestWebhookAnswer:
    """Send a webhook an example."""
    if request.event is None:
        event = services.webhooks.get_webhook(request.webhook_id).events[0]
    else:
        event = webhook_wire.read_event(request.event)
        check_events([event])
    outcome = services.sender.test(request.webhook_id, event)
    return webhook_wire.TestWebhookAnswer(
        result=webhook_wire.WebhookTestResult(
            success=outcome.success, response_status=outcome.status, error_message=outcome.problem
        )
    )
