"""Send what has happened to all who asked for it: in threads of its own, after the change, without holding it up.

A delivery that fails is repeated a few times; when the server stops, what is still waiting is dropped, as in MLflow.
"""

from __future__ import annotations

import datetime
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from siglum.core.errors import NotFoundError
from siglum.registry.store import RegistryStore
from siglum.registry.webhooks import Receiver, WebhookEvent, WebhookStore
from siglum.server.webhooks.delivery import Delivery, Outcome, deliver, new_delivery
from siglum.server.webhooks.targets import TargetRules

WAITS: Final = (1.0, 4.0, 16.0)
"""Seconds before each repetition."""
THREADS: Final = 4
MAX_WAITING: Final = 1_000
_IS_PROMPT: Final = "mlflow.prompt.is_prompt"

_log = logging.getLogger("siglum.server.webhooks")


class WebhookSender:
    """The deliveries of one server."""

    def __init__(self, webhooks: WebhookStore, registry: RegistryStore, rules: TargetRules) -> None:
        self.rules = rules
        self._webhooks = webhooks
        self._registry = registry
        self._stopping = threading.Event()
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._threads = ThreadPoolExecutor(THREADS, "siglum-webhooks")

    def notify(self, event: WebhookEvent, name: str, data: dict[str, Any]) -> None:
        """Tell all who asked for it that something happened to the registered model `name`. Returns at once."""
        if self._waiting.acquire(blocking=False):
            self._threads.submit(self._send_to_all, event, name, {"name": name, **data})
        else:
            _log.warning("A webhook's delivery was dropped: %d are waiting.", MAX_WAITING)

    def test(self, webhook_id: str, event: WebhookEvent) -> Outcome:
        """Send a webhook an example of an event, once, and return how it went."""
        receiver = self._webhooks.webhook_receiver(webhook_id)
        return deliver(self.rules, receiver, new_delivery(event, _example(event), datetime.datetime.now(datetime.UTC)))

    def close(self) -> None:
        """End what is under way and drop the rest."""
        self._stopping.set()
        self._threads.shutdown(cancel_futures=True)

    def _send_to_all(self, event: WebhookEvent, name: str, data: dict[str, Any]) -> None:
        try:
            receivers = self._webhooks.webhook_receivers(event)
            if receivers and not self._is_prompt(name):
                delivery = new_delivery(event, data, datetime.datetime.now(datetime.UTC))
                for receiver in receivers:
                    self._send(receiver, delivery)
        except Exception:  # noqa: BLE001  nobody else would hear of it
            _log.exception("A webhook's delivery failed because of a bug.")
        finally:
            self._waiting.release()

    def _send(self, receiver: Receiver, delivery: Delivery) -> None:
        outcome = deliver(self.rules, receiver, delivery)
        for wait in WAITS:
            if not outcome.worth_repeating or self._stopping.wait(wait):
                break
            outcome = deliver(self.rules, receiver, delivery)
        if not outcome.success:
            _log.warning("A webhook's delivery failed. %s", outcome.problem)

    def _is_prompt(self, name: str) -> bool:
        """Whether the model is one of MLflow's prompts, which have events of their own that are not sent."""
        try:
            return self._registry.get_registered_model(name).tags.get(_IS_PROMPT, "").lower() == "true"
        except NotFoundError:
            return False


def _example(event: WebhookEvent) -> dict[str, Any]:
    """Return data as an event of that kind has it."""
    name = {"name": "example_model"}
    match event.entity.value:
        case "registered_model":
            return {**name, "tags": {"example_key": "example_value"}, "description": "An example"}
        case "model_version":
            return {
                **name,
                "version": "1",
                "source": "models:/m-0123",
                "run_id": None,
                "tags": {"example_key": "example_value"},
                "description": "An example",
            }
        case "model_version_tag":
            value = {"value": "example_value"} if event.action.value == "set" else {}
            return {**name, "version": "1", "key": "example_key", **value}
        case _:
            version = {"version": "1"} if event.action.value == "created" else {}
            return {**name, "alias": "example_alias", **version}
