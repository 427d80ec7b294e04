"""Registered models, aliases and their history."""

from __future__ import annotations

import msgspec

from siglum.core.errors import NotFoundError
from siglum.registry import wire
from siglum.registry.entities import AliasMove
from siglum.registry.webhooks import ALIAS_CREATED, ALIAS_DELETED, MODEL_CREATED
from siglum.server.errors import RefusedError
from siglum.server.route import Call, Services
from siglum.tracking.calls import Empty
from siglum.tracking.entities import Tag

DEFAULT_PAGE = 100
DEFAULT_AUDIT = 1000


def create(services: Services, request: wire.CreateRegisteredModel, call: Call) -> wire.RegisteredModelAnswer:
    """Create a registered model."""
    made = services.registry.create_registered_model(
        request.name, change=call.change, tags=request.tags, description=request.description
    )
    services.sender.notify(MODEL_CREATED, made.name, {"tags": made.tags, "description": request.description})
    return wire.RegisteredModelAnswer(registered_model=wire.write_registered_model(made))


def get(services: Services, request: wire.RegisteredModelName, _call: Call) -> wire.RegisteredModelAnswer:
    """Return a registered model."""
    found = services.registry.get_registered_model(request.name)
    return wire.RegisteredModelAnswer(registered_model=wire.write_registered_model(found))


def update(services: Services, request: wire.UpdateRegisteredModel, call: Call) -> wire.RegisteredModelAnswer:
    """Replace the description."""
    changed = services.registry.update_registered_model(
        request.name, description=request.description, change=call.change
    )
    return wire.RegisteredModelAnswer(registered_model=wire.write_registered_model(changed))


def rename(services: Services, request: wire.RenameRegisteredModel, call: Call) -> wire.RegisteredModelAnswer:
    """Rename a registered model."""
    changed = services.registry.rename_registered_model(request.name, request.new_name, change=call.change)
    return wire.RegisteredModelAnswer(registered_model=wire.write_registered_model(changed))


def delete(services: Services, request: wire.RegisteredModelName, call: Call) -> Empty:
    """Delete a registered model with its versions."""
    services.registry.delete_registered_model(request.name, change=call.change)
    return Empty()


def search(services: Services, request: wire.Search, _call: Call) -> wire.RegisteredModelsAnswer:
    """Return a page of registered models."""
    page = services.registry.search_registered_models(
        filter_string=request.filter or "",
        max_results=DEFAULT_PAGE if request.max_results is None else request.max_results,
        order_by=request.order_by,
        page_token=request.page_token or None,
    )
    return wire.RegisteredModelsAnswer(
        registered_models=[wire.write_registered_model(item) for item in page.items], next_page_token=page.next_token
    )


def latest_versions(services: Services, request: wire.GetLatestVersions, _call: Call) -> wire.ModelVersionsAnswer:
    """Return the highest version of each stage."""
    found = services.registry.get_latest_versions(request.name, request.stages)
    return wire.ModelVersionsAnswer(model_versions=[wire.write_model_version(version) for version in found])


def set_tag(services: Services, request: wire.SetRegisteredModelTag, call: Call) -> Empty:
    """Set a tag."""
    services.registry.set_registered_model_tag(request.name, Tag(request.key, request.value), change=call.change)
    return Empty()


def delete_tag(services: Services, request: wire.DeleteRegisteredModelTag, call: Call) -> Empty:
    """Remove a tag."""
    services.registry.delete_registered_model_tag(request.name, request.key, change=call.change)
    return Empty()


def set_alias(services: Services, request: wire.SetAlias, call: Call) -> Empty:
    """Point an alias at a version, as MLflow answers."""
    move_alias(services, request, call)
    return Empty()


def delete_alias(services: Services, request: wire.AliasName, call: Call) -> Empty:
    """Remove an alias, as MLflow answers."""
    drop_alias(services, request, call)
    return Empty()


def get_by_alias(services: Services, request: wire.AliasName, _call: Call) -> wire.ModelVersionAnswer:
    """Return the version that an alias points at. For a missing alias MLflow's code is that of a bad value."""
    try:
        found = services.registry.get_version_by_alias(request.name, request.alias)
    except NotFoundError as error:
        services.registry.get_registered_model(request.name)  # a missing model stays what it is
        raise RefusedError(400, "INVALID_PARAMETER_VALUE", str(error), of=error) from None
    return wire.ModelVersionAnswer(model_version=wire.write_model_version(found))


# -- Siglum's own --------------------------------------------------------------------------------------------------


def move_alias(services: Services, request: wire.SetAlias, call: Call) -> wire.AliasMoveAnswer:
    """Point an alias at a version, and say where it pointed before."""
    move = services.registry.set_alias(request.name, request.alias, str(request.version), change=call.change)
    _tell(services, move)
    return wire.AliasMoveAnswer(move=move)


def drop_alias(services: Services, request: wire.AliasName, call: Call) -> wire.AliasMoveAnswer:
    """Remove an alias, and say where it pointed."""
    move = services.registry.delete_alias(request.name, request.alias, change=call.change)
    _tell(services, move)
    return wire.AliasMoveAnswer(move=move)


def rollback(services: Services, request: wire.Rollback, call: Call) -> wire.AliasMoveAnswer:
    """Point an alias back at the version before."""
    change = msgspec.structs.replace(call.change, reason=request.reason or call.change.reason)
    move = services.registry.rollback(request.name, request.alias, change=change)
    _tell(services, move)
    return wire.AliasMoveAnswer(move=move)


def _tell(services: Services, move: AliasMove) -> None:
    """Tell webhooks where an alias points now, or that it is gone."""
    if move.to_version is None:
        if move.from_version is not None:
            services.sender.notify(ALIAS_DELETED, move.name, {"alias": move.alias})
    else:
        services.sender.notify(ALIAS_CREATED, move.name, {"alias": move.alias, "version": move.to_version})


def audit(services: Services, request: wire.GetAudit, _call: Call) -> wire.AuditAnswer:
    """Return entries of the audit log, newest first."""
    events = services.registry.audit_log(
        name=request.name,
        max_results=DEFAULT_AUDIT if request.max_results is None else request.max_results,
        before=request.before,
    )
    return wire.AuditAnswer(events=list(events))
