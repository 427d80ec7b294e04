"""Which sources of model versions and locations of experiments the server takes from a client.

A client that could name any folder as a model's source could then read it through the server. This is the one place
that decides; it decides on the parsed URI, and refuses what it does not know:

- `models:/m-<id>` and `runs:/<run>/<path>` are looked up;
- `models:/<name>/<version or stage>` and `models:/<name>@<alias>` are looked up in the registry;
- `mlflow-artifacts:/…`, and the URL of the same at any server, must lie inside the files of the run or logged model
  that the request names; no host in a URI is ever contacted;
- object stores (`s3:`, `gs:`, …) are taken as they are, since the server never opens them;
- paths and `file:` URIs are refused, as is everything else.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.core.names import check_text
from siglum.core.uris import (
    LoggedModelById,
    ModelByAlias,
    ModelByStage,
    ModelByVersion,
    RunArtifact,
    parse_model_uri,
)
from siglum.registry.store import RegistryStore
from siglum.tracking.store import TrackingStore

PROXIED = "mlflow-artifacts:/"
_PROXY_ROUTE = "/api/2.0/mlflow-artifacts/artifacts/"
_OBJECT_STORES = frozenset({"s3", "gs", "azure", "wasb", "wasbs", "abfs", "abfss", "r2", "hdfs", "viewfs"})
_MAX_URI = 2048


class ResolvedSource(msgspec.Struct, frozen=True):
    """A source that may be registered: where its files are, and the run and logged model that made it."""

    storage_location: str
    run_id: str | None
    model_id: str | None


def artifact_path_of(uri: str) -> str | None:
    """Return the path below the served root that `mlflow-artifacts:/<path>` names; None for any other URI."""
    return uri.removeprefix(PROXIED).strip("/") if uri.startswith(PROXIED) and "//" not in uri else None


def check_artifact_location(location: str | None) -> str | None:
    """Return an experiment's artifact location as the store takes it. Raises InvalidInputError for a local one."""
    if not location:
        return None
    found = _canonical(location)
    if found is None:
        raise InvalidInputError(
            "Invalid artifact location: it must be in the artifact service (mlflow-artifacts:/…) or an object store.",
            hint="Leave it out to keep the files on the server.",
        )
    return found


def check_kept_location(location: str) -> str:
    """Return where the files of an imported record are, or are not if it is empty. Raises InvalidInputError.

    What names a folder of some machine is refused: a client that believed it would read and write its own.
    """
    if not location:
        return ""
    found = _canonical(location)
    if found is None:
        raise InvalidInputError(
            f"The files at {location[:200]!r} are neither this server's nor in an object store.",
            hint="Let the migration copy them, or run it on the server's database.",
        )
    return found


def check_kept_source(source: str) -> str:
    """Return the source of an imported version: a reference to a run or model, or as `check_kept_location`."""
    if source.partition(":")[0] in ("models", "runs"):
        parse_model_uri(check_text(source, "source", _MAX_URI))
        path = source.partition(":")[2].strip("/")
        if "\\" in source or not source.isprintable() or set(path.split("/")) & {"", ".", ".."}:
            raise _invalid("it climbs out of what it names")
        return source
    return check_kept_location(source)


def resolve_source(
    tracking: TrackingStore, registry: RegistryStore, source: str, *, run_id: str | None, model_id: str | None
) -> ResolvedSource:
    """Return what a source stands for. Raises InvalidInputError for one that the server must not hand out."""
    scheme = source.partition(":")[0].lower() if ":" in source else ""
    if scheme in ("models", "runs"):
        return _resolve_reference(tracking, registry, source, run_id, model_id)
    location = _canonical(source)
    if location is None:
        raise _invalid("it must be a models:/ or runs:/ URI, in the artifact service, or in an object store")
    if location.startswith(PROXIED):
        roots = []
        if run_id:
            roots.append(tracking.get_run(run_id).info.artifact_uri)
        if model_id:
            roots.append(tracking.get_logged_model(model_id).artifact_location)
        if not any(location == root or location.startswith(root.rstrip("/") + "/") for root in roots):
            raise _invalid("it is not inside the artifacts of the run or logged model that the request names")
    return ResolvedSource(location, run_id, model_id)


def _resolve_reference(
    tracking: TrackingStore, registry: RegistryStore, source: str, run_id: str | None, model_id: str | None
) -> ResolvedSource:
    reference = parse_model_uri(source)
    if isinstance(reference, LoggedModelById):
        if model_id not in (None, reference.model_id):
            raise _invalid("it names another logged model than the request's model_id")
        model = tracking.get_logged_model(reference.model_id)
        location = model.artifact_location
        run_id, model_id = run_id or model.source_run_id, model.model_id
    elif isinstance(reference, RunArtifact):
        if run_id not in (None, reference.run_id):
            raise _invalid("it names another run than the request's run_id")
        run_id = reference.run_id
        location = f"{tracking.get_run(run_id).info.artifact_uri}/{reference.path}"
    else:
        version = registry.get_model_version(reference.name, _version_number(registry, reference))
        location = registry.get_download_uri(version.name, version.version)
        run_id, model_id = run_id or version.run_id or None, model_id or version.model_id
    if _canonical(location) != location:
        raise _invalid("it stands for files that this server does not serve")
    return ResolvedSource(location, run_id, model_id)


def _version_number(registry: RegistryStore, reference: ModelByVersion | ModelByAlias | ModelByStage) -> str:
    if isinstance(reference, ModelByVersion):
        return str(reference.version)
    if isinstance(reference, ModelByAlias):
        return registry.get_version_by_alias(reference.name, reference.alias).version
    if reference.is_latest:
        return registry.get_version_by_alias(reference.name, "latest").version
    found = registry.get_latest_versions(reference.name, [reference.stage])
    if not found:
        raise _invalid(f"no version of {reference.name!r} is in stage {reference.stage!r}")
    return found[0].version


def _canonical(uri: str) -> str | None:
    """Return a location that a client may name in its one spelling, or None for any other.

    The path is taken literally: nothing in it is decoded, and what some parser might read otherwise is refused.
    """
    if len(uri) > _MAX_URI or not uri.isprintable() or any(c in uri for c in "\\?#;%") or uri != uri.strip():
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    path = parts.path.rstrip("/")
    if any(segment in ("", ".", "..") for segment in path.split("/")[1:]):
        return None
    if parts.scheme in ("http", "https") and parts.path.startswith(_PROXY_ROUTE):
        return PROXIED + path.removeprefix(_PROXY_ROUTE)
    if parts.scheme == "mlflow-artifacts" and path.startswith("/"):
        return PROXIED + path.lstrip("/")
    if parts.scheme in _OBJECT_STORES and parts.netloc:
        return uri
    return None


def _invalid(reason: str) -> InvalidInputError:
    return InvalidInputError(f"Invalid model version source: {reason}.")
