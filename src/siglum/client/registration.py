"""Registering models: from whatever URI a model has to a version that names its files, run, recipe and content."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

from siglum.client.change import change_from_here
from siglum.client.model_uris import resolve_model
from siglum.client.stores import Stores
from siglum.core.errors import AlreadyExistsError, InvalidInputError, UnavailableError
from siglum.core.uris import ModelByAlias, ModelByVersion, parse_model_uri
from siglum.registry.entities import ModelVersion
from siglum.registry.model_link import VERSIONS_TAG, with_version
from siglum.tracking.entities import LoggedModel, Tag

RUN_TAG = "siglum.run_id"
CARRIED_TAGS = ("siglum.recipe", "siglum.recipe_digest", "siglum.content_hash")
"""Tags of a logged model (or run) that its versions get too."""


def register(
    stores: Stores,
    model_uri: str,
    name: str,
    *,
    tags: Mapping[str, Any] | None = None,
    await_seconds: float = 300,
    reason: str | None = None,
) -> ModelVersion:
    """Make a model a version of `name`, which is created when it is new.

    Raises:
        NotFoundError: The URI names nothing; says what is near.
        ConflictError: The model's files are not complete.
    """
    resolved = resolve_model(stores, model_uri)
    if resolved.local is not None:
        raise InvalidInputError(
            f"{model_uri!r} is a local folder: a version's files are in an artifact store.",
            hint="Log the model first, and register what log_model returns.",
        )
    with contextlib.suppress(AlreadyExistsError):
        stores.registry.create_registered_model(name, change=change_from_here(reason))
    version = create_version(
        stores,
        name,
        resolved.source,
        run_id=resolved.run_id,
        tags=dict(tags or {}),
        model_id=resolved.model_id,
        reason=reason,
    )
    return await_ready(stores, version, await_seconds)


def create_version(
    stores: Stores,
    name: str,
    source: str,
    *,
    run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    run_link: str | None = None,
    description: str | None = None,
    model_id: str | None = None,
    reason: str | None = None,
) -> ModelVersion:
    """Create the next version of a registered model, tagged with what is known of its making."""
    logged = stores.tracking.get_logged_model(model_id) if model_id is not None else None
    if logged is not None and run_id is None:
        run_id = logged.source_run_id or None
    carried = _carried(stores, logged, run_id)
    made = stores.registry.create_model_version(
        name,
        source,
        change=change_from_here(reason),
        run_id=run_id,
        tags=[Tag(key, str(value)) for key, value in {**carried, **(tags or {})}.items()],
        run_link=run_link,
        description=description,
        model_id=model_id,
        storage_location=storage_location(stores, source),
    )
    if logged is not None:
        _link(stores, logged, made)
    return made


def copy_version(stores: Stores, source_uri: str, name: str, *, reason: str | None = None) -> ModelVersion:
    """Register the files of a version under another name, with its tags. Raises InvalidInputError for other URIs."""
    parsed = parse_model_uri(source_uri)
    if not isinstance(parsed, ModelByVersion | ModelByAlias):
        raise InvalidInputError(f"{source_uri!r} does not name a version.", hint="Use models:/<name>/<version>.")
    resolved = resolve_model(stores, source_uri)
    assert resolved.name is not None
    assert resolved.version is not None
    version = stores.registry.get_model_version(resolved.name, resolved.version)
    with contextlib.suppress(AlreadyExistsError):
        stores.registry.create_registered_model(name, change=change_from_here(reason))
    return stores.registry.create_model_version(
        name,
        f"models:/{version.name}/{version.version}",
        change=change_from_here(reason),
        run_id=version.run_id or None,
        tags=[Tag(key, value) for key, value in version.tags.items()],
        run_link=version.run_link or None,
        description=version.description or None,
        model_id=version.model_id,
        storage_location=stores.registry.get_download_uri(version.name, version.version),
    )


def storage_location(stores: Stores, source: str) -> str:
    """Return where the files of a source are: an artifact URI, whatever kind of URI the source is."""
    if not source.startswith(("models:", "runs:")):
        return source
    return resolve_model(stores, source).artifact_uri


def _carried(stores: Stores, logged: LoggedModel | None, run_id: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    if logged is not None:
        found = {key: logged.tags[key] for key in CARRIED_TAGS if key in logged.tags}
    elif run_id is not None:
        # A run's content hash may be of another of its models, so only the recipe is carried over.
        tags = stores.tracking.get_run(run_id).data.tags
        found = {key: tags[key] for key in CARRIED_TAGS[:2] if key in tags}
    if run_id:
        found[RUN_TAG] = run_id
    return found


def _link(stores: Stores, logged: LoggedModel, version: ModelVersion) -> None:
    """Note the version in the logged model's tag, as MLflow does; the server may have done so already."""
    tags = stores.tracking.get_logged_model(logged.model_id).tags
    value = with_version(tags.get(VERSIONS_TAG), version.name, version.version)
    if value is not None:
        stores.tracking.set_logged_model_tags(logged.model_id, [Tag(VERSIONS_TAG, value)])


def await_ready(stores: Stores, version: ModelVersion, seconds: float) -> ModelVersion:
    """Return the version once it is ready: at once with Siglum's stores, later where a server copies files."""
    deadline = time.monotonic() + seconds
    while version.status != "READY" and seconds > 0:
        if version.status.startswith("FAILED") or time.monotonic() > deadline:
            raise UnavailableError(
                f"Version {version.version} of {version.name} is {version.status}, not READY. {version.status_message}"
            )
        time.sleep(1)
        version = stores.registry.get_model_version(version.name, version.version)
    return version
