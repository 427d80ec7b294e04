"""Webhooks by MlflowClient: at a server, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.webhook_receiver import WebhookReceiver

import siglum
from siglum.core.errors import InvalidInputError, NotFoundError, NotSupportedError
from siglum.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent, WebhookStatus
from siglum.testing.server import ServerProcess


def test_webhooks_of_a_server(project: Path, tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path / "server", "--webhook-hosts", "127.0.0.1") as server,
        WebhookReceiver() as receiver,
    ):
        siglum.set_tracking_uri(server.url)
        url = f"http://127.0.0.1:{receiver.port}/hook"
        client = siglum.MlflowClient()
        made = client.create_webhook("ci", url, ["model_version_alias.created"], description="d")
        assert client.get_webhook(made.webhook_id) == made
        assert (made.events[0].entity, made.status, made.description) == (
            "model_version_alias",
            WebhookStatus.ACTIVE,
            "d",
        )
        outcome = client.test_webhook(made.webhook_id, "model_version_alias.created")
        assert (outcome.success, outcome.response_status) == (True, 200)
        assert receiver.next().path == "/hook"
        changed = client.update_webhook(
            made.webhook_id,
            name="cd",
            events=[WebhookEvent(WebhookEntity.REGISTERED_MODEL, WebhookAction.CREATED)],
            status="DISABLED",
        )
        assert (changed.name, changed.events[0].action, changed.status) == ("cd", "created", "DISABLED")
        assert client.list_webhooks() == [changed]
        client.delete_webhook(made.webhook_id)
        with pytest.raises(NotFoundError):
            client.get_webhook(made.webhook_id)
        with pytest.raises(InvalidInputError, match=r"Did you mean 'model_version\.created'"):
            client.create_webhook("ci", url, ["model_version.create"])


def test_a_database_sends_none(project: Path) -> None:
    with pytest.raises(NotSupportedError, match="siglum server"):
        siglum.MlflowClient().list_webhooks()
