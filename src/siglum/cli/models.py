"""`siglum models`, `promote`, `rollback`, `audit`: what is in the registry, and who moved what."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from siglum.cli.command import command, group, tracking_option
from siglum.cli.console import Console
from siglum.core.errors import UsageError
from siglum.core.text import timestamp
from siglum.core.uris import ModelByAlias, parse_version_reference

if TYPE_CHECKING:
    from siglum.client.stores import Stores
    from siglum.registry.entities import AliasMove, AuditEvent, Change, ModelVersion, RegisteredModel
    from siglum.registry.store import RegistryStore

DEFAULT_ALIAS = "champion"


@group("models")
def models() -> None:
    """List and show registered models and their versions."""


@models.command("list")
@tracking_option
def list_models(console: Console, tracking_uri: str | None) -> None:
    """List all registered models."""
    with closing(_open(tracking_uri)) as stores:
        found: list[RegisteredModel] = []
        token = None
        while True:
            page = stores.registry.search_registered_models(page_token=token)
            found.extend(page.items)
            if (token := page.next_token) is None:
                break
    console.result(found)
    if not found:
        console.say("No models are registered yet.")
        return
    rows = []
    for model in found:
        latest = max((int(version.version) for version in model.latest_versions), default=0)
        aliases = ", ".join(f"{alias} → {version}" for alias, version in sorted(model.aliases.items()))
        rows.append([model.name, str(latest), aliases, timestamp(model.last_updated_timestamp)])
    console.table(["model", "latest", "aliases", "changed"], rows)


@models.command("show")
@click.argument("name")
@tracking_option
def show_model(console: Console, name: str, tracking_uri: str | None) -> None:
    """Show one registered model: description, tags, aliases and its latest versions."""
    with closing(_open(tracking_uri)) as stores:
        model = stores.registry.get_registered_model(name)
    console.result(model)
    console.say(console.style(model.name, "bold"))
    if model.description:
        console.say(model.description)
    rows = [("created", timestamp(model.creation_timestamp)), ("changed", timestamp(model.last_updated_timestamp))]
    rows += [(f"tag {key}", value) for key, value in sorted(model.tags.items())]
    rows += [(f"alias {alias}", f"{model.name}@{version}") for alias, version in sorted(model.aliases.items())]
    for version in model.latest_versions:
        stage = "" if version.current_stage == "None" else f" in {version.current_stage}"
        rows.append((f"latest{stage}", f"{model.name}@{version.version}"))
    for key, value in rows:
        console.say(f"  {key:<18} {value}")


@models.command("versions")
@click.argument("name")
@tracking_option
def list_versions(console: Console, name: str, tracking_uri: str | None) -> None:
    """List the versions of a registered model, the newest first."""
    with closing(_open(tracking_uri)) as stores:
        stores.registry.get_registered_model(name)  # says which names are near when there is none
        versions = _versions(stores.registry, name)
    console.result(versions)
    if not versions:
        console.say(f"Model {name!r} has no versions.")
        return
    rows = []
    for version in versions:
        content = version.tags.get("siglum.content_hash", "").removeprefix("sha256:")[:12]
        stage = "" if version.current_stage == "None" else str(version.current_stage)
        aliases = ", ".join(version.aliases)
        rows.append(
            [version.version, aliases, stage, timestamp(version.creation_timestamp), version.run_id[:8], content]
        )
    console.table(["version", "aliases", "stage", "registered", "run", "content"], rows)


@command("promote")
@click.argument("reference", metavar="NAME@VERSION")
@click.option("--to", "alias", default=DEFAULT_ALIAS, show_default=True, metavar="ALIAS", help="The alias to move.")
@click.option("--reason", metavar="TEXT", help="Why; kept in the audit log.")
@tracking_option
def promote(console: Console, reference: str, alias: str, reason: str | None, tracking_uri: str | None) -> None:
    """Point an alias at a model version, given by number or by another alias."""
    target = parse_version_reference(reference)
    if target is None:
        raise UsageError(
            f"{reference!r} does not name a model version.", hint="Use NAME@VERSION or NAME@ALIAS, as in churn@3."
        )
    with closing(_open(tracking_uri)) as stores:
        if isinstance(target, ModelByAlias):
            version = stores.registry.get_version_by_alias(target.name, target.alias).version
        else:
            version = str(target.version)
        move = stores.registry.set_alias(target.name, alias, version, change=_change(reason))
    console.result(move)
    console.say(_moved(move))


@command("rollback")
@click.argument("name")
@click.option("--alias", default=DEFAULT_ALIAS, show_default=True, help="The alias to move back.")
@click.option("--reason", metavar="TEXT", help="Why; kept in the audit log.")
@tracking_option
def rollback(console: Console, name: str, alias: str, reason: str | None, tracking_uri: str | None) -> None:
    """Move an alias back to the version it pointed at before."""
    change = _change(reason)
    with closing(_open(tracking_uri)) as stores:
        stores.registry.get_registered_model(name)  # says which names are near when there is none
        undone = _last_move(stores.registry, name, alias)
        move = stores.registry.rollback(name, alias, change=change)
    console.result({"move": move, "actor": change.actor, "reason": reason, "undone": undone})
    console.say(f"{_moved(move)} by {change.actor}")
    if undone is not None:
        why = f": {undone.reason}" if undone.reason else ", without a reason"
        console.say(f"  undone: the move to version {undone.version} by {undone.actor}, {timestamp(undone.time)}{why}")


@command("audit")
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many entries, newest first.")
@tracking_option
def audit(console: Console, name: str | None, limit: int, tracking_uri: str | None) -> None:
    """Show who changed what in the registry, when and why, the newest first."""
    with closing(_open(tracking_uri)) as stores:
        events = stores.registry.audit_log(name=name, max_results=limit)
        if name is not None and not events:
            stores.registry.get_registered_model(name)  # says which names are near when there is none
    console.result(events)
    if not events:
        console.say("Nothing is on record yet.")
        return
    rows = [[timestamp(e.time), e.actor, e.action, describe_event(e), e.reason or ""] for e in events]
    console.table(["time", "actor", "action", "what", "reason"], rows)


def describe_event(event: AuditEvent) -> str:
    """Return what an audit event changed, in one line: the thing, and each field from old to new."""
    thing = event.model + (f"@{event.version}" if event.version else "")
    if event.alias:
        thing = f"{event.model}@{event.alias}"
    before, after = event.before or {}, event.after or {}
    if event.action.startswith("create"):  # everything is new; the run says where it came from
        return f"{thing} from run {after['run_id'][:8]}" if after.get("run_id") else thing
    changes = [
        f"{key} {_short(before[key])} → {_short(after.get(key))}"
        if before.get(key)
        else f"{key} {_short(after.get(key))}"
        for key in sorted(before.keys() | after.keys())
        if (before.get(key) or None) != (after.get(key) or None)
    ]
    return f"{thing}: {', '.join(changes)}" if changes else thing


def _short(value: object) -> str:
    if value is None or value == "":
        return "none"
    text = str(value)
    return text if len(text) <= 32 else text[:29] + "…"


def _moved(move: AliasMove) -> str:
    before = f"version {move.from_version}" if move.from_version is not None else "nothing"
    after = f"version {move.to_version}" if move.to_version is not None else "nothing"
    if move.from_version == move.to_version:
        return f"{move.name}@{move.alias} already pointed at {after}"
    return f"{move.name}@{move.alias}: {before} → {after}"


def _last_move(registry: RegistryStore, name: str, alias: str) -> AuditEvent | None:
    """Return the move that a rollback undoes now: the last one that was not undone."""
    moves: list[AuditEvent] = []
    for event in reversed(registry.audit_log(name=name)):
        if event.alias != alias:
            continue
        if event.action != "rollback":
            moves.append(event)
        elif moves:
            moves.pop()
    return moves[-1] if moves else None


def _versions(registry: RegistryStore, name: str) -> list[ModelVersion]:
    quoted = name.replace("'", "''")
    found: list[ModelVersion] = []
    token = None
    while True:
        page = registry.search_model_versions(filter_string=f"name = '{quoted}'", page_token=token)
        found.extend(page.items)
        if (token := page.next_token) is None:
            return sorted(found, key=lambda version: -int(version.version))


def _change(reason: str | None) -> Change:
    from siglum.client.change import change_from_here

    return change_from_here(reason)


def _open(tracking_uri: str | None) -> Stores:
    from siglum.client.stores import open_stores

    return open_stores(tracking_uri, create=False)
