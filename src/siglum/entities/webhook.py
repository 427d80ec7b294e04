"""What webhooks are, under the names of `mlflow.entities.webhook`."""

from __future__ import annotations

from siglum.registry.webhook_wire import WebhookTestResult
from siglum.registry.webhooks import Webhook, WebhookAction, WebhookEntity, WebhookEvent, WebhookStatus

__all__ = ["Webhook", "WebhookAction", "WebhookEntity", "WebhookEvent", "WebhookStatus", "WebhookTestResult"]
