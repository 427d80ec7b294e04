"""Webhooks: who wants to hear of which changes of the registry. What they are, their rules, and the port to them.

`registry.sql.webhooks` keeps them in a database; `server.webhooks` sends what they ask for.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.core.names import check_text
from siglum.tracking.entities import Entity
from siglum.tracking.store import Page

MAX_NAME: Final = 63
MAX_DESCRIPTION: Final = 1_000
MAX_URL: Final = 500
MAX_SECRET: Final = 1_000
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\Z")


class WebhookStatus(enum.StrEnum):
    """Whether a webhook is sent to."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class WebhookEntity(enum.StrEnum):
    """What an event is about. The value is how a delivery names it."""

    REGISTERED_MODEL = "registered_model"
    MODEL_VERSION = "model_version"
    MODEL_VERSION_TAG = "model_version_tag"
    MODEL_VERSION_ALIAS = "model_version_alias"
    PROMPT = "prompt"
    PROMPT_VERSION = "prompt_version"
    PROMPT_TAG = "prompt_tag"
    PROMPT_VERSION_TAG = "prompt_version_tag"
    PROMPT_ALIAS = "prompt_alias"
    BUDGET_POLICY = "budget_policy"


class WebhookAction(enum.StrEnum):
    """What happened. The value is how a delivery names it."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    SET = "set"
    EXCEEDED = "exceeded"


class WebhookEvent(msgspec.Struct, frozen=True):
    """A kind of change."""

    entity: WebhookEntity
    action: WebhookAction


_E, _A = WebhookEntity, WebhookAction
MODEL_CREATED: Final = WebhookEvent(_E.REGISTERED_MODEL, _A.CREATED)
VERSION_CREATED: Final = WebhookEvent(_E.MODEL_VERSION, _A.CREATED)
VERSION_TAG_SET: Final = WebhookEvent(_E.MODEL_VERSION_TAG, _A.SET)
VERSION_TAG_DELETED: Final = WebhookEvent(_E.MODEL_VERSION_TAG, _A.DELETED)
ALIAS_CREATED: Final = WebhookEvent(_E.MODEL_VERSION_ALIAS, _A.CREATED)
ALIAS_DELETED: Final = WebhookEvent(_E.MODEL_VERSION_ALIAS, _A.DELETED)

SENT_EVENTS: Final = (
    MODEL_CREATED,
    VERSION_CREATED,
    VERSION_TAG_SET,
    VERSION_TAG_DELETED,
    ALIAS_CREATED,
    ALIAS_DELETED,
)
"""The events of MLflow that Siglum has too; its others are about prompts and budgets."""
_OUT_OF_SCOPE: Final = frozenset(
    {_E.PROMPT, _E.PROMPT_VERSION, _E.PROMPT_TAG, _E.PROMPT_VERSION_TAG, _E.PROMPT_ALIAS, _E.BUDGET_POLICY}
)


class Webhook(Entity, frozen=True, kw_only=True):
    """Who wants to hear of what. The secret that signs deliveries is never part of it."""

    webhook_id: str
    name: str
    url: str
    events: tuple[WebhookEvent, ...]
    status: WebhookStatus
    creation_timestamp: int
    last_updated_timestamp: int
    description: str | None = None


class Receiver(msgspec.Struct, frozen=True):
    """Where a delivery goes, and what it is signed with."""

    url: str
    secret: str | None


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True):
    """What of a webhook is to be replaced; None leaves it as it is."""

    name: str | None = None
    url: str | None = None
    events: tuple[WebhookEvent, ...] | None = None
    description: str | None = None
    secret: str | None = None
    status: WebhookStatus | None = None

    def check(self) -> None:
        """Raise InvalidInputError or NotSupportedError for what no webhook has; the URL's host is not looked at."""
        if self.name is not None:
            check_name(self.name)
        if self.events is not None:
            check_events(self.events)
        check_text(self.url or "", "url", MAX_URL)
        check_text(self.description or "", "description", MAX_DESCRIPTION)
        check_text(self.secret or "", "secret", MAX_SECRET)


def check_name(name: str) -> None:
    """Hold a webhook's name to MLflow's rule."""
    if len(name) > MAX_NAME or not _NAME.match(name):
        raise InvalidInputError(
            f"Webhook name {name[:80]!r} is invalid.",
            hint=f"It has at most {MAX_NAME} letters, digits, dots, underscores and hyphens, and begins and ends with"
            " a letter or digit.",
        )


def check_events(events: Iterable[WebhookEvent]) -> None:
    """Raise unless there is at least one event and each is one that is sent."""
    found = list(events)
    if not found:
        raise InvalidInputError("Webhook events must be a non-empty list.")
    for event in found:
        if event.entity in _OUT_OF_SCOPE:
            raise NotSupportedError(f"Events of {event.entity.name} are not sent: this server has no such thing.")
        if event not in SENT_EVENTS:
            valid = ", ".join(e.action.name for e in SENT_EVENTS if e.entity is event.entity)
            raise InvalidInputError(
                f"Invalid action {event.action.name} for entity {event.entity.name}.", hint=f"Valid actions: {valid}."
            )


class WebhookStore(Protocol):
    """Webhooks by id. Unknown ids raise NotFoundError; a change that returns is durable."""

    def create_webhook(self, change: WebhookChange) -> Webhook:
        """Keep a new webhook; `change` has a name, a URL and events. It is active unless it says otherwise."""
        ...

    def take_webhook(self, webhook: Webhook, secret: str | None) -> bool:
        """Keep a webhook of another store under its own id, with its times; whether it is new here, else it stays."""
        ...

    def get_webhook(self, webhook_id: str) -> Webhook:
        """Return a webhook."""
        ...

    def list_webhooks(self, *, max_results: int = 100, page_token: str | None = None) -> Page[Webhook]:
        """Return webhooks, the newest first."""
        ...

    def update_webhook(self, webhook_id: str, change: WebhookChange) -> Webhook:
        """Replace what `change` has."""
        ...

    def delete_webhook(self, webhook_id: str) -> None:
        """Forget a webhook and its secret."""
        ...

    def webhook_receiver(self, webhook_id: str) -> Receiver:
        """Return where a webhook's deliveries go, active or not."""
        ...

    def webhook_receivers(self, event: WebhookEvent) -> Sequence[Receiver]:
        """Return where an event has to go: all active webhooks that ask for it."""
        ...
