"""From the name that a person types to one model version in the registry, with near names when there is none."""

from __future__ import annotations

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.text import did_you_mean
from siglum.core.uris import (
    ModelByAlias,
    ModelByStage,
    ModelByVersion,
    ModelUri,
    parse_model_uri,
    parse_version_reference,
)
from siglum.registry.entities import ModelVersion, RegisteredModel
from siglum.registry.store import RegistryStore

ACCEPTED = "Use NAME@VERSION or NAME@ALIAS, as in churn@3 or churn@champion, or a models:/ URI."


def parse_reference(reference: str) -> ModelByVersion | ModelByAlias | ModelByStage | None:
    """Return what `reference` names when it has the form of a model version; None when it has not."""
    found: ModelUri | None = parse_version_reference(reference)
    if found is None and reference.startswith("models:"):
        found = parse_model_uri(reference)
    return found if isinstance(found, ModelByVersion | ModelByAlias | ModelByStage) else None


def resolve_version(registry: RegistryStore, reference: str) -> ModelVersion:
    """Return the version that `name@version`, `name@alias` or a `models:/` URI names.

    Raises:
        InvalidInputError: Another form.
        NotFoundError: No such model, version, alias or stage; says what is near or what there is.
    """
    target = parse_reference(reference)
    if target is None:
        raise InvalidInputError(f"{reference!r} does not name a model version.", hint=ACCEPTED)
    model = registry.get_registered_model(target.name)
    if isinstance(target, ModelByVersion):
        return _by_number(registry, model, target.version)
    if isinstance(target, ModelByAlias):
        return _by_alias(registry, model, target.alias)
    if target.is_latest:
        return _by_number(registry, model, _highest(model))
    found = registry.get_latest_versions(model.name, [target.stage])
    if not found:
        raise NotFoundError(f"Model {model.name!r} has no version in stage {target.stage!r}.")
    return found[0]


def _by_alias(registry: RegistryStore, model: RegisteredModel, alias: str) -> ModelVersion:
    if alias.lower() == "latest":
        return _by_number(registry, model, _highest(model))
    if alias not in model.aliases:
        known = ", ".join(sorted(model.aliases))
        hint = did_you_mean(alias, model.aliases) or (f"Its aliases are {known}." if known else "It has no aliases.")
        raise NotFoundError(f"Model {model.name!r} has no alias {alias!r}.", hint=hint)
    return registry.get_model_version(model.name, model.aliases[alias])


def _by_number(registry: RegistryStore, model: RegisteredModel, number: int) -> ModelVersion:
    try:
        return registry.get_model_version(model.name, str(number))
    except NotFoundError:
        highest = _highest(model)
        hint = f"Its latest version is {model.name}@{highest}." if highest else "It has no versions."
        raise NotFoundError(f"Model {model.name!r} has no version {number}.", hint=hint) from None


def _highest(model: RegisteredModel) -> int:
    return max((int(version.version) for version in model.latest_versions), default=0)
