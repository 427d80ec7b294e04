"""What another store's registry has besides its models: entries of its audit log, and webhooks."""

from __future__ import annotations

import uuid

import msgspec

from siglum.core import limits
from siglum.core.errors import IntegrityError, InvalidInputError
from siglum.core.names import check_registered_model_name, check_text, parse_version
from siglum.registry import import_wire, webhook_wire
from siglum.registry.entities import AuditEvent
from siglum.registry.sql.foreign_audit import ForeignEntry
from siglum.registry.webhooks import Webhook, WebhookChange
from siglum.server.route import Call, Services


def add_history(services: Services, request: import_wire.ImportHistory, call: Call) -> import_wire.ImportedHistory:
    """Keep entries of another store's audit log, each as what an entry of this one says came over."""
    for name, number in request.counters.items():
        check_registered_model_name(name)
        if number < 1:
            raise InvalidInputError(f"The next version of {name!r} cannot be {number}.")
    entries = [_read_entry(each) for each in request.entries]
    try:
        new = services.imports.add_history(entries, request.counters, call.change)
    except IntegrityError as error:  # of what was sent, not of what is here
        raise InvalidInputError(error.message, hint=error.hint) from None
    return import_wire.ImportedHistory(entries=new)


def add_webhook(services: Services, request: import_wire.ImportWebhook, _call: Call) -> import_wire.ImportedWebhook:
    """Keep a webhook of another store, once its URL has been judged as that of any other."""
    message = request.webhook
    try:
        webhook_id = str(uuid.UUID(message.webhook_id))
    except ValueError:
        raise InvalidInputError("Invalid value for parameter 'webhook_id' supplied: it must be a UUID.") from None
    change = webhook_wire.read_change(
        webhook_wire.CreateWebhook(
            name=message.name,
            url=message.url,
            events=message.events,
            description=message.description,
            secret=request.secret,
            status=message.status,
        )
    )
    change.check()
    services.sender.rules.check(message.url)
    webhook = _webhook(webhook_id, message, change)
    return import_wire.ImportedWebhook(created=services.webhooks.take_webhook(webhook, request.secret or None))


def _webhook(webhook_id: str, message: webhook_wire.WebhookMessage, change: WebhookChange) -> Webhook:
    if change.name is None or change.url is None or change.status is None:
        raise InvalidInputError("A webhook has a name, a URL and a status.")
    return Webhook(
        webhook_id=webhook_id,
        name=change.name,
        url=change.url,
        events=change.events or (),
        status=change.status,
        creation_timestamp=message.creation_timestamp,
        last_updated_timestamp=message.last_updated_timestamp,
        description=change.description,
    )


def _read_entry(message: import_wire.ImportAuditEntry) -> ForeignEntry:
    for field in ("actor", "source", "action", "alias", "reason", "prev_hash", "hash"):
        check_text(getattr(message, field) or "", field, limits.DESCRIPTION)
    check_registered_model_name(message.model)
    if message.version is not None:
        parse_version(message.version)
    fields = msgspec.structs.asdict(message)
    own = {name: fields.pop(name) for name in ("model_key", "prev_hash", "hash")}
    return ForeignEntry(AuditEvent(**fields), **own)
