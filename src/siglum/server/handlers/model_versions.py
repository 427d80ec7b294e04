"""Model versions."""

from __future__ import annotations

import contextlib

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.registry import wire
from siglum.registry.model_link import VERSIONS_TAG, with_version
from siglum.registry.webhooks import VERSION_CREATED, VERSION_TAG_DELETED, VERSION_TAG_SET
from siglum.server.route import Call, Services
from siglum.server.sources import resolve_source
from siglum.tracking.calls import Empty
from siglum.tracking.entities import Tag

DEFAULT_PAGE = 200_000


def create(services: Services, request: wire.CreateModelVersion, call: Call) -> wire.ModelVersionAnswer:
    """Create the next version from a source that the server may hand out."""
    source = resolve_source(
        services.tracking,
        services.registry,
        request.source,
        run_id=request.run_id or None,
        model_id=request.model_id or None,
    )
    if request.storage_location not in (None, source.storage_location):
        raise InvalidInputError("Invalid model version source: its files are not at the given storage_location.")
    made = services.registry.create_model_version(
        request.name,
        request.source,
        change=call.change,
        run_id=source.run_id,
        tags=request.tags,
        run_link=request.run_link,
        description=request.description,
        model_id=source.model_id,
        storage_location=source.storage_location,
    )
    if made.model_id:
        _link(services, made.model_id, made.name, made.version)
    told = {
        "version": made.version,
        "source": made.source,
        "run_id": made.run_id or None,
        "tags": made.tags,
        "description": request.description,
    }
    services.sender.notify(VERSION_CREATED, made.name, told)
    return wire.ModelVersionAnswer(model_version=wire.write_model_version(made))


def _link(services: Services, model_id: str, name: str, version: str) -> None:
    """Note the version in the logged model's tag, as MLflow's server does."""
    tags = services.tracking.get_logged_model(model_id, allow_deleted=True).tags
    value = with_version(tags.get(VERSIONS_TAG), name, version)
    if value is not None:
        with contextlib.suppress(NotFoundError):  # deleted in between
            services.tracking.set_logged_model_tags(model_id, [Tag(VERSIONS_TAG, value)])


def get(services: Services, request: wire.VersionName, _call: Call) -> wire.ModelVersionAnswer:
    """Return a version."""
    found = services.registry.get_model_version(request.name, str(request.version))
    return wire.ModelVersionAnswer(model_version=wire.write_model_version(found))


def update(services: Services, request: wire.UpdateModelVersion, call: Call) -> wire.ModelVersionAnswer:
    """Replace the description."""
    changed = services.registry.update_model_version(
        request.name, str(request.version), description=request.description, change=call.change
    )
    return wire.ModelVersionAnswer(model_version=wire.write_model_version(changed))


def transition_stage(services: Services, request: wire.TransitionStage, call: Call) -> wire.ModelVersionAnswer:
    """Move a version to a stage."""
    changed = services.registry.transition_stage(
        request.name,
        str(request.version),
        request.stage,
        change=call.change,
        archive_existing=request.archive_existing_versions,
    )
    return wire.ModelVersionAnswer(model_version=wire.write_model_version(changed))


def delete(services: Services, request: wire.VersionName, call: Call) -> Empty:
    """Delete a version."""
    services.registry.delete_model_version(request.name, str(request.version), change=call.change)
    return Empty()


def search(services: Services, request: wire.Search, _call: Call) -> wire.ModelVersionsAnswer:
    """Return a page of versions."""
    page = services.registry.search_model_versions(
        filter_string=request.filter or "",
        max_results=DEFAULT_PAGE if request.max_results is None else request.max_results,
        order_by=request.order_by,
        page_token=request.page_token or None,
    )
    return wire.ModelVersionsAnswer(
        model_versions=[wire.write_model_version(item) for item in page.items], next_page_token=page.next_token
    )


def set_tag(services: Services, request: wire.SetModelVersionTag, call: Call) -> Empty:
    """Set a tag."""
    tag = Tag(request.key, request.value)
    version = str(request.version)
    services.registry.set_model_version_tag(request.name, version, tag, change=call.change)
    services.sender.notify(VERSION_TAG_SET, request.name, {"version": version, "key": tag.key, "value": tag.value})
    return Empty()


def delete_tag(services: Services, request: wire.DeleteModelVersionTag, call: Call) -> Empty:
    """Remove a tag."""
    version = str(request.version)
    services.registry.delete_model_version_tag(request.name, version, request.key, change=call.change)
    services.sender.notify(VERSION_TAG_DELETED, request.name, {"version": version, "key": request.key})
    return Empty()


def download_uri(services: Services, request: wire.VersionName, _call: Call) -> wire.DownloadUriAnswer:
    """Return where a version's files are."""
    found = services.registry.get_download_uri(request.name, str(request.version))
    return wire.DownloadUriAnswer(artifact_uri=found)
